"""The panel "Now": the stage, since when, and against which baseline."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app.presentation.creatinine import known_creatinines
from app.presentation.reasons import Part, reason_texts, stage_remarks
from app.presentation.wording import COURSE_WORDS, CRITERION_WORDS, Wording
from model.applicability import is_dialysed
from model.assessment import Assessment, Egfr, InsufficientData, KdigoStaging, NotApplicable, Outcome
from model.sentences import Sentence
from model.snapshot import Measurement, PatientSnapshot
from model.stage_doubts import HIGH_FROM_THE_FIRST, NOT_RECOVERED, doubt_of_no_aki

#: The alerts of the algorithm that are not names ("AKI 1").
NHS_WORDS = {"none": Sentence("no alert"), "cannot say": Sentence("cannot say")}

#: What stands in the place of "No AKI", by the reason.
DOUBT_WORDS = {
    NOT_RECOVERED: Sentence("AKI not recovered"),
    HIGH_FROM_THE_FIRST: Sentence("AKI cannot be excluded"),
}


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


def now_panel(outcome: Outcome, snapshot: PatientSnapshot, say: Wording) -> NowPanel:
    """What can be said about the kidneys at the time of the assessment."""
    latest = _latest_fact(outcome, snapshot, say)
    match outcome:
        case Assessment():
            return _assessed(outcome, latest, snapshot, say)
        case InsufficientData():
            detail = say.gettext("The chart does not hold what a stage needs.")
            return _unanswered(say.gettext("Cannot be staged"), detail, outcome, latest, say)
        case NotApplicable():
            detail = say.gettext("Staging does not apply to this patient.")
            return _unanswered(say.gettext("Not applicable"), detail, outcome, latest, say)


def _unanswered(
    headline: str, detail: str, outcome: InsufficientData | NotApplicable, latest: Fact, say: Wording
) -> NowPanel:
    return NowPanel(headline, detail, "unknown", None, (latest,), reason_texts(outcome, Part.STAGE, say))


def _assessed(outcome: Assessment, latest: Fact, snapshot: PatientSnapshot, say: Wording) -> NowPanel:
    staging = outcome.kdigo
    facts = (latest, *_staging_facts(outcome, snapshot, say), *_other_facts(outcome, say))
    if staging is None or staging.stage is None:
        headline = say.gettext("Cannot be staged")
        detail = say.gettext("No stage can be given for the latest creatinine.")
        return NowPanel(headline, detail, "unknown", None, facts, reason_texts(outcome, Part.STAGE, say))
    remarks = stage_remarks(outcome, say)
    if staging.stage == 0:
        doubt = doubt_of_no_aki(outcome)
        headline = say.sentence(DOUBT_WORDS[doubt] if doubt else Sentence("No AKI"))
        tone = "unknown" if doubt else "none"
        return NowPanel(headline, _no_aki_detail(staging, say), tone, 0, facts, remarks)
    return NowPanel(
        say.pgettext("headline", "AKI stage {stage}", stage=staging.stage),
        _aki_detail(staging, outcome.assessed_at, say),
        f"stage-{staging.stage}",
        staging.stage,
        facts,
        remarks,
    )


def _no_aki_detail(staging: KdigoStaging, say: Wording) -> str:
    if staging.peak_stage:
        return say.gettext(
            "No KDIGO criterion is met now. Highest stage so far: {stage}.", stage=staging.peak_stage
        )
    return say.gettext("No KDIGO criterion is met.")


def _aki_detail(staging: KdigoStaging, now: datetime, say: Wording) -> str:
    """`since` is when the AKI began, at whatever stage."""
    by = "KDIGO."
    if staging.criterion:
        by = say.gettext("KDIGO, {criterion}.", criterion=CRITERION_WORDS[staging.criterion])
    if staging.since is None:
        return by
    since = say.gettext(
        "In AKI since {moment} ({duration}).",
        moment=say.moment(staging.since),
        duration=say.duration(now - staging.since),
    )
    return f"{by} {since}"


def _latest_fact(outcome: Outcome, snapshot: PatientSnapshot, say: Wording) -> Fact:
    now = outcome.assessed_at
    term, known = say.gettext("Latest creatinine"), known_creatinines(snapshot, now)
    if not known:
        return Fact(term, say.gettext("none in the chart"))
    last = known[-1]
    notes = [say.creatinine_in_other_unit(last.value), _taken(last, now, say)]
    notes += [say.gettext("on dialysis, which lowers it")] if is_dialysed(outcome) else []
    return Fact(term, _value(last, say), " · ".join(notes))


def _value(measurement: Measurement, say: Wording) -> str:
    sign = measurement.comparator.value if measurement.comparator else ""
    return f"{sign}{say.creatinine_with_unit(measurement.value)}"


def _taken(measurement: Measurement, now: datetime, say: Wording) -> str:
    if measurement.day_only:
        return say.gettext("{day}, time unknown", day=say.day(measurement.at))
    facts = {"moment": say.moment(measurement.at), "age": say.duration(now - measurement.at)}
    if measurement.preliminary:
        return say.gettext("{moment}, {age} ago, preliminary", **facts)
    return say.gettext("{moment}, {age} ago", **facts)


def _staging_facts(outcome: Assessment, snapshot: PatientSnapshot, say: Wording) -> list[Fact]:
    staging = outcome.kdigo
    if staging is None:
        return []
    facts = []
    if staging.baseline:
        base = staging.baseline
        note = f"{say.creatinine_in_other_unit(base.creatinine_mg_dl)} · {say.baseline(base)}"
        facts.append(Fact(say.gettext("Baseline"), say.creatinine_with_unit(base.creatinine_mg_dl), note))
        known = known_creatinines(snapshot, outcome.assessed_at)
        if known and not is_dialysed(outcome):
            ratio = say.number(known[-1].value / base.creatinine_mg_dl, 2)
            facts.append(Fact(say.gettext("Ratio"), f"{ratio} ×", say.gettext("latest to baseline")))
    if staging.course and not is_dialysed(outcome):
        words = COURSE_WORDS.get(staging.course, staging.course.capitalize())
        facts.append(Fact(say.gettext("Course"), say.sentence(words)))
    if staging.peak_stage and staging.stage is not None and staging.peak_stage > staging.stage:
        peak = str(staging.peak_stage)
        facts.append(Fact(say.gettext("Highest stage"), peak, say.gettext("in this episode")))
    return facts


def _other_facts(outcome: Assessment, say: Wording) -> list[Fact]:
    facts = []
    if outcome.egfr:
        value = f"{outcome.egfr.ml_min_1_73m2:.0f} mL/min/1.73 m²"
        facts.append(Fact(say.gettext("eGFR"), say.marked(value), " · ".join(_egfr_notes(outcome.egfr, say))))
    if outcome.nhs and not is_dialysed(outcome):
        ratio = outcome.nhs.ratio
        note = (
            say.gettext("ratio {ratio:.2f} to its own reference value", ratio=ratio) if ratio is not None else ""
        )
        value = say.sentence(NHS_WORDS.get(outcome.nhs.alert, outcome.nhs.alert))
        facts.append(Fact(say.gettext("NHS England alert"), value, note))
    return facts


def _egfr_notes(egfr: Egfr, say: Wording) -> Iterator[str]:
    """The equation, and the estimate that allows for the movement, marked as what it is."""
    yield say.sentence(egfr.equation)
    if not egfr.steady_state:
        yield say.gettext("creatinine is not steady: do not dose by this")
    if egfr.kinetic_ml_min_1_73m2 is not None:
        kinetic = egfr.kinetic_ml_min_1_73m2
        yield say.gettext("kinetic estimate {egfr:.0f} (Chen 2013), for information", egfr=kinetic)
