"""What holds for every chart: no exception, no dependence on order or spelling, each Observation accounted for."""

import contextlib
import copy
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from model.analytes import Analyte
from patient_context.assembly import read_chart, snapshot_of
from patient_context.bundles import Entry
from patient_context.errors import BundleUnreadable
from patient_context.mapping import snapshot_from_bundle, snapshot_from_prefetch, snapshot_from_resources
from patient_context.queries import PREFETCH_KEYS
from patient_context.reading import DEFAULT_READING
from patient_context.series import settle_series
from tests.builders.fhir import (
    blood_pressure,
    bundle,
    condition,
    encounter,
    imaging_study,
    medication_administration,
    medication_request,
    observation,
    patient,
    procedure,
)

READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = st.sampled_from(
    [
        "resourceType", "id", "status", "code", "coding", "system", "value", "unit", "subject", "reference",
        "meta", "class", "valueQuantity", "issued", "effectiveDateTime", "component", "entry", "resource",
        "period", "modifierExtension", "contained", "medicationReference", "gender", "birthDate", "name",
        "link", "total", "identifier", "text", "dosage", "dose", "effectivePeriod", "performedPeriod", "location",
        "display", "category", "procedureCode", "started", "serviceType", "type",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["Observation", "Patient", "Bundle", "Patient/p1", "final", "2160-0", "http://loinc.org", "mg/dL"]
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)


def whole_chart() -> list[dict[str, Any]]:
    creatinine = [observation(value=1 + n / 10, at=READ_AT - timedelta(hours=6 * n)) for n in range(4)]
    others = [condition(), procedure(), medication_request(), encounter(), blood_pressure(120, 70), patient()]
    return [*creatinine, *others, *only_shown()]


def only_shown() -> list[dict[str, Any]]:
    """Doses, an operation, contrast and intensive care."""
    dose = {"dose": {"value": 1000, "unit": "mg"}, "route": {"text": "IV"}}
    span = {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"}
    drug = {"resourceType": "Medication", "id": "d", "code": {"text": "Gentamicin"}}
    surgical = {"coding": [{"system": "http://snomed.info/sct", "code": "387713003"}]}
    place = {"location": {"display": "ICU"}, "status": "completed", "period": span}
    return [
        medication_administration(dosage=dose),
        medication_administration(effectiveDateTime=None, effectivePeriod=span, status="in-progress"),
        medication_administration(
            medicationCodeableConcept=None, contained=[drug], medicationReference={"reference": "#d"}
        ),
        procedure(code="80146002", category=surgical, performedDateTime="2026-03-01"),
        procedure(
            "http://www.cms.gov/Medicare/Coding/ICD10", "B2111ZZ", performedPeriod=span, performedDateTime=None
        ),
        imaging_study(),
        encounter(location=[place]),
        encounter("ACUTE", location=[place], serviceType={"text": "Intensive care"}),
    ]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(found for key, inner in members for found in paths(inner, (*at, key)))]


@st.composite
def mutated_charts(draw: st.DrawFn) -> list[Any]:
    chart = copy.deepcopy(whole_chart())
    for _ in range(draw(st.integers(1, 4))):
        *parents, last = draw(st.sampled_from([p for p in paths(chart) if p]))
        target: Any = chart
        for key in parents:
            target = target[key]
        if draw(st.booleans()) and isinstance(target, dict):
            del target[last]
        else:
            target[last] = draw(JSON)
    return chart


@settings(deadline=None, max_examples=300)
@given(mutated_charts())
def test_a_mutated_chart_never_raises(chart: list[Any]) -> None:
    snapshot_from_resources(chart, patient_id="p1", read_at=READ_AT)


@settings(deadline=None, max_examples=300)
@given(st.lists(JSON, max_size=4))
def test_any_json_in_place_of_resources_never_raises(values: list[Any]) -> None:
    snapshot_from_resources(values, patient_id="p1", read_at=READ_AT)
    snapshot_from_prefetch(dict(zip(PREFETCH_KEYS, values, strict=False)), patient_id="p1", read_at=READ_AT)
    entries = [{"resource": value} for value in values]
    with contextlib.suppress(BundleUnreadable):
        snapshot_from_bundle({"resourceType": "Bundle", "entry": entries}, read_at=READ_AT)


@settings(deadline=None, max_examples=200)
@given(mutated_charts(), st.randoms(use_true_random=False))
def test_the_order_of_entries_never_matters(chart: list[Any], order: random.Random) -> None:
    shuffled = copy.deepcopy(chart)
    order.shuffle(shuffled)
    first = snapshot_from_resources(chart, patient_id="p1", read_at=READ_AT)
    second = snapshot_from_resources(shuffled, patient_id="p1", read_at=READ_AT)
    assert repr(first) == repr(second)


@settings(deadline=None, max_examples=200)
@given(mutated_charts())
def test_every_observation_is_used_refused_or_counted(chart: list[Any]) -> None:
    observations = [r for r in chart if isinstance(r, dict) and r.get("resourceType") == "Observation"]
    for resource in observations:
        read = read_chart([Entry(resource)], patient_id="p1", read_at=READ_AT, reading=DEFAULT_READING)
        accounted = sum(map(len, read.measurements.values())) + len(read.rejected) + read.ignored.total()
        assert accounted >= 1, json.dumps(resource, default=str)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0.2, 20), min_size=1, max_size=6))
