"""Which features the model sees, one line each, with the clinical words they are shown under.

Left out because one of the two training hospitals hardly measures them: bicarbonate, chloride, pH, base
excess, end-tidal CO2. Left out because the training data do not have them: urine output, weight, drugs,
diagnoses. Left out because they describe care and not the patient: everything counting or timing measurements,
and hours since admission (worth 0.002 AUROC here, and what an admission is differs between charts).
"""

from collections.abc import Callable
from functools import partial

from model.analytes import CANONICAL_UNIT, Analyte
from model.egfr import ckd_epi_2021
from model.features import (
    LAB_WINDOW_HOURS,
    NAN,
    WEEK_HOURS,
    Feature,
    Pick,
    View,
    change,
    high,
    last,
    low,
    mean,
    slope,
    trend,
)
from model.sentences import Sentence
from model.snapshot import Sex

CREATININE = Analyte.CREATININE
UREA = Analyte.UREA_NITROGEN
DAY_HOURS = 24.0
LOW_PRESSURE_MM_HG = 65.0  # mean arterial pressure below which organs are held to be underperfused

CONCEPTS: dict[str, str] = {
    "creatinine_level": "Creatinine level",
    "creatinine_course": "Creatinine course",
    "urea": "Urea nitrogen",
    "age": "Age",
    "sex": "Sex",
    "blood_pressure": "Blood pressure",
    "heart_rate": "Heart rate",
    "temperature": "Temperature",
    "breathing": "Breathing and oxygen",
    "potassium": "Potassium",
    "minerals": "Calcium, magnesium, phosphate",
    "glucose": "Glucose",
    "lactate": "Lactate",
    "blood_count": "Blood count",
    "clotting": "Clotting",
    "liver": "Liver tests",
}


# --- creatinine: level, course, and how little more would meet the KDIGO definition --------------------------


def _above_low(view: View, window: float) -> float:
    return last(view, CREATININE, WEEK_HOURS) - low(view, CREATININE, window)


def _ratio_to_low(view: View) -> float:
    return last(view, CREATININE, WEEK_HOURS) / low(view, CREATININE, WEEK_HOURS)


def _below_high(view: View) -> float:
    return high(view, CREATININE, WEEK_HOURS) - last(view, CREATININE, WEEK_HOURS)


def _ratio_to_high(view: View) -> float:
    return last(view, CREATININE, WEEK_HOURS) / high(view, CREATININE, WEEK_HOURS)


def _step(view: View) -> float:
    """Change from the previous value."""
    values = view.values(CREATININE, WEEK_HOURS)
    return values[-1] - values[-2] if len(values) > 1 else NAN


def _first(view: View) -> float:
    values = view.values(CREATININE, WEEK_HOURS)
    return values[0] if values else NAN


def _headroom(view: View) -> float:
    """The rise, in mg/dL, that would meet the KDIGO definition if it came now."""
    by_rise = low(view, CREATININE, LAB_WINDOW_HOURS) + 0.3
    by_ratio = 1.5 * low(view, CREATININE, WEEK_HOURS)
    return min(by_rise, by_ratio) - last(view, CREATININE, WEEK_HOURS)


def _relative_headroom(view: View) -> float:
    return 100.0 * _headroom(view) / last(view, CREATININE, WEEK_HOURS)


def _to_next_stage(view: View) -> float:
    """How far, in per cent, a patient in stage 1 or 2 is from a higher one: the next multiple, or 4 mg/dL."""
    latest, lowest = last(view, CREATININE, WEEK_HOURS), low(view, CREATININE, WEEK_HOURS)
    multiple = 2.0 if latest < 2.0 * lowest - 1e-9 else 3.0
    return 100.0 * (min(multiple * lowest, 4.0) / latest - 1.0)


def _egfr(view: View) -> float:
    creatinine = last(view, CREATININE, WEEK_HOURS)
    if view.sex is None or creatinine != creatinine:
        return NAN
    return ckd_epi_2021(creatinine, view.age, view.sex)


def _urea_to_creatinine(view: View) -> float:
    return last(view, UREA, LAB_WINDOW_HOURS) / last(view, CREATININE, WEEK_HOURS)


# --- haemodynamics ----------------------------------------------------------------------------------------


def _shock_index(view: View, window: float) -> float:
    return mean(view, Analyte.HEART_RATE, window) / mean(view, Analyte.SYSTOLIC_BP, window)


def _pulse_pressure(view: View, window: float) -> float:
    return mean(view, Analyte.SYSTOLIC_BP, window) - mean(view, Analyte.DIASTOLIC_BP, window)


def _share_low_pressure(view: View) -> float:
    values = view.values(Analyte.MEAN_BP, DAY_HOURS)
    return 100.0 * sum(value < LOW_PRESSURE_MM_HG for value in values) / len(values) if values else NAN


