"""The tables of docs/reading-charts.md that come from the code: units and codes of each analyte."""

from collections.abc import Iterable

from model.analytes import CANONICAL_UNIT, Analyte
from model.unit_tables import PLAUSIBLE, SPELLINGS, UCUM_ROWS, UREA_ROWS, Conversion, Rows
from patient_context.codes import REFUSED_TESTS, TESTS
from patient_context.concept_codes import CONCEPT_SYSTEMS


def appendix() -> str:
    """Everything below the tables of `tests/spec`."""
    return "\n\n".join((_units(), _tests(), _refused(), _concepts()))


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _units() -> str:
    rows = []
    for analyte, units in UCUM_ROWS.items():
        window, held = PLAUSIBLE[analyte], CANONICAL_UNIT[analyte]
        rows.append(
            (str(analyte), held, f"{window.low:g} to {window.high:g}", _accepted(units), _spellings(units))
        )
        if analyte is Analyte.UREA_NITROGEN:
            rows.append((f"{analyte} sent as urea", held, "the same", _accepted(UREA_ROWS), ""))
    columns = ("analyte", "held in", "accepted range", "UCUM codes and their factor", "spellings without UCUM")
    text = (
        "## Units per analyte\n\nA value times its factor is the value held. UCUM codes count exactly as\n"
        "written (the litre as `L` or `l`); other spellings, when the sender does not say UCUM, without spaces\n"
        "and letter case. A value outside the range is asked about, never repaired."
    )
    return f"{text}\n\n{_table(columns, rows)}"


def _accepted(units: Rows) -> str:
    return ", ".join(f"`{unit}` {_factor(row)}" for unit, row in units.items())


def _factor(row: Conversion) -> str:
    factor = f"{row.multiplier / row.divisor:.6g}"
    return f"{factor} {'-' if row.offset < 0 else '+'} {abs(row.offset):.6g}" if row.offset else factor


def _spellings(units: Rows) -> str:
    found = [spelling for unit in units for spelling in SPELLINGS.get(unit, ())]
    return ", ".join(f"`{spelling}`" if spelling else "no unit at all" for spelling in found)


def _tests() -> str:
    rows = [
        (code, str(test.analyte), str(test.kind) if test.kind else "as the unit says", str(test.reported_as))
        for code, test in TESTS.items()
    ]
    return "## LOINC codes that are read\n\n" + _table(("LOINC", "analyte", "kind of quantity", "counts"), rows)


def _refused() -> str:
    rows = [(code, reason, sentence) for code, (reason, sentence) in REFUSED_TESTS.items()]
    return "## LOINC codes that are refused by name\n\n" + _table(("LOINC", "reason code", "sentence"), rows)


def _concepts() -> str:
    rows = []
    for system, (by_prefix, codes) in CONCEPT_SYSTEMS.items():
        ideas = sorted({idea for found in codes.values() for idea in found})
        for idea in ideas:
            listed = ", ".join(f"`{code}`" for code in sorted(codes) if idea in codes[code])
            rows.append((system, "begins with" if by_prefix else "is", str(idea), listed))
    return "## Codes of problems and procedures\n\n" + _table(("system", "code", "stands for", "codes"), rows)
