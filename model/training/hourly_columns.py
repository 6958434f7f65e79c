"""The columns an hourly table may have: every name carries its unit, and a name without a known one is refused.

`creatinine_mg_dl`, `creatinine_umol_l`, `mean_bp_mmhg`, `temperature_cel`: the analyte as `model.analytes` has it
and a unit of `model.unit_tables` in small letters. `urea_...` is urea, `urea_nitrogen_...` its nitrogen. pH, INR
and coma score have no unit and need none in the name.
"""

from model.analytes import Analyte
from model.training.cohort import CohortUnreadable
from model.unit_tables import UCUM_ROWS, UREA_ROWS
from model.units import ReportedAs, Scale, scale_for

NEEDED = ("patient_id", "hour", "age_years", "sex")
OPTIONAL = ("known_hour", "stay_id", "hospital", "unit_type", "period")
UNITLESS = (Analyte.PH, Analyte.INR, Analyte.GLASGOW_COMA_SCORE)
_SPELLED = {"%": "percent", "1": "", "{fraction}": "fraction", "{ratio}": "", "L/L": "", "/min": "per_min"}


def _unit_in_name(unit: str) -> str:
    """`mm[Hg]` is `mmhg`, `10*3/uL` is `10_3_ul`; empty for a spelling not used in names."""
    if unit in _SPELLED:
        return _SPELLED[unit]
    kept = "".join(" " if sign in "/*^" else sign for sign in unit if sign not in "[]").lower()
    return "" if "{" in kept or kept.startswith(" ") else "_".join(kept.split())


def _columns() -> dict[str, Scale]:
    found: dict[str, Scale] = {}
    named = [(a.value, a, ReportedAs.ITSELF, rows) for a, rows in UCUM_ROWS.items()]
    for name, analyte, substance, rows in [*named, ("urea", Analyte.UREA_NITROGEN, ReportedAs.UREA, UREA_ROWS)]:
        for unit in rows:
            spelled = _unit_in_name(unit)
            if spelled:
                found[f"{name}_{spelled}"] = scale_for(analyte, unit, ucum=True, reported_as=substance)
    return found | {a.value: scale_for(a, next(iter(UCUM_ROWS[a])), ucum=True) for a in UNITLESS}


COLUMNS: dict[str, Scale] = _columns()


def scales_of(names: list[str]) -> dict[str, Scale]:
    """How each measured column is read. Raises CohortUnreadable when its unit is missing or unknown."""
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise CohortUnreadable(f"the column(s) {', '.join(missing)} are missing; docs/validation.md lists them")
    for name in names:
        analyte = _analyte_meant(name)
        if name not in COLUMNS and analyte is not None:
            units = ", ".join(column for column in COLUMNS if _analyte_meant(column) == analyte)
            raise CohortUnreadable(
                f"the column {name} does not say its unit in a way that is understood; name it one of: {units}"
            )
    found = {name: COLUMNS[name] for name in names if name in COLUMNS}
    if all(scale.analyte is not Analyte.CREATININE for scale in found.values()):
        raise CohortUnreadable("there is no creatinine column; name it creatinine_mg_dl or creatinine_umol_l")
    return found


def ignored(names: list[str]) -> list[str]:
    """The columns that are neither needed, nor optional, nor measured: not read."""
    return [name for name in names if name not in (*NEEDED, *OPTIONAL, *COLUMNS)]


def _analyte_meant(column: str) -> str | None:
    """The longest analyte name a column begins with; `urea` apart from `urea_nitrogen`."""
    begins = [name for name in (*(a.value for a in Analyte), "urea") if f"{column}_".startswith(f"{name}_")]
    return max(begins, key=len, default=None)
