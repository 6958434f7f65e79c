"""What a site decides about staging and risk. Every choice has a safe default and is printed where it matters.

`SitePolicy` is plain data: `pydantic.TypeAdapter(SitePolicy).validate_python(table)` reads it from the
`[ehr.policy]` table of `ehrs.toml`, refusing unknown keys and naming each wrong one.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from model.assessment import BaselineMethod


class EgfrEquation(StrEnum):
    """Which equation estimates GFR in adults. `label` is what is printed beside the number."""

    CKD_EPI_2021 = "ckd_epi_2021"
    CKD_EPI_2009 = "ckd_epi_2009"  # without the race term
    EKFC = "ekfc"
    JSN = "jsn"
    MDRD = "mdrd"
    SCHWARTZ = "schwartz"  # children only: bedside formula, needs height

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    EgfrEquation.CKD_EPI_2021: "CKD-EPI 2021",
    EgfrEquation.CKD_EPI_2009: "CKD-EPI 2009 without race",
    EgfrEquation.EKFC: "EKFC 2021",
    EgfrEquation.JSN: "JSN 2009",
    EgfrEquation.MDRD: "MDRD (IDMS) without race",
    EgfrEquation.SCHWARTZ: "bedside Schwartz 2009",
}

MEASURED_BASELINES = (
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D,
    BaselineMethod.MEDIAN_8_365_D,
    BaselineMethod.LOWEST_7_D,
)
_CONFIGURABLE = frozenset(MEASURED_BASELINES) | {
    BaselineMethod.FIRST_OF_STAY,
    BaselineMethod.ESTIMATED_EGFR_75_MDRD,
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021,
}


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """One site's choices.

    `baseline_methods` names the references a stage may rest on; see docs/kdigo.md for how they compete.
    The adult reference intervals default to those collated by the IFCC for enzymatic assays (Ceriotti, Clin Chem
    2008;54:559); the paediatric upper limits have no default and are the site's own laboratory's, by age and sex.
    `recalibration` names the overlay file the risk is bent by, `recalibration_key` the key it must be signed with.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    egfr_equation: EgfrEquation = EgfrEquation.CKD_EPI_2021
    nhs_algorithm: bool = True
    urine_output_staging: bool = False
    urine_max_interval_hours: float = 2.0  # hourly charting with one missed hour; longer is a gap
    accept_preliminary: bool = False
    baseline_methods: tuple[BaselineMethod, ...] = MEASURED_BASELINES
    current_creatinine_max_age_days: float = 7.0
    height_max_age_days: float = 180.0
    nhs_reference_interval_male_umol_l: tuple[float, float] = (64.0, 104.0)
    nhs_reference_interval_female_umol_l: tuple[float, float] = (49.0, 90.0)
    nhs_paediatric_upper_limits_umol_l: tuple[tuple[float, float, float], ...] = ()  # (below age, female, male)
    recalibration: str | None = None
    recalibration_key: str | None = None  # an Ed25519 public key, base64url, as `aki model recalibration-key` says

    def __post_init__(self) -> None:
        unknown = [method for method in self.baseline_methods if method not in _CONFIGURABLE]
        if unknown or not self.baseline_methods:
            raise ValueError(f"baseline_methods: {', '.join(unknown) or 'an empty list'} cannot be configured")
        if self.egfr_equation is EgfrEquation.SCHWARTZ:
            raise ValueError("egfr_equation: the Schwartz formula is for children and is used for them by itself")
        if (self.recalibration is None) != (self.recalibration_key is None):
            raise ValueError("recalibration and recalibration_key: give both or neither")
        for name in ("urine_max_interval_hours", "current_creatinine_max_age_days", "height_max_age_days"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number greater than 0")
        for name in ("nhs_reference_interval_male_umol_l", "nhs_reference_interval_female_umol_l"):
            low, high = getattr(self, name)
            if not 0 < low < high < math.inf:
                raise ValueError(f"{name} must be (low, high) with 0 < low < high")


DEFAULT_POLICY = SitePolicy()
