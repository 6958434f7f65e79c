"""What must be read with a stage that the rules do give: KDIGO compares, and the comparison may mislead.

Both limits are ours: 0.4 mg/dL lies below adults' reference intervals; half above the creatinine of an eGFR of 75
is where KDIGO would begin to stage against that assumed baseline.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from model.age import ADULT_AGE_YEARS, age_years
from model.applicability import has_problem
from model.assessment import Assessment, Baseline, BaselineMethod, EpisodeState, KdigoStaging, Reason
from model.egfr import creatinine_for_egfr_75
from model.policy import EgfrEquation
from model.snapshot import Concept, PatientSnapshot

LOW_BASELINE_MG_DL: Final = 0.4
HIGH_RATIO: Final = 1.5
HIGH_FROM_THE_FIRST: Final = "high_from_the_first_result"
NOT_RECOVERED: Final = "aki_not_recovered"
_OF_THESE_DAYS: Final = frozenset(
    {BaselineMethod.LOWEST_7_D, BaselineMethod.LOWEST_48_H, BaselineMethod.FIRST_OF_STAY}
)
_EXPLAINED: Final = (Concept.CHRONIC_KIDNEY_DISEASE, Concept.KIDNEY_FAILURE, Concept.KIDNEY_TRANSPLANT)


def doubt_of_no_aki(found: Assessment) -> str | None:
    """The code of the reason for which stage 0 is no "No AKI"; None where it is, and at every other stage."""
    if found.kdigo is None or found.kdigo.stage != 0:
        return None
    codes = {reason.code for reason in found.reasons}
    return next((code for code in (NOT_RECOVERED, HIGH_FROM_THE_FIRST) if code in codes), None)


def stage_doubts(snapshot: PatientSnapshot, kdigo: KdigoStaging, now: datetime) -> Iterator[Reason]:
    """Why this adult's stage may be too high, or stage 0 too low."""
    baseline = kdigo.baseline
    if baseline is None or not baseline.n or snapshot.birth_date is None:
        return
    age = age_years(snapshot.birth_date, now)
    if age < ADULT_AGE_YEARS:
        return
    if kdigo.creatinine_stage and baseline.creatinine_mg_dl < LOW_BASELINE_MG_DL:
        yield Reason(
            "low_baseline",
            "The baseline is unusually low for an adult: with little muscle, dilution or a sample error the stage "
            "can come out too high.",
        )
    if _is_high_from_the_first(snapshot, kdigo, baseline, age, now):
        yield Reason(
            HIGH_FROM_THE_FIRST,
            "Creatinine is high, and all results before it are of these days: an AKI that began earlier cannot be "
            "told from chronic kidney disease.",
        )


def _is_high_from_the_first(
    snapshot: PatientSnapshot, kdigo: KdigoStaging, baseline: Baseline, age: float, now: datetime
) -> bool:
    persisting = kdigo.episode is not None and kdigo.episode.state is EpisodeState.PERSISTING
    if kdigo.stage != 0 or kdigo.creatinine_mg_dl is None or persisting:
        return False
    if baseline.method not in _OF_THESE_DAYS or snapshot.sex is None:
        return False
    if any(has_problem(snapshot, concept, now) for concept in _EXPLAINED):
        return False
    usual = creatinine_for_egfr_75(EgfrEquation.CKD_EPI_2021, age, snapshot.sex)
    return kdigo.creatinine_mg_dl >= HIGH_RATIO * usual
