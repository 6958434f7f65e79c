"""The charts of the validation page: calibration in tenths of the risk, and the decision curve."""

import math
from collections.abc import Mapping
from typing import Any

from model.validation.charts import Axis, Line, chart
from model.validation.html_tables import NAMES, percent

CURVES = {
    "bundled": "model",
    "creatinine_only_frozen": "rival",
    "creatinine_only": "local",
    "flag_all": "reference",
    "nobody": "zero",
}
WORDS = NAMES | {"flag_all": "acting on everybody", "nobody": "acting on nobody"}


def calibration(found: Mapping[str, Any]) -> str:
    points = found["calibration_curve"]
    highest = max(max(p["predicted"], p["high"] or 0.0) for p in points)
    top = min(1.0, math.ceil(highest / 0.25) * 0.25)
    axes = Axis("predicted risk (tenths)", 0.0, top, percent), Axis("observed share", 0.0, top, percent)
    lines = [
        Line(
            "this model, 95 % interval",
            [(p["predicted"], p["observed"]) for p in points],
            dots=True,
            bars=[(p["predicted"], p["low"], p["high"]) for p in points if p["low"] is not None],
        ),
        Line("perfect", [(0.0, 0.0), (top, top)], "reference"),
    ]
    return _figure(
        chart("Calibration curve", *axes, lines), "Calibration: a tenth of the predictions in each point"
    )


def decision(found: Mapping[str, Any]) -> str:
    points = [point | {"nobody": 0.0} for point in found["decision_curve"]]
    top = max(0.05, math.ceil(max(p["flag_all"] for p in points) / 0.05) * 0.05)
    low = -top / 4  # harm is to be seen, and the grid falls on zero
    axes = Axis("risk at which one would act", 0.0, 0.5, percent), Axis("net benefit", low, top, _thousandths)
    lines = [Line(WORDS[name], [(p["threshold"], p[name]) for p in points], kind) for name, kind in CURVES.items()]
    return _figure(
        chart("Decision curve", *axes, lines), "Decision curve: higher is better, at the risk one acts at"
    )


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def _thousandths(value: float) -> str:
    return f"{value:.3f}"
