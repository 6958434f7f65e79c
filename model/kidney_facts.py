"""What a drug rule needs to know of the kidneys: stage, function as measured, and how far it can be trusted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from model.age import age_years
from model.analytes import Analyte
from model.applicability import is_dialysed
from model.assessment import Assessment, EpisodeState, KdigoCriterion, NotApplicable, Outcome
from model.egfr import adult_egfr, cockcroft_gault
from model.policy import EgfrEquation
from model.snapshot import Measurement, PatientSnapshot

ADULT_YEARS = 18.0
CREATININE_MAX_AGE = timedelta(days=365)  # an eGFR of the past year still says whom to be careful with
POTASSIUM_MAX_AGE = timedelta(hours=48)
PRESSURE_MAX_AGE = timedelta(hours=24)
WEIGHT_MAX_AGE = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class KidneyFacts:
    """The kidneys as the drug rules see them. None: not known. eGFR in mL/min/1.73 m2, clearance in mL/min.

    `steady` is False unless earlier values show it: then neither number is one to dose by.
    """

    aki_stage: int | None = None
    criterion: KdigoCriterion | None = None
    course: str | None = None
    has_not_recovered: bool = False
    risk_is_high: bool = False
    risk: float | None = None
    creatinine_mg_dl: float | None = None
    creatinine_at: datetime | None = None
    baseline_mg_dl: float | None = None
    egfr: float | None = None
    egfr_equation: str | None = None
    steady: bool = False
    clearance: float | None = None
    weight_kg: float | None = None
    age: float | None = None
    potassium_mmol_l: float | None = None
    systolic_mmhg: float | None = None
    on_dialysis: bool = False  # as a way of life; a course that belongs to an AKI is the `criterion` of its stage

    @property
    def in_aki(self) -> bool:
        """Whether a KDIGO stage is reached now."""
        return bool(self.aki_stage)

    @property
    def is_adult(self) -> bool:
        """Dose rules are those of adults; unknown age counts as adult."""
        return self.age is None or self.age >= ADULT_YEARS


def kidney_facts(outcome: Outcome, snapshot: PatientSnapshot, now: datetime) -> KidneyFacts:
    """What is known at `now`. Without a current assessment the last creatinine of the past year still counts.

    While dialysis clears creatinine, it says nothing of the kidney: then there is no eGFR and no clearance.
    """
    creatinine = _latest(snapshot, Analyte.CREATININE, now, CREATININE_MAX_AGE)
    weight = _latest(snapshot, Analyte.WEIGHT, now, WEIGHT_MAX_AGE)
    potassium = _latest(snapshot, Analyte.POTASSIUM, now, POTASSIUM_MAX_AGE)
    systolic = _latest(snapshot, Analyte.SYSTOLIC_BP, now, PRESSURE_MAX_AGE)
    age = age_years(snapshot.birth_date, now) if snapshot.birth_date else None
    assessed = outcome if isinstance(outcome, Assessment) else None
    kdigo = assessed.kdigo if assessed else None
    dialysed = isinstance(outcome, NotApplicable) or is_dialysed(outcome)
    egfr, equation, steady = _egfr(outcome, snapshot, creatinine, age) if not dialysed else (None, None, False)
    risk = assessed.risk if assessed else None
    episode = kdigo.episode if kdigo else None
    return KidneyFacts(
        aki_stage=kdigo.stage if kdigo else None,
        criterion=kdigo.criterion if kdigo else None,
        course=kdigo.course if kdigo else None,
        has_not_recovered=episode is not None and episode.state is EpisodeState.PERSISTING,
        risk_is_high=risk is not None and risk.probability >= risk.threshold,
        risk=risk.probability if risk else None,
        creatinine_mg_dl=creatinine.value if creatinine else None,
        creatinine_at=creatinine.at if creatinine else None,
        baseline_mg_dl=kdigo.baseline.creatinine_mg_dl if kdigo and kdigo.baseline else None,
        egfr=egfr,
        egfr_equation=equation,
        steady=steady,
        clearance=_clearance(snapshot, creatinine, weight, age) if not dialysed else None,
        weight_kg=weight.value if weight else None,
        age=age,
        potassium_mmol_l=potassium.value if potassium else None,
        systolic_mmhg=systolic.value if systolic else None,
        on_dialysis=isinstance(outcome, NotApplicable) and is_dialysed(outcome),
    )


def _latest(snapshot: PatientSnapshot, analyte: Analyte, now: datetime, max_age: timedelta) -> Measurement | None:
    known = [
        one
        for one in snapshot.measurements(analyte)
        if max(one.at, one.available_at) <= now and now - one.at <= max_age and one.comparator is None
    ]
    return known[-1] if known else None


def _egfr(
    outcome: Outcome, snapshot: PatientSnapshot, creatinine: Measurement | None, age: float | None
) -> tuple[float | None, str | None, bool]:
    if isinstance(outcome, Assessment) and outcome.egfr is not None:
        return outcome.egfr.ml_min_1_73m2, outcome.egfr.equation, outcome.egfr.steady_state
    if creatinine is None or snapshot.sex is None or age is None or age < ADULT_YEARS:
        return None, None, False
    equation = EgfrEquation.CKD_EPI_2021
    return adult_egfr(equation, creatinine.value, age, snapshot.sex), equation.label, False


def _clearance(
    snapshot: PatientSnapshot, creatinine: Measurement | None, weight: Measurement | None, age: float | None
) -> float | None:
    if creatinine is None or weight is None or snapshot.sex is None or age is None or age < ADULT_YEARS:
        return None
    return cockcroft_gault(creatinine.value, age, snapshot.sex, weight.value)
