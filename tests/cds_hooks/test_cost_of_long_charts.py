"""A chart four times as long costs about four times as much: calls are counted, not time."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cds_hooks.request_body import decode_hook
from model.artifact import load_bundled_model
from model.assess import assess
from model.snapshot import PatientSnapshot
from patient_context.mapping import snapshot_from_prefetch
from tests.builders.cds import NOW, PATIENT, creatinine, full_prefetch, hook_body, searchset

Json = dict[str, Any]
SHORT, LONG = 250, 1000


def results(count: int, level: Callable[[int], float], *, named: str = "c", hours: float = 2.0) -> list[Json]:
    return [creatinine(f"{named}{n}", level(n), 1 + n * hours) for n in range(count)]


def steady(n: int) -> float:
    return 1.0 + (n % 7) / 10


def minutes_apart(count: int) -> Json:
    return full_prefetch(*results(count, steady, hours=0.02))


def days_apart(count: int) -> Json:
    return full_prefetch(*results(count, steady, hours=24.0))


def at_one_moment(count: int) -> Json:
    return full_prefetch(*results(count, lambda n: 0.5 + n / count, hours=0.0))


def sent_under_two_keys(count: int) -> Json:
    found = results(count, steady)
    return full_prefetch(*found, labs=searchset(*found))


def contradicted(count: int) -> Json:
    others = results(count, lambda n: steady(n) + 0.5, named="d")
    return full_prefetch(*results(count, steady), labs=searchset(*others))


def in_two_units(count: int) -> Json:
    return full_prefetch(*results(count, lambda n: 0.2 if n % 3 else 18.0))


def in_units_that_are_sorted_out_one_by_one(count: int) -> Json:
    return full_prefetch(*results(count, lambda n: (0.12 if n % 2 else 13.0) * 1.7 ** (n / count)))


CHARTS = (
    minutes_apart,
    days_apart,
    at_one_moment,
    sent_under_two_keys,
    contradicted,
    in_two_units,
    in_units_that_are_sorted_out_one_by_one,
)


def read(body: bytes) -> PatientSnapshot:
    prefetch = decode_hook(body)["prefetch"]
    return snapshot_from_prefetch(prefetch, patient_id=PATIENT, read_at=NOW).snapshot


def calls_for(prefetch: Json) -> int:
    """How often anything is called while a hook's body becomes an assessment."""
    body, model, counted = json.dumps(hook_body(prefetch=prefetch)).encode(), load_bundled_model(), 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        assess(read(body), now=NOW, model=model)
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_the_work_grows_with_the_chart_and_not_with_its_square(chart: Callable[[int], Json]) -> None:
    calls_for(chart(SHORT))  # what is learned once is learned now
    assert calls_for(chart(LONG)) < calls_for(chart(SHORT)) * (LONG / SHORT) * 1.2
