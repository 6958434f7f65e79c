"""What an assessment can say: an `Assessment`, `InsufficientData` or `NotApplicable`, and its JSON.

"Cannot say" is a value, not an exception; every caller must `match` all three. The JSON is the public
contract (snake_case, units in names, absent rather than null): see docs/assessment.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from model.snapshot import Rejected


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot be said: a stable machine code and one sentence for a clinician."""

    code: str
    text: str


class KdigoCriterion(StrEnum):
    """Which KDIGO criterion set the stage."""

    CREATININE = "creatinine"
    URINE_OUTPUT = "urine_output"
    RRT = "rrt"


class BaselineMethod(StrEnum):
    """How the reference creatinine was found. Printed wherever the stage is."""

    OUTPATIENT_MEDIAN_8_365_D = "outpatient_median_8_365_d"
    MEDIAN_8_365_D = "median_8_365_d"
    LOWEST_7_D = "lowest_7_d"
    LOWEST_48_H = "lowest_48_h"
    FIRST_OF_STAY = "first_of_stay"
    ESTIMATED_EGFR_75_MDRD = "estimated_egfr_75_mdrd"
    ESTIMATED_EGFR_75_CKD_EPI_2021 = "estimated_egfr_75_ckd_epi_2021"
    SUPPLIED = "supplied"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The reference creatinine a stage was measured against. `n` counts the values behind it; 0 = assumed."""

    creatinine_mg_dl: float
    method: BaselineMethod
    n: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KdigoStaging:
    """KDIGO 2012 as of one time. `stage` is None when there is nothing to stage against."""

    stage: int | None
    criterion: KdigoCriterion | None = None
    since: datetime | None = None
    baseline: Baseline | None = None
    creatinine_stage: int | None = None
    urine_output_stage: int | None = None
    peak_stage: int | None = None
    course: str | None = None  # "rising" | "stable" | "falling", of the creatinine


@dataclass(frozen=True, slots=True)
class NhsAlert:
    """NHS England AKI algorithm result: the alert's words and the ratio it rests on."""

    alert: str
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Egfr:
    """Estimated GFR of the latest creatinine. Not valid as a number to dose by unless `steady_state`."""

    ml_min_1_73m2: float
    equation: str
    steady_state: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's exact share of the score, in log-odds, with the value, unit, time and source it came from."""

    feature: str
    label: str
    log_odds: float
    value: str | None = None
    unit: str | None = None
    at: datetime | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A probability of `outcome` within `horizon_hours`.

    `base_log_odds` plus the contributions' log-odds is exactly `logit(probability)`.
    """

    probability: float
    horizon_hours: int
    outcome: str
    category: str  # "low" | "moderate" | "high"
    threshold: float
    base_log_odds: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke: id, version, and the SHA-256 of its artifact."""

    id: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """How much of the chart was used, and what was refused with its reason."""

    used: int
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """An answer. Parts that could not be given are None, and `reasons` says why for each."""

    patient_id: str
    assessed_at: datetime
    inputs: Inputs
    kdigo: KdigoStaging | None = None
    nhs: NhsAlert | None = None
    egfr: Egfr | None = None
    risk: Prediction | None = None  # for patients not in AKI
    progression: Prediction | None = None  # for patients in AKI
    model: ModelIdentity | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class InsufficientData:
    """The chart does not hold what an answer needs; `reasons` names what is missing."""

    patient_id: str
    assessed_at: datetime
    inputs: Inputs
    reasons: tuple[Reason, ...]
    model: ModelIdentity | None = None


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The question does not apply to this patient (maintenance dialysis, a newborn ...)."""

    patient_id: str
    assessed_at: datetime
    inputs: Inputs
    reasons: tuple[Reason, ...]
    model: ModelIdentity | None = None


Outcome = Assessment | InsufficientData | NotApplicable


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """The public JSON form of an outcome. Times are ISO 8601 with offset; absent parts are left out."""
    status = {Assessment: "assessed", InsufficientData: "insufficient_data", NotApplicable: "not_applicable"}
    return {"status": status[type(outcome)], "patient_id": outcome.patient_id}  # completed by the model room
