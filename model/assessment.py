"""What an assessment can say: an `Assessment`, `InsufficientData` or `NotApplicable`, and its JSON.

"Cannot say" is a value, not an exception; every caller must `match` all three. The JSON is the public
contract (snake_case, units in names, absent rather than null): see docs/assessment.md.
"""

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from model.snapshot import Incomplete, Rejected


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


class EpisodeState(StrEnum):
    """Where an AKI episode stands (docs/kdigo.md, "Episodes")."""

    ACTIVE = "active"  # the definition is met and the stage is at its peak
    RESOLVING = "resolving"  # the definition is met, below the peak
    PERSISTING = "persisting"  # no longer met within KDIGO's windows, yet not back near the reference
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class AkiEpisode:
    """The current or last creatinine episode of the past 90 days, measured against the reference at its onset.

    `phase` is "aki" up to 7 days after onset, "akd" up to 90, then "beyond_90_d"; recovery ends the count.
    """

    onset_at: datetime
    state: EpisodeState
    phase: str
    peak_stage: int
    peak_at: datetime
    peak_creatinine_mg_dl: float
    reference_creatinine_mg_dl: float
    latest_ratio: float
    recovered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KdigoStaging:
    """KDIGO 2012 as of one time. `stage` is None when there is nothing to stage against.

    `ratio` is the latest creatinine over `baseline`; `rise_48_h_mg_dl` is over the lowest of the 48 h before it.
    """

    stage: int | None
    criterion: KdigoCriterion | None = None
    since: datetime | None = None
    baseline: Baseline | None = None
    creatinine_stage: int | None = None
    urine_output_stage: int | None = None
    peak_stage: int | None = None
    course: str | None = None  # "rising" | "stable" | "falling", of the creatinine
    creatinine_mg_dl: float | None = None  # the value that was staged
    creatinine_at: datetime | None = None
    ratio: float | None = None
    rise_48_h_mg_dl: float | None = None
    episode: AkiEpisode | None = None


@dataclass(frozen=True, slots=True)
class NhsAlert:
    """NHS England AKI algorithm result: the alert's words and the ratio it rests on, all in whole umol/L.

    `reference_method` is "lowest_0_7_d" (RV1) or "median_8_365_d" (RV2); `note` is the advice for the reader.
    """

    alert: str  # "none" | "AKI 1" | "AKI 2" | "AKI 3" | "H" | "L" | "cannot say"
    ratio: float | None = None
    creatinine_umol_l: int | None = None
    reference_umol_l: float | None = None
    reference_method: str | None = None
    rise_48_h_umol_l: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Egfr:
    """Estimated GFR of the latest creatinine. Not valid as a number to dose by unless `steady_state`.

    `steady_state` is True only when earlier values show it: a lone creatinine is not known to be steady.
    `kinetic_ml_min_1_73m2` is given only while creatinine moves from a measured baseline (`model.kinetic_egfr`).
    """

    ml_min_1_73m2: float
    equation: str
    steady_state: bool
    at: datetime | None = None
    kinetic_ml_min_1_73m2: float | None = None


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
class Interval:
    """Where the probability lies in `level` of the fits to other patients drawn like the training patients."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """A probability of `outcome` within `horizon_hours`.

    `base_log_odds` plus the contributions' log-odds is exactly `logit(probability)`. `cautions` say in what the
    patient differs from those the model learned from; none means looked at and found alike.
    """

    probability: float
    horizon_hours: int
    outcome: str
    category: str  # "low" | "moderate" | "high"
    threshold: float
    base_log_odds: float
    contributions: tuple[Contribution, ...]
    interval: Interval | None = None
    cautions: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class RecalibrationIdentity:
    """Which recalibration lay over the model: whose, how, the SHA-256 of what was signed, and its days."""

    site: str
    method: str  # "intercept" | "slope" | "isotonic"
    sha256: str
    created_on: str
    expires_on: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke: id, version, the SHA-256 of its artifact, and the site's recalibration if any."""

    id: str
    version: str
    sha256: str
    recalibration: RecalibrationIdentity | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """How much of the chart was used, and what was refused with its reason."""

    used: int
    rejected: tuple[Rejected, ...] = ()
    incomplete: tuple[Incomplete, ...] = ()


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


_STATUS = {Assessment: "assessed", InsufficientData: "insufficient_data", NotApplicable: "not_applicable"}
_TOP_LEVEL = ("kdigo", "nhs", "egfr", "risk", "progression")


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """The public JSON form of an outcome. Times are ISO 8601 with offset; absent parts are left out."""
    document: dict[str, Any] = {
        "status": _STATUS[type(outcome)],
        "assessed_at": outcome.assessed_at.isoformat(),
        "patient_id": outcome.patient_id,
    }
    if outcome.reasons:
        document["reasons"] = [part_to_json(reason) for reason in outcome.reasons]
    if isinstance(outcome, Assessment):
        parts = {name: getattr(outcome, name) for name in _TOP_LEVEL}
        document |= {name: part_to_json(part) for name, part in parts.items() if part is not None}
    document["inputs"] = _inputs_to_json(outcome.inputs)
    if outcome.model is not None:
        document["model"] = part_to_json(outcome.model)
    return document


def _inputs_to_json(inputs: Inputs) -> dict[str, Any]:
    """`used` and `rejected` are always there, so a reader can tell none from not said."""
    document: dict[str, Any] = {"used": inputs.used, "rejected": [part_to_json(item) for item in inputs.rejected]}
    if inputs.incomplete:
        document["incomplete"] = [part_to_json(item) for item in inputs.incomplete]
    return document


def part_to_json(value: Any) -> Any:
    """A part of an outcome as JSON: a dataclass as an object without its empty fields; floats to 6 decimals."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        return [part_to_json(item) for item in value]
    if is_dataclass(value):
        pairs = ((item.name, getattr(value, item.name)) for item in fields(value))
        return {name: part_to_json(part) for name, part in pairs if part is not None}
    return value
