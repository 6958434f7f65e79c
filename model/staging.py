"""Staging of one chart: the KDIGO stage, the NHS warning, the eGFR, and a reason for each part not given."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from model.age import ADULT_AGE_YEARS, age_years
from model.analytes import Analyte
from model.applicability import has_problem
from model.assessment import Baseline, BaselineMethod, Egfr, EpisodeState, KdigoStaging, NhsAlert, Reason
from model.baseline import References, find_references
from model.creatinine import CreatinineCourse, creatinine_course, without_references
from model.egfr import adult_egfr, bedside_schwartz, creatinine_for_egfr_75
from model.hospital_stays import hospital_times
from model.kdigo import CreatinineNow, combine, creatinine_now
from model.kdigo_creatinine import StagingRules
from model.kdigo_urine import UrineStage, stage_urine
from model.kinetic_egfr import kinetic_egfr, result_before
from model.nhs import NhsPatient, nhs_alert
from model.policy import EgfrEquation, SitePolicy
from model.rrt import cleared_spans, current_course
from model.sentences import Sentence
from model.snapshot import Concept, Measurement, PatientSnapshot
from model.stage_doubts import NOT_RECOVERED
from model.steadiness import is_steady

CREATININE_CLEARED = Reason(
    "creatinine_during_dialysis",
    "Dialysis clears creatinine: neither its value nor its course shows how the kidneys do, and there is no eGFR.",
)
_ASSUMED = {
    BaselineMethod.ESTIMATED_EGFR_75_MDRD: EgfrEquation.MDRD,
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021: EgfrEquation.CKD_EPI_2021,
}


@dataclass(frozen=True, slots=True)
class Staging:
    """What staging can say; every part left out has its reason. `latest` is the last creatinine known."""

    kdigo: KdigoStaging
    nhs: NhsAlert | None
    egfr: Egfr | None
    reasons: tuple[Reason, ...]
    latest: Measurement | None = None


def stage(snapshot: PatientSnapshot, now: datetime, policy: SitePolicy) -> Staging:
    """Stage the chart at `now`. Exclusions are `model.applicability`'s business."""
    reasons: list[Reason] = []
    course = creatinine_course(
        snapshot.measurements(Analyte.CREATININE), now, accept_preliminary=policy.accept_preliminary
    )
    current = _is_current(course, now, policy, reasons)
    creatinine = _creatinine(snapshot, course, now, policy, reasons) if current else None
    urine = _urine(snapshot, now, policy, reasons)
    dialysis = current_course(snapshot.procedures, now)
    kdigo = combine(creatinine, urine[-1] if urine else None, dialysis, now)
    reasons.extend(_not_recovered(kdigo, now))
    nhs = egfr = None
    if creatinine is not None:
        if dialysis is not None:
            reasons.append(CREATININE_CLEARED)
        else:
            egfr = _egfr(snapshot, creatinine, is_steady(course, kdigo), now, policy, reasons)
        if egfr is not None:
            egfr = replace(egfr, kinetic_ml_min_1_73m2=_kinetic(snapshot, course, creatinine, egfr, now, policy))
        if policy.nhs_algorithm:
            patient = NhsPatient(snapshot.birth_date, snapshot.sex)
            nhs = nhs_alert(course, len(course) - 1, patient, policy)
    return Staging(kdigo, nhs, egfr, tuple(reasons), course.measurements[-1] if len(course) else None)


def _is_current(course: CreatinineCourse, now: datetime, policy: SitePolicy, reasons: list[Reason]) -> bool:
    """Whether the last creatinine is fresh enough to speak of now."""
    if not len(course):
        reasons.append(Reason("no_creatinine", "No usable creatinine result is on the chart."))
        return False
    days = policy.current_creatinine_max_age_days
    if course.at(len(course) - 1) < now - timedelta(days=days):
        text = Sentence(
            "The last creatinine is more than {days:g} days old: it does not tell how the kidneys are now.",
            days=days,
        )
        reasons.append(Reason("creatinine_too_old", text))
        return False
    return True


def _creatinine(
    snapshot: PatientSnapshot, course: CreatinineCourse, now: datetime, policy: SitePolicy, reasons: list[Reason]
) -> CreatinineNow:
    compared = without_references(course, cleared_spans(snapshot.procedures, now))
    references = find_references(compared, hospital_times(snapshot.stays, now), policy.baseline_methods)
    assumed = _assumed_baseline(snapshot, now, policy)
    child, height = _is_child(snapshot, now), _height_cm(snapshot, now, policy)
    rules = StagingRules(height if child else None, assumed.creatinine_mg_dl if assumed else None)
    found = creatinine_now(course, references, rules, assumed)
    if found.stage is None:
        reasons.append(_why_unstaged(found, course, references))
    if child and height is None and found.stage in (1, 2):
        text = Sentence(
            "Without a recent height the rule for under 18 years (eGFR below 35 is stage 3) was not applied."
        )
        reasons.append(Reason("paediatric_rule_needs_height", text))
    return found


def _not_recovered(kdigo: KdigoStaging, now: datetime) -> list[Reason]:
    """Stage 0 must not read as healthy when an episode merely outlived KDIGO's 7-day window.

    The day is told on the clock of `now`: by each result's own offset it would change with its spelling.
    """
    episode = kdigo.episode
    if kdigo.stage or episode is None or episode.state is not EpisodeState.PERSISTING:
        return []
    text = Sentence(
        "Not recovered: creatinine is still {ratio:.1f} times its value before the AKI of {onset:%d %B %Y}, "
        "although nothing rose within the 7 days KDIGO looks back (stage 0).",
        ratio=episode.latest_ratio,
        onset=episode.onset_at.astimezone(now.tzinfo),
    )
    return [Reason(NOT_RECOVERED, text)]


