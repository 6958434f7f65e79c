"""Which way the risk may go with a feature, where physiology says so; data, with a reason each.

A curve fitted to charts alone can learn that a pressure of 40 mmHg is good for the kidney (few such charts, many
of them artefacts) or that urea does no harm. No clinician would believe the next number. So training may only
step the risk the way stated here: up never falls as the value rises, down never rises, a valley never falls
going out of the normal range on either side. What is left to the data is in `FREE`, with the reason.
Price and evidence: `model/training/DECISIONS.md`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Direction:
    """Below `falls_below` the risk never rises with the value; from `rises_from` on it never falls with it."""

    falls_below: float
    rises_from: float
    because: str

    def of_cut(self, edge: float) -> int:
        """The step allowed at an edge: +1 up, -1 down, 0 either."""
        if edge < self.falls_below:
            return -1
        return 1 if edge >= self.rises_from else 0


def _up(because: str) -> Direction:
    return Direction(-math.inf, -math.inf, because)


def _down(because: str) -> Direction:
    return Direction(math.inf, math.inf, because)


def _valley(low: float, high: float, because: str) -> Direction:
    return Direction(low, high, because)


_RISE: Final = "KDIGO 2012 defines AKI by the rise; a patient nearer to it needs less to get there"
_PRESSURE: Final = "renal perfusion falls with pressure (Walsh, Anesthesiology 2013; Salmasi 2017: MAP < 65)"
_RETAINED: Final = "the failing kidney retains it (KDIGO 2012, ch. 2)"
_SHOCK: Final = "fast heart against low pressure: shock (Rady, Ann Emerg Med 1994)"
_HYPOXIA: Final = "hypoxaemia and ventilation injure the kidney (Joannidis, Intensive Care Med 2020)"
_LACTATE: Final = "tissue hypoperfusion (Surviving Sepsis Campaign 2021)"
_LIVER: Final = "liver injury and jaundice go with AKI (EASL, J Hepatol 2018)"
_ANAEMIA: Final = "anaemia and blood loss lower oxygen delivery (Karkouti, Circulation 2009)"
_PLATELETS: Final = "falling platelets mark organ failure (SOFA; Vincent 1996)"
_CLOTTING: Final = "prolonged clotting marks organ failure and liver injury"
_NORMAL_CEL: Final = 36.8  # one point, not a range: a risk free to fall inside a range stays low beyond it
_TEMPERATURE: Final = "fever is infection, hypothermia severe sepsis and shock (Surviving Sepsis Campaign 2021)"
_INFECTION: Final = "inflammation and sepsis (Surviving Sepsis Campaign 2021), or marrow failure below the range"

DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(
    {
        "age": _up("the kidney's reserve falls with age (KDIGO 2012, susceptibility)"),
        "egfr": _down("lower kidney function is a susceptibility (KDIGO 2012, table 5)"),
        "creatinine_above_low_48h": _up(_RISE),
        "creatinine_ratio_low_7d": _up(_RISE),
        "creatinine_step": _up(_RISE),
        "creatinine_headroom": _down(_RISE),
        "creatinine_relative_headroom": _down(_RISE),
        "creatinine_to_next_stage": _down(_RISE),
        "urea_nitrogen_last": _up(_RETAINED),
        "urea_nitrogen_change_48h": _up(_RETAINED),
        "potassium_last": _up(_RETAINED),
        "phosphate_last": _up(_RETAINED),
        "magnesium_last": _up(_RETAINED),
        "calcium_last": _valley(
            8.0, 10.5, "hypercalcaemia constricts and dehydrates; a low calcium marks illness"
        ),
        "glucose_last": _valley(
            70.0, 180.0, "hyperglycaemia of stress and diabetes; hypoglycaemia of organ failure"
        ),
        "lactate_last": _up(_LACTATE),
        "lactate_change_48h": _up(_LACTATE),
        "bilirubin_total_last": _up(_LIVER),
        "aspartate_aminotransferase_last": _up(_LIVER),
        "alkaline_phosphatase_last": _up(_LIVER),
        "haemoglobin_last": _down(_ANAEMIA),
        "platelets_last": _down(_PLATELETS),
        "platelets_change_48h": _down(_PLATELETS),
        "partial_thromboplastin_time_last": _up(_CLOTTING),
        "white_cells_last": _valley(4.0, 11.0, _INFECTION),
        "mean_bp_mean_24h": _down(_PRESSURE),
        "mean_bp_low_48h": _down(_PRESSURE),
        "systolic_bp_mean_24h": _down(_PRESSURE),
        "systolic_bp_low_48h": _down(_PRESSURE),
        "diastolic_bp_mean_24h": _down(_PRESSURE),
        "diastolic_bp_low_48h": _down(_PRESSURE),
        "low_pressure_24h": _up(_PRESSURE),
        "shock_index_24h": _up(_SHOCK),
        "heart_rate_mean_24h": _valley(50.0, 80.0, _SHOCK + "; below 50/min output falls"),
        "heart_rate_high_48h": _up(_SHOCK),
        "temperature_mean_24h": _valley(_NORMAL_CEL, _NORMAL_CEL, _TEMPERATURE),
        "temperature_high_48h": _valley(_NORMAL_CEL, _NORMAL_CEL, _TEMPERATURE),
        "temperature_low_48h": _valley(_NORMAL_CEL, _NORMAL_CEL, _TEMPERATURE),
        "respiratory_rate_mean_24h": _up(_HYPOXIA),
        "respiratory_rate_high_48h": _up(_HYPOXIA),
        "spo2_mean_24h": _down(_HYPOXIA),
        "spo2_low_48h": _down(_HYPOXIA),
        "fio2_last": _up(_HYPOXIA),
        "paco2_last": _valley(
            35.0, 45.0, "hypercapnia constricts renal vessels; hypocapnia marks acidosis and sepsis"
        ),
    }
)

FREE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "creatinine_last": "a low creatinine meets the 1.5-fold criterion with a small rise, a high one the 0.3 "
        "mg/dL criterion: the definition itself makes the risk U-shaped in the level",
        "creatinine_low_48h": "as the latest creatinine",
        "creatinine_low_7d": "as the latest creatinine",
        "creatinine_first_7d": "as the latest creatinine",
        "creatinine_below_high_7d": "a fall is recovery, or dilution after an injury that is not over",
        "creatinine_ratio_high_7d": "as the fall from the highest",
        "female": "sex is no direction; eGFR holds its part in creatinine",
        "pulse_pressure_6h": "narrow in low output, wide in stiff arteries",
        "pulse_pressure_24h": "narrow in low output, wide in stiff arteries",
        "systolic_bp_high_48h": "hypertensive injury and good perfusion pull apart",
        "diastolic_bp_high_48h": "hypertensive injury and good perfusion pull apart",
        "mean_bp_high_48h": "hypertensive injury and good perfusion pull apart",
        "temperature_trend_24h": "warming and cooling can each be illness or treatment",
        "systolic_bp_trend_24h": "the last hours follow treatment; the day's mean is held",
        "mean_bp_trend_24h": "the last hours follow treatment; the day's mean is held",
        "paco2_change_48h": "depends on where it started",
        "urea_to_creatinine": "falls also when creatinine rises",
        "potassium_change_48h": "depends on where it started, and a fall is often treatment",
        "phosphate_change_48h": "depends on where it started, and a fall is often treatment",
        "magnesium_change_48h": "depends on where it started, and a fall is often treatment",
        "white_cells_change_48h": "depends on where it started, and a fall is often treatment",
        "bilirubin_total_change_48h": "depends on where it started, and a fall is often treatment",
        "aspartate_aminotransferase_change_48h": "depends on where it started, and a fall is often treatment",
        "partial_thromboplastin_time_change_48h": "depends on where it started, and a fall is often treatment",
        "fio2_change_48h": "depends on where it started, and a fall is often treatment",
        "haemoglobin_change_48h": "depends on where it started, and a fall is often treatment",
        "respiratory_rate_low_48h": "sedation, ventilator settings and distress pull apart",
        "respiratory_rate_trend_24h": "the last hours follow treatment; the day's mean is held",
        "spo2_high_48h": "100 % is oxygen given as often as health",
        "heart_rate_low_48h": "slow by rest, by drugs or by failure",
        "heart_rate_trend_24h": "the last hours follow treatment; the day's mean is held",
        "shock_index_6h": "the day's is held; the last hours follow treatment",
        "diastolic_bp_trend_24h": "the last hours follow treatment; the day's mean is held",
        "spo2_trend_24h": "the last hours follow treatment; the day's mean is held",
        "creatinine_above_low_24h": "a part of the 48 h rise, which is held",
        "creatinine_slope_48h": "as the rise over 24 h",
        "calcium_change_48h": "depends on where it started",
        "glucose_change_48h": "depends on where it started",
        "alkaline_phosphatase_change_48h": "follows other changes by days",
    }
)
