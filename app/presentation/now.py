"""The panel "Now": the stage, since when, and against which baseline."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.presentation.creatinine import known_creatinines
from app.presentation.reasons import Part, reason_texts, stage_remarks
from app.presentation.wording import (
    COURSE_WORDS,
    CRITERION_WORDS,
    baseline_words,
    duration,
    mg_dl,
    moment,
    umol_l,
)
from model.assessment import Assessment, Egfr, InsufficientData, KdigoStaging, NotApplicable, Outcome
from model.snapshot import Measurement, PatientSnapshot


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a definition list: what, the value, and a note in small."""

    term: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class NowPanel:
    """`stage` is None when there is none to show; `tone` only colours what the words already say."""

    headline: str
    detail: str
    tone: str  # "none" | "stage-1" | "stage-2" | "stage-3" | "unknown"
    stage: int | None
    facts: tuple[Fact, ...]
    reasons: tuple[str, ...] = ()


def now_panel(outcome: Outcome, snapshot: PatientSnapshot, zone: ZoneInfo) -> NowPanel:
    """What can be said about the kidneys at the time of the assessment."""
    latest = _latest_fact(snapshot, outcome.assessed_at, zone)
    match outcome:
        case Assessment():
            return _assessed(outcome, latest, snapshot, zone)
        case InsufficientData():
            return _unanswered("Cannot be staged", "The chart does not hold what a stage needs.", outcome, latest)
        case NotApplicable():
            return _unanswered("Not applicable", "Staging does not apply to this patient.", outcome, latest)


def _unanswered(headline: str, detail: str, outcome: InsufficientData | NotApplicable, latest: Fact) -> NowPanel:
    return NowPanel(headline, detail, "unknown", None, (latest,), reason_texts(outcome, Part.STAGE))


def _assessed(outcome: Assessment, latest: Fact, snapshot: PatientSnapshot, zone: ZoneInfo) -> NowPanel:
    staging = outcome.kdigo
    facts = (latest, *_staging_facts(outcome, snapshot, zone), *_other_facts(outcome))
    if staging is None or staging.stage is None:
        detail = "No stage can be given for the latest creatinine."
        return NowPanel("Cannot be staged", detail, "unknown", None, facts, reason_texts(outcome, Part.STAGE))
    if staging.stage == 0:
        return NowPanel("No AKI", _no_aki_detail(staging), "none", 0, facts, stage_remarks(outcome))
    return NowPanel(
        f"AKI stage {staging.stage}",
        _aki_detail(staging, outcome.assessed_at, zone),
        f"stage-{staging.stage}",
        staging.stage,
        facts,
        stage_remarks(outcome),
    )


def _no_aki_detail(staging: KdigoStaging) -> str:
    if staging.peak_stage:
        return f"No KDIGO criterion is met now. Highest stage so far: {staging.peak_stage}."
    return "No KDIGO criterion is met."


def _aki_detail(staging: KdigoStaging, now: datetime, zone: ZoneInfo) -> str:
    """`since` is when the AKI began, at whatever stage."""
    by = f"KDIGO, {CRITERION_WORDS[staging.criterion]}." if staging.criterion else "KDIGO."
    if staging.since is None:
        return by
    return f"{by} In AKI since {moment(staging.since, zone)} ({duration(now - staging.since)})."


def _latest_fact(snapshot: PatientSnapshot, now: datetime, zone: ZoneInfo) -> Fact:
    known = known_creatinines(snapshot, now)
    if not known:
        return Fact("Latest creatinine", "none in the chart")
    last = known[-1]
    return Fact("Latest creatinine", _value(last), f"{umol_l(last.value)} · {_taken(last, now, zone)}")


def _value(measurement: Measurement) -> str:
    sign = measurement.comparator.value if measurement.comparator else ""
    return f"{sign}{mg_dl(measurement.value)}"


def _taken(measurement: Measurement, now: datetime, zone: ZoneInfo) -> str:
    if measurement.day_only:
        return f"{measurement.at.astimezone(zone):%-d %b %Y}, time unknown"
    preliminary = ", preliminary" if measurement.preliminary else ""
    return f"{moment(measurement.at, zone)}, {duration(now - measurement.at)} ago{preliminary}"


def _staging_facts(outcome: Assessment, snapshot: PatientSnapshot, zone: ZoneInfo) -> list[Fact]:
    staging = outcome.kdigo
    if staging is None:
        return []
    facts = []
    if staging.baseline:
        base = staging.baseline
        note = f"{umol_l(base.creatinine_mg_dl)} · {baseline_words(base, zone)}"
        facts.append(Fact("Baseline", mg_dl(base.creatinine_mg_dl), note))
        known = known_creatinines(snapshot, outcome.assessed_at)
        if known:
            facts.append(Fact("Ratio", f"{known[-1].value / base.creatinine_mg_dl:.2f} ×", "latest to baseline"))
    if staging.course:
        facts.append(Fact("Course", COURSE_WORDS.get(staging.course, staging.course.capitalize())))
    if staging.peak_stage and staging.stage is not None and staging.peak_stage > staging.stage:
        facts.append(Fact("Highest stage", str(staging.peak_stage), "in this episode"))
    return facts


def _other_facts(outcome: Assessment) -> list[Fact]:
    facts = []
    if outcome.egfr:
        steady = "" if outcome.egfr.steady_state else " · creatinine is not steady: do not dose by this"
        value = f"{outcome.egfr.ml_min_1_73m2:.0f} mL/min/1.73 m²"
        facts.append(Fact("eGFR", value, f"{outcome.egfr.equation}{steady}{_kinetic(outcome.egfr)}"))
    if outcome.nhs:
        ratio = outcome.nhs.ratio
        note = f"ratio {ratio:.2f} to its own reference value" if ratio is not None else ""
        value = "no alert" if outcome.nhs.alert == "none" else outcome.nhs.alert
        facts.append(Fact("NHS England alert", value, note))
    return facts


def _kinetic(egfr: Egfr) -> str:
    """The estimate that allows for the movement, marked as what it is."""
    if egfr.kinetic_ml_min_1_73m2 is None:
        return ""
    return f" · kinetic estimate {egfr.kinetic_ml_min_1_73m2:.0f} (Chen 2013), for information"
