"""Values that a living, monitored patient hardly has and a misplaced cuff, a flushed line or a typing slip has.

`model.unit_tables.PLAUSIBLE` refuses at the border what no patient can have, whoever asks. These windows are
narrower, lie inside them, and serve the risk model alone: a value outside is unknown to its features, in training
as on the page. The chart, the page and staging keep it. Fewer than 1 in 500 values of the training data fall here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from model.analytes import Analyte
from model.unit_tables import Window

BELIEVABLE: Final[Mapping[Analyte, Window]] = MappingProxyType(
    {
        Analyte.HEART_RATE: Window(20, 250),
        Analyte.SYSTOLIC_BP: Window(40, 280),
        Analyte.DIASTOLIC_BP: Window(15, 180),
        Analyte.MEAN_BP: Window(25, 200),
        Analyte.RESPIRATORY_RATE: Window(4, 70),
        Analyte.TEMPERATURE: Window(30, 43),
        Analyte.SPO2: Window(40, 100),
        Analyte.FIO2: Window(21, 100),
    }
)


def believable(analyte: Analyte, value: float) -> bool:
    """Whether the features may use a value, in the canonical unit."""
    window = BELIEVABLE.get(analyte)
    return window is None or window.low <= value <= window.high