def _why_unstaged(found: CreatinineNow, course: CreatinineCourse, references: References) -> Reason:
    last = len(course) - 1
    if not course.exact[last]:
        return Reason("creatinine_only_bounded", "The last creatinine is only known as above or below a limit.")
    if found.baseline is not None and references.baseline(course, last) is None:
        text = Sentence("High creatinine, no previous value: an assumed baseline alone does not make stage 1.")
        return Reason("assumed_baseline_only", text)
    return Reason("no_baseline", "There is no earlier creatinine to compare with: AKI cannot be staged yet.")


def _assumed_baseline(snapshot: PatientSnapshot, now: datetime, policy: SitePolicy) -> Baseline | None:
    """The back-calculated baseline, if the site wants one and nothing says the kidneys were diseased before."""
    method = next((m for m in policy.baseline_methods if m in _ASSUMED), None)
    chronic = (Concept.CHRONIC_KIDNEY_DISEASE, Concept.KIDNEY_FAILURE, Concept.KIDNEY_TRANSPLANT)
    if method is None or snapshot.birth_date is None or snapshot.sex is None or _is_child(snapshot, now):
        return None
    if any(has_problem(snapshot, concept, now) for concept in chronic):
        return None
    value = creatinine_for_egfr_75(_ASSUMED[method], age_years(snapshot.birth_date, now), snapshot.sex)
    return Baseline(value, method, 0)


def _is_child(snapshot: PatientSnapshot, now: datetime) -> bool:
    return snapshot.birth_date is not None and age_years(snapshot.birth_date, now) < ADULT_AGE_YEARS


def _height_cm(snapshot: PatientSnapshot, now: datetime, policy: SitePolicy) -> float | None:
    """The last height, unless it is too old to still be true."""
    oldest = now - timedelta(days=policy.height_max_age_days)
    heights = [
        (m.at, m.available_at, m.value)
        for m in snapshot.measurements(Analyte.HEIGHT)
        if oldest <= m.at <= now and m.available_at <= now and m.comparator is None and not m.preliminary
    ]
    return max(heights)[2] if heights else None


def _urine(
    snapshot: PatientSnapshot, now: datetime, policy: SitePolicy, reasons: list[Reason]
) -> list[UrineStage]:
    if not policy.urine_output_staging:
        return []
    stages = stage_urine(
        snapshot.measurements(Analyte.URINE_OUTPUT),
        snapshot.measurements(Analyte.WEIGHT),
        now,
        max_interval_hours=policy.urine_max_interval_hours,
    )
    if not stages:
        reasons.append(Reason("no_urine_output", "No urine output is charted: not staged by urine."))
    elif not snapshot.measurements(Analyte.WEIGHT):
        reasons.append(Reason("urine_needs_weight", "Without a weight urine output cannot be staged."))
    elif stages[-1].stage is None:
        reasons.append(Reason("urine_charting_gaps", "Urine output is not charted without a gap for 6 h."))
    return stages


def _egfr(
    snapshot: PatientSnapshot,
    creatinine: CreatinineNow,
    steady: bool,
    now: datetime,
    policy: SitePolicy,
    reasons: list[Reason],
) -> Egfr | None:
    if creatinine.bounded:
        return None
    if snapshot.birth_date is None or snapshot.sex is None:
        reasons.append(Reason("egfr_needs_age_and_sex", "eGFR needs age and sex; the chart does not state both."))
        return None
    age = age_years(snapshot.birth_date, now)
    equation = policy.egfr_equation
    if age >= ADULT_AGE_YEARS or (equation is EgfrEquation.EKFC and age >= 2):
        value = adult_egfr(equation, creatinine.mg_dl, age, snapshot.sex)
        return Egfr(value, equation.label, steady, creatinine.at)
    height = _height_cm(snapshot, now, policy)
    if height is None:
        reasons.append(Reason("egfr_needs_height", "Under 18 years eGFR needs a recent height."))
        return None
    value = bedside_schwartz(creatinine.mg_dl, height)
    return Egfr(value, EgfrEquation.SCHWARTZ.label, steady, creatinine.at)


def _kinetic(
    snapshot: PatientSnapshot,
    course: CreatinineCourse,
    creatinine: CreatinineNow,
    egfr: Egfr,
    now: datetime,
    policy: SitePolicy,
) -> float | None:
    """The kinetic eGFR of an adult whose creatinine moves from a measured baseline, else None."""
    baseline, before = creatinine.baseline, result_before(course)
    if egfr.steady_state or baseline is None or baseline.n == 0 or before is None or _is_child(snapshot, now):
        return None
    if snapshot.birth_date is None or snapshot.sex is None:
        return None
    age = age_years(snapshot.birth_date, now)
    earlier_mg_dl, hours = before
    return kinetic_egfr(
        baseline_mg_dl=baseline.creatinine_mg_dl,
        baseline_egfr=adult_egfr(policy.egfr_equation, baseline.creatinine_mg_dl, age, snapshot.sex),
        earlier_mg_dl=earlier_mg_dl,
        latest_mg_dl=creatinine.mg_dl,
        hours=hours,
    )
