"""How the EHR's pages word times, ages and JSON."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

from flask import Blueprint

from sandbox.cds_contexts import reference_of
from sandbox.draft_orders import drug_words
from sandbox.patient_list import searched_words

SHOWN_ITEMS = 3


def ago(at: datetime | None, now: datetime) -> str:
    """`3 h ago`; whole units, never rounded up."""
    if at is None:
        return ""
    age = now - at
    if age < timedelta(minutes=1):
        return "just now"
    if age < timedelta(hours=1):
        return f"{age // timedelta(minutes=1)} min ago"
    if age < timedelta(days=2):
        return f"{age // timedelta(hours=1)} h ago"
    if age < timedelta(days=365):
        return f"{age // timedelta(days=1)} days ago"
    years = age // timedelta(days=365)
    return f"{years} year{'' if years == 1 else 's'} ago"


def one_decimal(value: float) -> str:
    """A creatinine: never fewer decimals than one, never fewer than were reported."""
    text = f"{value:g}"
    return text if "." in text or "e" in text else f"{text}.0"


def shortened(value: Any) -> Any:
    """A copy with long lists cut, so that a request with hundreds of observations can be read."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        kept = [shortened(item) for item in value[:SHOWN_ITEMS]]
        return [*kept, f"... {len(value) - SHOWN_ITEMS} more"] if len(value) > SHOWN_ITEMS else kept
    return value


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def size(value: Any) -> str:
    """How long it is as JSON: `4.1 kB`."""
    length = len(compact(value).encode("utf-8", "replace")) if value is not None else 0
    return f"{length / 1000:.1f} kB" if length < 100_000 else f"{length / 1000:.0f} kB"


class LocalTimes:
    """Times as the hospital's own clocks show them."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def moment(self, at: datetime | None) -> str:
        return f"{at.astimezone(self._zone):%d %b %Y, %H:%M}" if at else ""

    def day(self, at: datetime | None) -> str:
        return f"{at.astimezone(self._zone):%d %b}" if at else ""

    def hour(self, at: datetime | None) -> str:
        return f"{at.astimezone(self._zone):%H:%M}" if at else ""


def add_words(pages: Blueprint, zone: tzinfo) -> None:
    """Make the words known to every template of the application."""
    times = LocalTimes(zone)
    for function in (
        ago,
        times.moment,
        times.day,
        times.hour,
        one_decimal,
        shortened,
        pretty,
        compact,
        size,
        drug_words,
        reference_of,
        searched_words,
    ):
        pages.add_app_template_filter(function, function.__name__)
