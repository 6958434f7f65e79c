"""Measurements made quickly: reading a chart makes hundreds within one hook call.

The `__init__` of a frozen dataclass looks up each field's slot by name; setting the slots themselves takes half
the time. Unpacking fails at import if Measurement gains or loses a field.
"""

from dataclasses import fields
from datetime import datetime
from typing import Final

from model.analytes import Analyte
from model.snapshot import Comparator, Measurement

(
    _set_analyte,
    _set_value,
    _set_at,
    _set_available_at,
    _set_source,
    _set_comparator,
    _set_preliminary,
    _set_day_only,
) = (vars(Measurement)[member.name].__set__ for member in fields(Measurement))
_new: Final = object.__new__


def measured(
    analyte: Analyte,
    value: float,
    at: datetime,
    available_at: datetime,
    source: str,
    comparator: Comparator | None,
    preliminary: bool,
    day_only: bool,
) -> Measurement:
    """`Measurement(...)`, all fields given."""
    made = _new(Measurement)
    _set_analyte(made, analyte)
    _set_value(made, value)
    _set_at(made, at)
    _set_available_at(made, available_at)
    _set_source(made, source)
    _set_comparator(made, comparator)
    _set_preliminary(made, preliminary)
    _set_day_only(made, day_only)
    return made
