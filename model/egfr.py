"""Estimated glomerular filtration rate and creatinine clearance.

Creatinine in mg/dL (IDMS-traceable), age in years, height in cm, weight in kg. eGFR in mL/min/1.73 m2,
clearance in mL/min. All assume a creatinine that is not moving; `Egfr.steady_state` says whether it is.
"""

from collections.abc import Callable
from math import exp, log

from model.policy import EgfrEquation
from model.snapshot import Sex
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL


def ckd_epi_2021(creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """CKD-EPI creatinine equation of 2021, without race (Inker, N Engl J Med 2021;385:1737)."""
    female = sex is Sex.FEMALE
    ratio = creatinine_mg_dl / (0.7 if female else 0.9)
    low = min(ratio, 1.0) ** (-0.241 if female else -0.302)
    value = 142.0 * low * max(ratio, 1.0) ** -1.200 * 0.9938**age_years
    return float(value * 1.012 if female else value)


def ckd_epi_2009(creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """CKD-EPI creatinine equation of 2009 with the race term left out (Levey, Ann Intern Med 2009;150:604)."""
    female = sex is Sex.FEMALE
    ratio = creatinine_mg_dl / (0.7 if female else 0.9)
    low = min(ratio, 1.0) ** (-0.329 if female else -0.411)
    value = 141.0 * low * max(ratio, 1.0) ** -1.209 * 0.993**age_years
    return float(value * 1.018 if female else value)


def ekfc(creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """EKFC equation for 2 years and older (Pottel, Ann Intern Med 2021;174:183). Up to 25 y, Q follows age."""
    ratio = creatinine_mg_dl / _ekfc_q_mg_dl(age_years, sex)
    value = 107.3 * ratio ** (-0.322 if ratio < 1 else -1.132)
    return float(value * 0.990 ** (age_years - 40) if age_years > 40 else value)


def _ekfc_q_mg_dl(age: float, sex: Sex) -> float:
    """Median creatinine of healthy people of this age and sex."""
    if age > 25:
        return 0.70 if sex is Sex.FEMALE else 0.90
    if sex is Sex.FEMALE:
        ln_q = 3.080 + 0.177 * age - 0.223 * log(age) - 0.00596 * age**2 + 0.0000686 * age**3
    else:
        ln_q = 3.200 + 0.259 * age - 0.543 * log(age) - 0.00763 * age**2 + 0.0000790 * age**3
    return exp(ln_q) / CREATININE_UMOL_L_PER_MG_DL


def jsn(creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """Three-variable Japanese equation for adults (Matsuo, Am J Kidney Dis 2009;53:982)."""
    value = 194.0 * creatinine_mg_dl**-1.094 * age_years**-0.287
    return float(value * 0.739 if sex is Sex.FEMALE else value)


def mdrd(creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """Four-variable MDRD re-expressed for IDMS creatinine, race left out (Levey, Clin Chem 2007;53:766)."""
    value = 175.0 * creatinine_mg_dl**-1.154 * age_years**-0.203
    return float(value * 0.742 if sex is Sex.FEMALE else value)


def bedside_schwartz(creatinine_mg_dl: float, height_cm: float) -> float:
    """Bedside Schwartz equation for children (Schwartz, J Am Soc Nephrol 2009;20:629)."""
    return 0.413 * height_cm / creatinine_mg_dl


def cockcroft_gault(creatinine_mg_dl: float, age_years: float, sex: Sex, weight_kg: float) -> float:
    """Creatinine clearance in mL/min, not indexed to body surface (Cockcroft & Gault, Nephron 1976;16:31).

    What most drug labels dose by.
    """
    value = (140.0 - age_years) * weight_kg / (72.0 * creatinine_mg_dl)
    return value * 0.85 if sex is Sex.FEMALE else value


_BY_AGE_AND_SEX: dict[EgfrEquation, Callable[[float, float, Sex], float]] = {
    EgfrEquation.CKD_EPI_2021: ckd_epi_2021,
    EgfrEquation.CKD_EPI_2009: ckd_epi_2009,
    EgfrEquation.EKFC: ekfc,
    EgfrEquation.JSN: jsn,
    EgfrEquation.MDRD: mdrd,
}


def adult_egfr(equation: EgfrEquation, creatinine_mg_dl: float, age_years: float, sex: Sex) -> float:
    """eGFR by any equation of age and sex. Raises KeyError for the Schwartz formula, which needs height."""
    return _BY_AGE_AND_SEX[equation](creatinine_mg_dl, age_years, sex)


def creatinine_for_egfr_75(equation: EgfrEquation, age_years: float, sex: Sex) -> float:
    """The creatinine (mg/dL) at which MDRD or CKD-EPI 2021 gives 75: an assumed baseline, never a measured one."""
    female = sex is Sex.FEMALE
    if equation is EgfrEquation.MDRD:
        return float((75.0 / (175.0 * age_years**-0.203 * (0.742 if female else 1.0))) ** (-1 / 1.154))
    scale = 142.0 * 0.9938**age_years * (1.012 if female else 1.0)
    ratio_power = 75.0 / scale
    exponent = -1.200 if ratio_power <= 1 else (-0.241 if female else -0.302)
    return float((0.7 if female else 0.9) * ratio_power ** (1 / exponent))