def test_mg_per_dl_and_umol_per_l_agree(values: list[float]) -> None:
    times = [READ_AT - timedelta(hours=n) for n in range(len(values))]
    mass = [observation("2160-0", v, "mg/dL", at=t) for v, t in zip(values, times, strict=True)]
    molar = [observation("14682-9", v * 88.42, "umol/L", at=t) for v, t in zip(values, times, strict=True)]
    by_mass = snapshot_from_resources(mass, patient_id="p1", read_at=READ_AT).measurements(Analyte.CREATININE)
    by_moles = snapshot_from_resources(molar, patient_id="p1", read_at=READ_AT).measurements(Analyte.CREATININE)
    assert len(by_mass) == len(by_moles)
    assert all(abs(a.value - b.value) < 1e-9 for a, b in zip(by_mass, by_moles, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.integers(-14, 14))
def test_the_spelling_of_the_time_zone_changes_nothing(hours: int) -> None:
    offset = f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    local = (datetime(2026, 3, 1, 8) + timedelta(hours=hours)).isoformat() + offset  # noqa: DTZ001
    found = [snapshot_from_resources([observation(id="a", at=at)], patient_id="p1", read_at=READ_AT)
             for at in ("2026-03-01T08:00:00Z", local)]  # fmt: skip
    assert found[0].series == found[1].series


def test_repeating_the_whole_chart_changes_nothing() -> None:
    chart = [r for r in whole_chart() if r["resourceType"] == "Observation"]
    again = [{**resource, "id": f"again-{resource['id']}"} for resource in copy.deepcopy(chart)]
    once = read_chart([Entry(r) for r in chart], patient_id="p1", read_at=READ_AT, reading=DEFAULT_READING)
    twice = read_chart(
        [Entry(r) for r in chart + again], patient_id="p1", read_at=READ_AT, reading=DEFAULT_READING
    )

    def seen(chart_read: Any) -> Any:
        return {a: [(m.at, m.value) for m in series] for a, series in settle_series(chart_read).items()}

    assert seen(once) == seen(twice)
    assert snapshot_of(twice, patient_id="p1").rejected == ()


def test_a_bundle_of_fifty_thousand_is_read_and_one_more_is_named_incomplete() -> None:
    resources = [patient(), *({"resourceType": "Basic"} for _ in range(50_000))]
    found = snapshot_from_bundle(bundle(*resources), read_at=READ_AT)
    assert [(gap.part, gap.code) for gap in found.incomplete] == [("creatinine", "too-many-entries")]