def _age(view: View) -> float:
    return view.age


def _female(view: View) -> float:
    return NAN if view.sex is None else float(view.sex is Sex.FEMALE)


# --- the list ---------------------------------------------------------------------------------------------


def _creatinine(
    name: str,
    label: str,
    compute: Callable[[View], float],
    *,
    concept: str = "creatinine_course",
    unit: str = "mg/dL",
    decimals: int = 2,
    pick: Pick = "last",
    signed: bool = False,
    phrase: tuple[str, ...] = (),
) -> Feature:
    name, window = f"creatinine_{name}", WEEK_HOURS
    return Feature(name, concept, label, unit, compute, CREATININE, window, pick, decimals, signed, (), phrase)


def _level(name: str, label: str, compute: Callable[[View], float], pick: Pick = "last") -> Feature:
    return _creatinine(name, label, compute, concept="creatinine_level", pick=pick)


_CREATININE = (
    _level("last", "Creatinine, latest", partial(last, analyte=CREATININE, window=WEEK_HOURS)),
    _level("low_48h", "Creatinine, lowest in 48 h", partial(low, analyte=CREATININE, window=48.0), "low"),
    _level("low_7d", "Creatinine, lowest in 7 days", partial(low, analyte=CREATININE, window=WEEK_HOURS), "low"),
    _level("first_7d", "Creatinine, first of the last 7 days", _first),
    Feature("egfr", "creatinine_level", "eGFR from the latest creatinine (CKD-EPI 2021)", "mL/min/1.73m2", _egfr,
            CREATININE, WEEK_HOURS, "last", 0),
    _creatinine("above_low_48h", "Creatinine above its lowest of 48 h by", partial(_above_low, window=48.0)),
    _creatinine("above_low_24h", "Creatinine above its lowest of 24 h by", partial(_above_low, window=24.0)),
    _creatinine("ratio_low_7d", "Creatinine relative to its lowest of 7 days", _ratio_to_low, unit="{ratio}",
                phrase=("{number:.2f} times", "")),
    _creatinine("below_high_7d", "Creatinine below its highest of 7 days by", _below_high),
    _creatinine("ratio_high_7d", "Creatinine relative to its highest of 7 days", _ratio_to_high, unit="{ratio}",
                phrase=("{number:.2f} times", "")),
    _creatinine("step", "Creatinine change since the previous result", _step, signed=True),
    _creatinine("slope_48h", "Creatinine trend over 48 h", partial(slope, analyte=CREATININE, window=48.0),
                unit="mg/dL/h", decimals=3, signed=True),
    _creatinine("headroom", "AKI threshold for creatinine", _headroom,
                phrase=("reached by a rise of {number:.2f} {unit}", "exceeded by {number:.2f} {unit}")),
    _creatinine("relative_headroom", "AKI threshold for creatinine",
                _relative_headroom, unit="%", decimals=0,
                phrase=("reached by a rise of {number:.0f} %", "already exceeded")),
)  # fmt: skip

_PERSON = (
    Feature("age", "age", "Age", "a", _age, decimals=0),
    Feature("female", "sex", "Sex", "", _female, words=("male", "female")),
)

_DERIVED = (
    Feature("urea_to_creatinine", "urea", "Urea nitrogen to creatinine ratio", "{ratio}",
            _urea_to_creatinine, UREA),
    Feature("shock_index_6h", "blood_pressure", "Shock index (heart rate / systolic pressure), mean of 6 h",
            "{ratio}", partial(_shock_index, window=6.0), Analyte.SYSTOLIC_BP, 6.0, decimals=2),
    Feature("shock_index_24h", "blood_pressure", "Shock index (heart rate / systolic pressure), mean of 24 h",
            "{ratio}", partial(_shock_index, window=24.0), Analyte.SYSTOLIC_BP, 24.0, decimals=2),
    Feature("pulse_pressure_6h", "blood_pressure", "Pulse pressure, mean of 6 h", "mm[Hg]",
            partial(_pulse_pressure, window=6.0), Analyte.SYSTOLIC_BP, 6.0, decimals=0),
    Feature("pulse_pressure_24h", "blood_pressure", "Pulse pressure, mean of 24 h", "mm[Hg]",
            partial(_pulse_pressure, window=24.0), Analyte.SYSTOLIC_BP, 24.0, decimals=0),
    Feature("low_pressure_24h", "blood_pressure", "Mean arterial pressure below 65 mmHg, share of 24 h",
            "%", _share_low_pressure, Analyte.MEAN_BP, 24.0, "low", 0),
)  # fmt: skip


