"""The store: shift to now, laziness, what is created."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.errors import DataSetUnreadable
from sandbox.store import BUNDLED_PATIENTS, PatientStore
from tests.builders.records import CREATED_AT, NOW, OTHER_PATIENT, PATIENT, bundled_store

TYPES = (
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationAdministration",
    "Procedure",
)
TIME_KEYS = (
    "start",
    "end",
    "issued",
    "effectiveDateTime",
    "authoredOn",
    "recordedDate",
    "performedDateTime",
    "lastUpdated",
)


def times_in(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in TIME_KEYS and isinstance(v, str)]
        return own + [t for v in value.values() for t in times_in(v)]
    if isinstance(value, list):
        return [t for item in value for t in times_in(item)]
    return []


def test_the_moment_is_now_whenever_the_ehr_starts() -> None:
    """The newest result keeps its distance from the start, whatever the start is."""
    for now in (
        NOW,
        datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2024, 2, 29, 0, 0, tzinfo=ZoneInfo("Asia/Tokyo")),
    ):
        store = PatientStore.load(BUNDLED_PATIENTS, now)
        known = store.summary(PATIENT).creatinine_at
        assert known is not None
        age = now - known
        assert age == NOW - bundled_store().summary(PATIENT).creatinine_at  # type: ignore[operator]
        assert timedelta(minutes=45) <= age <= timedelta(minutes=136)


def test_times_carry_the_offset_of_now() -> None:
    last = bundled_store().resources(PATIENT, "Observation")[-1]
    assert datetime.fromisoformat(last["effectiveDateTime"]).utcoffset() == NOW.utcoffset()


def test_age_is_what_it_was_at_the_source_moment() -> None:
    index = json.loads((BUNDLED_PATIENTS / "index.json").read_text("utf-8"))
    ages = {entry["id"]: entry for entry in index["patients"]}
    store = bundled_store()
    for patient_id in store.patient_ids():
        born = datetime.fromisoformat(ages[patient_id]["birth_date"])
        anchor = datetime.fromisoformat(index["anchor"]).replace(tzinfo=None)
        expected = (anchor - born).days / 365.2425
        assert abs(store.summary(patient_id).age_years - expected) < 1.01


@pytest.fixture(scope="module")
def charts() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Every patient's resources by type: unpacked once for the tests that look at all."""
    store = bundled_store()
    return {p: {type_: store.resources(p, type_) for type_ in TYPES} for p in store.patient_ids()}


def test_nothing_served_is_later_than_now(charts: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    late = [
        (resource["id"], text)
        for chart in charts.values()
        for resources in chart.values()
        for resource in resources
        for text in times_in(resource)
        if (datetime.fromisoformat(text) > NOW if "T" in text else text > NOW.date().isoformat())
    ]
    assert late == []


def test_summaries_tell_what_the_chart_tells(charts: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    for patient_id, chart in charts.items():
        summary, patient = bundled_store().summary(patient_id), chart["Patient"][0]
        assert (summary.name, summary.sex) == (patient["name"][0]["text"], patient["gender"])
        assert summary.record_number in [i["value"] for i in patient["identifier"]]
        series = [
            (datetime.fromisoformat(o["effectiveDateTime"]), o["valueQuantity"]["value"])
            for o in chart["Observation"]
            if o["code"]["coding"][0]["code"] in ("2160-0", "38483-4")
        ]
        assert (summary.creatinine_at, summary.creatinine) == max(series, default=(None, None))


def test_a_patient_that_was_pushed_out_of_memory_reads_the_same_again() -> None:
    store = PatientStore.load(BUNDLED_PATIENTS, NOW)
    before = store.resources(PATIENT, "Encounter")
    for patient_id in store.patient_ids()[-17:]:
        store.resources(patient_id, "Patient")
    after = store.resources(PATIENT, "Encounter")
    assert after is not before
    assert after == before


def test_an_unknown_patient_has_no_resources_and_no_summary() -> None:
    store = bundled_store()
    assert store.resources("nobody", "Observation") == []
    assert store.read("Patient", "nobody") is None
    with pytest.raises(KeyError):
        store.summary("nobody")


def test_a_created_resource_is_read_back_with_id_version_and_time() -> None:
    store = PatientStore.load(BUNDLED_PATIENTS, NOW)
    made = store.create(
        PATIENT, {"resourceType": "RiskAssessment", "id": "mine", "status": "final"}, at=CREATED_AT
    )
    assert made["id"] != "mine"
    assert made["meta"] == {"versionId": "1", "lastUpdated": "2026-03-29T12:45:00.000+00:00"}
    assert store.read("RiskAssessment", made["id"]) == (PATIENT, made)
    assert store.resources(OTHER_PATIENT, "RiskAssessment") == []


def test_creating_for_an_unknown_patient_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        PatientStore.load(BUNDLED_PATIENTS, NOW).create("nobody", {"resourceType": "Communication"}, at=CREATED_AT)


def test_threads_creating_at_once_get_different_ids() -> None:
    store = PatientStore.load(BUNDLED_PATIENTS, NOW)
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: store.create(PATIENT, {"resourceType": "Communication"}, at=CREATED_AT), range(200))
        )
    assert len({resource["id"] for resource in made}) == 200
    assert len(store.resources(PATIENT, "Communication")) == 200


def test_a_missing_or_cut_data_set_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(DataSetUnreadable):
        PatientStore.load(tmp_path, NOW)
    index = json.loads((BUNDLED_PATIENTS / "index.json").read_text("utf-8"))
    (tmp_path / "index.json").write_text(json.dumps(index), "utf-8")
    (tmp_path / index["data"]).write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DataSetUnreadable):
        PatientStore.load(tmp_path, NOW)
