"""Encounters -> stays, and the intensive care within them."""

from typing import Any, Final

from model.snapshot import Stay
from patient_context.chart import Chart
from patient_context.shapes import Json, Refused, first_code, member, objects, text
from patient_context.times import optional_time
from patient_context.unit_stays import add_unit_stays

_DID_NOT_HAPPEN: Final = frozenset({"planned", "cancelled", "entered-in-error"})
_UNKNOWN_SETTING: Final = "UNK"


def add_encounter(chart: Chart, resource: Json, source: str) -> None:
    """A stay or visit that happened or is happening."""
    status = resource.get("status")
    try:
        if isinstance(status, str) and status in _DID_NOT_HAPPEN:
            raise Refused("encounter-not-happened", "The encounter was planned, cancelled or entered in error.")
        chart.require_known_modifiers(resource)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    setting = _setting(resource.get("class"))
    period, zone = member(resource, "period"), chart.reading.time_zone
    chart.stays.append(
        Stay(
            setting=setting,
            source=source,
            start_at=optional_time(period.get("start"), zone),
            end_at=optional_time(period.get("end"), zone),
        )
    )
    add_unit_stays(chart, resource, setting, source)


def _setting(given: Any) -> str:
    """R4 sends one Coding, R5 a list of concepts."""
    for entry in objects(given):
        if code := text(entry.get("code")) or first_code(entry):
            return code
    return _UNKNOWN_SETTING