def _vital(analyte: Analyte, concept: str, words: str, decimals: int = 0) -> tuple[Feature, ...]:
    """A vital sign's day and two days: mean, extremes, and which way it goes."""
    unit, name, named = CANONICAL_UNIT[analyte], analyte.value, Sentence(words)
    day, two_days = partial(mean, analyte=analyte, window=24.0), LAB_WINDOW_HOURS
    return (
        Feature(f"{name}_mean_24h", concept, Sentence("{words}, mean of 24 h", words=named), unit, day, analyte,
                24.0, "last", decimals),
        Feature(f"{name}_low_48h", concept, Sentence("{words}, lowest in 48 h", words=named), unit,
                partial(low, analyte=analyte, window=two_days), analyte, two_days, "low", decimals),
        Feature(f"{name}_high_48h", concept, Sentence("{words}, highest in 48 h", words=named), unit,
                partial(high, analyte=analyte, window=two_days), analyte, two_days, "high", decimals),
        Feature(f"{name}_trend_24h", concept, Sentence("{words}, last 6 h compared with 24 h", words=named), unit,
                partial(trend, analyte=analyte, window=24.0), analyte, 24.0, "last", decimals + 1,
                signed=True),
    )  # fmt: skip


def _lab(analyte: Analyte, concept: str, words: str, decimals: int = 1) -> tuple[Feature, ...]:
    """A laboratory value: the latest of 48 h, and its change within them."""
    unit, name, window = CANONICAL_UNIT[analyte], analyte.value, LAB_WINDOW_HOURS
    named = Sentence(words)
    return (
        Feature(f"{name}_last", concept, words, unit, partial(last, analyte=analyte, window=window),
                analyte, window, "last", decimals),
        Feature(f"{name}_change_48h", concept, Sentence("{words}, change within 48 h", words=named), unit,
                partial(change, analyte=analyte, window=window), analyte, window, "last", decimals, signed=True),
    )  # fmt: skip


FEATURES: tuple[Feature, ...] = (
    *_CREATININE,
    *_PERSON,
    *_DERIVED,
    *_vital(Analyte.HEART_RATE, "heart_rate", "Heart rate"),
    *_vital(Analyte.SYSTOLIC_BP, "blood_pressure", "Systolic pressure"),
    *_vital(Analyte.DIASTOLIC_BP, "blood_pressure", "Diastolic pressure"),
    *_vital(Analyte.MEAN_BP, "blood_pressure", "Mean arterial pressure"),
    *_vital(Analyte.TEMPERATURE, "temperature", "Temperature", 1),
    *_vital(Analyte.RESPIRATORY_RATE, "breathing", "Respiratory rate"),
    *_vital(Analyte.SPO2, "breathing", "Oxygen saturation"),
    *_lab(Analyte.FIO2, "breathing", "Inspired oxygen fraction (FiO2)", 0),
    *_lab(Analyte.PACO2, "breathing", "Arterial CO2 pressure (PaCO2)", 0),
    *_lab(UREA, "urea", "Urea nitrogen", 0),
    *_lab(Analyte.POTASSIUM, "potassium", "Potassium"),
    *_lab(Analyte.CALCIUM, "minerals", "Calcium"),
    *_lab(Analyte.MAGNESIUM, "minerals", "Magnesium"),
    *_lab(Analyte.PHOSPHATE, "minerals", "Phosphate"),
    *_lab(Analyte.GLUCOSE, "glucose", "Glucose", 0),
    *_lab(Analyte.LACTATE, "lactate", "Lactate"),
    *_lab(Analyte.HAEMOGLOBIN, "blood_count", "Haemoglobin"),
    *_lab(Analyte.WHITE_CELLS, "blood_count", "White cells"),
    *_lab(Analyte.PLATELETS, "clotting", "Platelets", 0),
    *_lab(Analyte.PARTIAL_THROMBOPLASTIN_TIME, "clotting", "Partial thromboplastin time (PTT)", 0),
    *_lab(Analyte.BILIRUBIN_TOTAL, "liver", "Total bilirubin"),
    *_lab(Analyte.ASPARTATE_AMINOTRANSFERASE, "liver", "Aspartate aminotransferase (AST)", 0),
    *_lab(Analyte.ALKALINE_PHOSPHATASE, "liver", "Alkaline phosphatase", 0),
    _creatinine("to_next_stage", "Next AKI stage by creatinine", _to_next_stage, unit="%", decimals=0,
                phrase=("reached by a rise of {number:.0f} %", "already reached")),
)  # fmt: skip

FEATURE_BY_ID: dict[str, Feature] = {feature.id: feature for feature in FEATURES}


# What a chart must be read for.
USED_ANALYTES: tuple[Analyte, ...] = tuple(a for a in Analyte if any(f.analyte is a for f in FEATURES))
