"""Made-up patients whose scores are stored with the artifact and replayed at every load. None is real."""

import math
from typing import Any

Points = list[list[float]]


def _hourly(hours: int, level: float, swing: float, drift: float, decimals: int = 0) -> Points:
    """An hourly vital sign over the hours before now: a slow wave around a drifting level."""
    return [
        [float(h), round(level + swing * math.sin(0.7 * h) + drift * h / 24.0, decimals)] for h in range(-hours, 1)
    ]


def _vitals(hours: int, **levels: tuple[float, float, float]) -> dict[str, Points]:
    return {name: _hourly(hours, *shape) for name, shape in levels.items()}


def golden_timelines() -> dict[str, dict[str, Any]]:
    """Timelines in their JSON form, by a name that says what they are for."""
    return {
        "creatinine_alone": {"age_years": 61.0, "sex": "female", "series": {"creatinine": [[0.0, 0.8]]}},
        "stable_young_man": {
            "age_years": 29.4,
            "sex": "male",
            "series": {
                "creatinine": [[-30.0, 0.9], [-6.0, 0.9]],
                "urea_nitrogen": [[-6.0, 12.0]],
                **_vitals(12, heart_rate=(78, 4, 0), systolic_bp=(124, 5, 0), mean_bp=(88, 3, 0)),
            },
        },
        "septic_shock": {
            "age_years": 74.2,
            "sex": "male",
            "series": {
                "creatinine": [[-44.0, 1.1], [-20.0, 1.2], [0.0, 1.35]],
                "urea_nitrogen": [[-44.0, 24.0], [0.0, 38.0]],
                "lactate": [[-20.0, 2.4], [-2.0, 4.8]],
                "potassium": [[-20.0, 4.4], [0.0, 5.3]],
                "white_cells": [[-20.0, 14.2], [0.0, 19.6]],
                "platelets": [[-20.0, 141.0], [0.0, 88.0]],
                "bilirubin_total": [[-20.0, 1.9]],
                "fio2": [[-8.0, 60.0]],
                **_vitals(
                    46,
                    heart_rate=(112, 8, 6),
                    systolic_bp=(92, 9, -6),
                    diastolic_bp=(48, 6, -3),
                    mean_bp=(62, 6, -4),
                    respiratory_rate=(26, 4, 1),
                    spo2=(93, 2, 0),
                    temperature=(38.6, 1, 0),
                ),
            },
        },
        "chronic_kidney_disease": {
            "age_years": 81.0,
            "sex": "female",
            "series": {
                "creatinine": [[-150.0, 2.1], [-60.0, 2.2], [-12.0, 2.0]],
                "urea_nitrogen": [[-60.0, 51.0], [-12.0, 47.0]],
                "phosphate": [[-12.0, 4.9]],
                "haemoglobin": [[-60.0, 9.8], [-12.0, 8.9]],
                **_vitals(24, heart_rate=(70, 5, 0), systolic_bp=(151, 9, 0), diastolic_bp=(62, 5, 0)),
            },
        },
        "stage_one_and_rising": {
            "age_years": 55.5,
            "sex": "male",
            "series": {
                "creatinine": [[-47.0, 0.8], [-23.0, 1.0], [-1.0, 1.3]],
                "magnesium": [[-23.0, 1.8], [-1.0, 2.3]],
                "calcium": [[-1.0, 7.9]],
                "glucose": [[-23.0, 164.0], [-1.0, 212.0]],
                "aspartate_aminotransferase": [[-23.0, 88.0]],
                "alkaline_phosphatase": [[-23.0, 140.0]],
                "partial_thromboplastin_time": [[-23.0, 41.0]],
                "paco2": [[-23.0, 34.0], [-3.0, 31.0]],
            },
        },
    }
