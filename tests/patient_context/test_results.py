"""An Observation decoded straight into its record is read as one that was JSON first, whatever shape it has."""

import json
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patient_context.assembly import read_chart
from patient_context.bundles import Entry, ResultBundle, unpack
from patient_context.chart import Chart
from patient_context.errors import JsonRefused
from patient_context.mapping import snapshot_from_prefetch
from patient_context.reading import DEFAULT_READING
from patient_context.results import Result, fitted, result_of
from patient_context.strict_json import decode_any, loads
from tests.builders.fhir import observation, searchset
from tests.fuzz.mutations import Json, spoil
from tests.fuzz.sources import a_bundle, charts

NOW, EVERYBODY = charts()
_quick = msgspec.json.Decoder(ResultBundle)


def quick(body: bytes) -> Any:
    """As a hook's prefetch is decoded."""
    try:
        return _quick.decode(body).unpackable()
    except msgspec.ValidationError:
        return decode_any(body)


def chart_of(supplied: Any, patient_id: str, read_at: datetime = NOW) -> Chart:
    return read_chart(unpack(supplied).entries, patient_id=patient_id, read_at=read_at, reading=DEFAULT_READING)


def written(*resources: Json, **members: Any) -> bytes:
    return json.dumps({**searchset(*resources), **members}).encode()


def went_straight(supplied: Any) -> bool:
    return all(isinstance(entry, Entry) for entry in supplied["entry"])


def assert_both_ways_agree(body: bytes, patient_id: str) -> None:
    one, other = chart_of(quick(body), patient_id), chart_of(decode_any(body), patient_id)
    for name in ("measurements", "rejected", "ignored", "zones_assumed", "stays", "problems", "demographics"):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("number", range(len(EVERYBODY)))
def test_every_observation_of_the_embedded_ehr_goes_straight_and_is_read_alike(number: int) -> None:
    resources = EVERYBODY[number]
    observations = [one for one in resources if one["resourceType"] == "Observation"]
    body = written(*observations)
    assert went_straight(quick(body))
    assert_both_ways_agree(body, resources[0]["id"])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**40))
def test_what_fits_its_record_is_not_changed_by_fitting(seed: int) -> None:
    rnd = random.Random(seed)  # noqa: S311 - reproducible, not secret
    spoiled = a_bundle(rnd)
    spoil(rnd, spoiled)
    for entry in spoiled["entry"]:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Observation":
            fitting = msgspec.convert(fitted(resource), Result)
            assert repr(result_of(resource)) == repr(fitting)


def outcome_of(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        supplied = loads(body, decode=decode)
    except JsonRefused as refusal:
        return refusal.code
    found = snapshot_from_prefetch({"creatinine": supplied, "labs": supplied}, patient_id="p1", read_at=NOW)
    return found, unpack(supplied).ignored if isinstance(supplied, dict) else None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**40))
def test_spoiled_charts_are_read_alike(seed: int) -> None:
    rnd = random.Random(seed)  # noqa: S311 - reproducible, not secret
    spoiled = a_bundle(rnd)
    for one in spoiled["entry"]:
        if "subject" in one["resource"]:
            one["resource"]["subject"] = {"reference": "Patient/p1"}
    spoil(rnd, spoiled)
    body = json.dumps(spoiled).encode()
    assert outcome_of(quick, body) == outcome_of(decode_any, body)


@pytest.mark.parametrize(
    "change",
    [
        {"component": []},
        {"component": None},
        {"modifierExtension": [{"url": "urn:not"}]},
        {"dataAbsentReason": {"coding": [{"code": "error"}]}},
        {"valueQuantity": {"value": 1.2, "unit": "mg/dL", "comparator": "<"}},
        {"valueQuantity": {"value": "1.2", "unit": "mg/dL"}},
        {"valueQuantity": {"value": True, "unit": "mg/dL"}},
        {"valueQuantity": {"unit": "mg/dL"}},
        {"valueQuantity": {"value": 1.2, "unit": "furlong"}},
        {
            "valueQuantity": {
                "value": 1.2,
                "unit": "umol/L",
                "code": "mg/dL",
                "system": "http://unitsofmeasure.org",
            }
        },
        {"valueString": "1.2", "valueQuantity": None},
        {"status": "preliminary"},
        {"status": "entered-in-error"},
        {"status": None},
        {"subject": {"reference": "Patient/somebody-else"}},
        {"subject": {}},
        {"subject": {"reference": "https://ehr.example/fhir/Patient/p1/_history/2"}},
        {"effectiveDateTime": "2099"},
        {"effectiveDateTime": "2150-01-01T00:00:00Z"},
        {"effectiveDateTime": "2099-02-30T10:00:00Z"},
        {"effectiveDateTime": None, "effectivePeriod": {"end": "2099-12-30T10:00:00Z"}},
        {"effectiveDateTime": "2099-12-30T10:00:00"},
        {"effectiveDateTime": "2099-12-30"},
        {"issued": "nonsense"},
        {"issued": 7},
        {"id": None},
        {"id": "Jane Doe, 1950"},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "2161-8"}]}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "98979-8"}]}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "2708-6"}]}},
        {"code": {"coding": [{"system": "urn:local", "code": "K1"}], "text": "Kreatinin i.S."}},
        {"code": {"coding": [{"system": "urn:local", "code": "K1", "display": "Creatinine"}], "text": " "}},
        {"code": {"coding": [{"system": "urn:local", "code": "creatinine"}, {"display": "no code"}]}},
        {"code": {"coding": []}},
        {"code": {"text": "Creatinine"}},
        {"meta": {"lastUpdated": "2099-12-31T00:00:00Z"}, "id": "twice"},
    ],
)
def test_an_unusual_result_is_read_or_refused_as_ever(change: Json) -> None:
    usual = observation(id="twice", at=datetime.fromisoformat("2099-12-30T09:00:00+00:00"))
    body = written(usual, {**usual, "id": "other", **change})
    assert_both_ways_agree(body, "p1")


def test_of_two_versions_the_newest_counts_though_their_metadata_is_not_in_the_record() -> None:
    old = observation(value=1.0, id="a", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    new = observation(value=2.0, id="a", meta={"lastUpdated": "2026-01-02T00:00:00Z"})
    for pair in ([old, new], [new, old]):
        supplied = quick(written(*pair))
        assert went_straight(supplied)
        (measured,) = [m for series in chart_of(supplied, "p1").measurements.values() for m in series]
        assert measured.value == 2.0


def test_a_bundle_keeps_what_says_that_it_is_not_whole() -> None:
    one = quick(written(observation(), link=[{"relation": "next", "url": "x"}], total=9))
    assert unpack(one).has_next
    assert unpack(one).falls_short


def test_a_number_beyond_a_double_is_refused_where_it_is_read_and_passed_over_where_nobody_reads() -> None:
    body = written(observation(id="a"), observation(id="a", referenceRange=[{"low": {"value": 7.25}}]))
    passed_over = quick(body.replace(b"7.25", b"1e999"))
    assert chart_of(passed_over, "p1").measurements == chart_of(quick(body), "p1").measurements
    with pytest.raises(JsonRefused):
        loads(written(observation(value=7.25)).replace(b"7.25", b"1e999"), decode=quick)
