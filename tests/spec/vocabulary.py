"""The words of the staging tables: from a case to a chart and a policy, and from an outcome to words again."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from model.analytes import Analyte
from model.assess import assess
from model.assessment import Assessment, BaselineMethod, NotApplicable, Outcome
from model.errors import ModelError
from model.policy import MEASURED_BASELINES, SitePolicy
from model.snapshot import Comparator, Concept, Measurement, Problem, ProcedureDone, Sex, Stay
from model.units import to_canonical
from tests.builders.charts import NOW, ChartBuilder
from tests.spec.tables import Case

_SPAN = re.compile(r"(?P<sign>-?)(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?$")
_RESULT = re.compile(
    r"(?P<at>\S+) (?P<comparator>[<>]=?)?(?P<value>[\d.]+)(?: (?P<unit>[a-z]+/d?L))?(?P<flags>(?: [a-z-]+)*)$"
)


def moment(text: str) -> datetime:
    """`-7d01m` as a time; `0` is now."""
    if text == "0":
        return NOW
    match = _SPAN.match(text)
    if not match or match["sign"] != "-":
        raise ValueError(f"not a time: {text!r}")
    return NOW - timedelta(**{n: int(match[k] or 0) for n, k in (("days", "d"), ("hours", "h"), ("minutes", "m"))})


@dataclass
class _Scene:
    """A case being turned into what `assess` takes."""

    unit: str
    chart: ChartBuilder = field(default_factory=ChartBuilder)
    policy: SitePolicy = field(default_factory=SitePolicy)


def outcome_of(case: Case, unit: str) -> Outcome:
    """Assess the chart a case describes; `unit` is that of values without one."""
    scene = _Scene(unit)
    for fact in case.patient:
        _apply(scene, fact)
    for text in case.results:
        scene.chart.measurements.extend(_results(text, unit, len(scene.chart.measurements)))
    return assess(scene.chart.build(), now=NOW, model=ModelError("no model here"), policy=scene.policy)


# --- patients -----------------------------------------------------------------------------------------------


def _apply(scene: _Scene, fact: str) -> None:
    for pattern, action in _FACTS:
        match = re.fullmatch(pattern, fact)
        if match:
            action(scene, *match.groups())
            return
    raise ValueError(f"unknown patient fact: {fact!r}")


def _years(scene: _Scene, years: str) -> None:
    scene.chart.birth_date = NOW.date().replace(year=NOW.year - int(years))


def _days_old(scene: _Scene, days: str) -> None:
    scene.chart.birth_date = NOW.date() - timedelta(days=int(days))


def _sex(scene: _Scene, sex: str) -> None:
    scene.chart.sex = Sex(sex)


def _unknown(scene: _Scene, what: str) -> None:
    setattr(scene.chart, "sex" if what == "sex" else "birth_date", None)


def _body(scene: _Scene, value: str, unit: str) -> None:
    analyte = Analyte.HEIGHT if unit == "cm" else Analyte.WEIGHT
    at = NOW - timedelta(days=3)
    scene.chart.measurements.append(Measurement(analyte, float(value), at, at, "Observation/body"))


def _hospital(scene: _Scene, start: str, end: str | None) -> None:
    scene.chart.stays.append(Stay("IMP", "Encounter/1", moment(start), moment(end) if end else None))


def _dialysis(scene: _Scene, start: str, end: str | None) -> None:
    """One session, or one every second day between two times."""
    at, last = moment(start), moment(end or start)
    while at <= last:
        concepts = frozenset({Concept.DIALYSIS_PROCEDURE})
        scene.chart.procedures.append(ProcedureDone("Dialysis", concepts, "Procedure/1", at, at))
        at += timedelta(days=2)


def _running_dialysis(scene: _Scene, start: str) -> None:
    concepts = frozenset({Concept.DIALYSIS_PROCEDURE})
    scene.chart.procedures.append(ProcedureDone("Dialysis", concepts, "Procedure/1", moment(start)))


def _undated_dialysis(scene: _Scene) -> None:
    concepts = frozenset({Concept.DIALYSIS_PROCEDURE})
    scene.chart.procedures.append(ProcedureDone("Dialysis", concepts, "Procedure/1"))


def _problem(scene: _Scene, concept: str, since: str | None) -> None:
    onset = moment(since) if since else None
    scene.chart.problems.append(Problem(concept, frozenset({Concept(concept)}), "Condition/1", onset_at=onset))


def _died(scene: _Scene) -> None:
    scene.chart.deceased = True


def _policy(scene: _Scene, name: str) -> None:
    changes: dict[str, object] = {
        "urine staging": {"urine_output_staging": True},
        "preliminary accepted": {"accept_preliminary": True},
        "assumed baseline": {
            "baseline_methods": (*MEASURED_BASELINES, BaselineMethod.ESTIMATED_EGFR_75_MDRD),
        },
        "first of stay": {"baseline_methods": (*MEASURED_BASELINES, BaselineMethod.FIRST_OF_STAY)},
        "last 7 days only": {"baseline_methods": (BaselineMethod.LOWEST_7_D,)},
    }
    if name.startswith("upper limit under 18 "):
        limit = float(name.rsplit(" ", 1)[1])
        change: object = {"nhs_paediatric_upper_limits_umol_l": ((18.0, limit, limit),)}
    else:
        change = changes[name]
    scene.policy = replace(scene.policy, **change)  # type: ignore[arg-type]


_FACTS: list[tuple[str, Callable[..., None]]] = [
    (r"adult", lambda _scene: None),
    (r"(\d+) y", _years),
    (r"(\d+) days old", _days_old),
    (r"(male|female)", _sex),
    (r"(age|sex) unknown", _unknown),
    (r"(\d+) (cm|kg)", _body),
    (r"in hospital (\S+?)(?:\.\.(\S+))?", _hospital),
    (r"dialysis (-\S+?|0)(?:\.\.(\S+))?", _dialysis),
    (r"dialysis undated", _undated_dialysis),
    (r"dialysis still running since (-\S+)", _running_dialysis),
    (r"problem ([a-z_]+)(?: since (\S+))?", _problem),
    (r"died", _died),
    (r"policy (.+)", _policy),
]


# --- results ------------------------------------------------------------------------------------------------


def _results(text: str, unit: str, number: int) -> list[Measurement]:
    urine = re.fullmatch(r"urine (\S+?)\.\.(\S+) every (\d+)h ([\d.]+) mL", text)
    if urine:
        return _urine(urine[1], urine[2], int(urine[3]), float(urine[4]), number)
    match = _RESULT.match(text)
    if not match:
        raise ValueError(f"not a result: {text!r}")
    flags = match["flags"].split()
    value = to_canonical(Analyte.CREATININE, float(match["value"]), match["unit"] or unit, ucum=True)
    at = moment(match["at"])
    measurement = Measurement(
        Analyte.CREATININE,
        value,
        at,
        NOW + timedelta(hours=1) if "not-yet-known" in flags else at,
        f"Observation/{number}",
        Comparator(match["comparator"]) if match["comparator"] else None,
        preliminary="preliminary" in flags,
        day_only="day-only" in flags,
    )
    return [measurement] * (2 if "twice" in flags else 1)


def _urine(start: str, end: str, every: int, millilitres: float, number: int) -> list[Measurement]:
    at, last, found = moment(start), moment(end), []
    while at <= last:
        source = f"Observation/u{number}-{len(found)}"
        found.append(Measurement(Analyte.URINE_OUTPUT, millilitres, at, at, source))
        at += timedelta(hours=every)
    return found


# --- expectations -------------------------------------------------------------------------------------------


def said(outcome: Outcome, expectation: str) -> str:
    """The outcome in the words of one expectation, so that the two can be compared as text."""
    if not isinstance(outcome, Assessment):
        verdict = "not applicable" if isinstance(outcome, NotApplicable) else "insufficient"
        codes = [reason.code for reason in outcome.reasons]
        wanted = expectation.removeprefix(verdict).strip()
        return f"{verdict} {wanted if wanted in codes else codes}"
    for start, words in _SAYINGS.items():
        if expectation == start or expectation.startswith(start + " "):
            return f"{start} {words(outcome, expectation.removeprefix(start).strip())}".strip()
    return "assessed"


def _stage(outcome: Assessment, _: str) -> str:
    return str(outcome.kdigo.stage) if outcome.kdigo else "None"


def _ago(at: datetime | None) -> str:
    if at is None:
        return "None"
    seconds = int((NOW - at).total_seconds())
    days, rest = divmod(seconds, 86400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    parts = (f"{days}d" if days else "", f"{hours}h" if hours else "", f"{minutes:02d}m" if minutes else "")
    return "-" + "".join(parts) if seconds else "0"


def _baseline(outcome: Assessment, _: str) -> str:
    found = outcome.kdigo.baseline if outcome.kdigo else None
    return f"{found.creatinine_mg_dl:.2f} {found.method} n={found.n}" if found else "None"


def _reason(outcome: Assessment, wanted: str) -> str:
    codes = [reason.code for reason in outcome.reasons]
    return wanted if wanted in codes else str(codes)


def _no_reason(outcome: Assessment, unwanted: str) -> str:
    return f"but {unwanted}" if unwanted in [reason.code for reason in outcome.reasons] else unwanted


def _kdigo(name: str) -> Callable[[Assessment, str], str]:
    return lambda outcome, _: str(getattr(outcome.kdigo, name))


def _nhs(outcome: Assessment, _: str) -> str:
    return outcome.nhs.alert if outcome.nhs else "None"


def _nhs_reference(outcome: Assessment, _: str) -> str:
    return f"{outcome.nhs.reference_umol_l:g} {outcome.nhs.reference_method}" if outcome.nhs else "None"


def _nhs_advice(outcome: Assessment, wanted: str) -> str:
    note = (outcome.nhs.note if outcome.nhs else "") or ""
    return wanted if wanted in note else note


def _episode(outcome: Assessment, _: str) -> str:
    episode = outcome.kdigo.episode if outcome.kdigo else None
    return f"{episode.state} {episode.phase} since {_ago(episode.onset_at)}" if episode else "None"


def _kinetic(outcome: Assessment, _: str) -> str:
    value = outcome.egfr.kinetic_ml_min_1_73m2 if outcome.egfr else None
    return "none" if value is None else f"{value:.0f}"


_SAYINGS: dict[str, Callable[[Assessment, str], str]] = {
    "stage": _stage,
    "creatinine stage": _kdigo("creatinine_stage"),
    "urine stage": _kdigo("urine_output_stage"),
    "criterion": _kdigo("criterion"),
    "peak": _kdigo("peak_stage"),
    "course": _kdigo("course"),
    "since": lambda outcome, _: _ago(outcome.kdigo.since if outcome.kdigo else None),
    "baseline": _baseline,
    "episode": _episode,
    "reason": _reason,
    "without reason": _no_reason,
    "kinetic": _kinetic,
    "steady": lambda outcome, _: str(outcome.egfr.steady_state if outcome.egfr else None).lower(),
    "nhs": _nhs,
    "against": _nhs_reference,
    "advice": _nhs_advice,
}
