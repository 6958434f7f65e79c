"""FHIR as cohort stays: by the product's own mapping, whole or in parts, and nothing the page would refuse."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.cli.fhir_cohort import FhirReading, read_fhir
from app.cli.model_data import read_local_data, recognised
from model.analytes import Analyte
from model.snapshot import Sex
from model.training.cohort import CohortStay, CohortUnreadable, silent
from model.training.labels import onset_landmarks
from model.training.landmark_table import build_table

Json = dict[str, Any]
PATIENT: Json = {"resourceType": "Patient", "id": "made-up", "gender": "female", "birthDate": "1971-05-04"}


def observation(
    name: str, time: str, value: float, *, code: str = "2160-0", unit: str = "mg/dL", **more: Any
) -> Json:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": "Patient/made-up"},
        "effectiveDateTime": f"2131-05-{time}:00Z",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **more,
    }


def encounter(name: str, start: str, end: str, setting: str = "IMP") -> Json:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": setting},
        "subject": {"reference": "Patient/made-up"},
        "period": {"start": f"2131-05-{start}:00Z", "end": f"2131-05-{end}:00Z"},
    }


def dialysis(start: str) -> Json:
    return {
        "resourceType": "Procedure",
        "id": "hd",
        "status": "completed",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "233575001"}]},
        "subject": {"reference": "Patient/made-up"},
        "performedPeriod": {"start": f"2131-05-{start}:00Z", "end": f"2131-05-{start[:2]}T23:59:00Z"},
    }


def bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


def read(folder: Path, *documents: Json, name: str = "charts.ndjson") -> FhirReading:
    path = folder / name
    content = "\n".join(json.dumps(document) for document in documents).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_fhir([path], "Ours", silent)


CHART = (PATIENT, observation("one", "04T02:00", 0.9), observation("two", "04T08:00", 1.1))


def creatinine(stay: CohortStay) -> tuple[list[float], list[float]]:
    course = stay.timeline.series[Analyte.CREATININE]
    return list(course.hours), list(course.values)


def test_bundles_become_stays_and_unreadable_documents_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "charts.ndjson"
    path.write_text(json.dumps(bundle(*CHART)) + "\n\n{}\nnot json\n", encoding="utf-8")
    given = read_local_data(path, site="Ours", progress=silent)
    (stay,) = given.stays
    assert creatinine(stay) == ([0.0, 6.0], [0.9, 1.1])
    assert (stay.hospital, stay.timeline.sex) == ("Ours", Sex.FEMALE)
    assert given.notes == ["2 document(s) could not be read and are not in these figures."]


def test_bulk_data_resources_in_any_order_give_the_same_stays_as_a_bundle(tmp_path: Path) -> None:
    whole = read(tmp_path, bundle(*CHART)).stays
    parts = read(tmp_path, *reversed(CHART), {"resourceType": "Medication", "id": "m"}, name="parts.ndjson.gz")
    assert parts.stays == whole
    assert parts.unreadable == 0


def test_each_hospital_stay_is_one_and_sees_what_was_measured_before_it(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        PATIENT,
        encounter("er", "10T00:00", "10T05:00", "EMER"),
        encounter("ward", "10T05:00", "14T00:00"),
        encounter("clinic", "20T00:00", "20T01:00", "AMB"),
        observation("clinic-before", "06T00:00", 0.7),
        observation("first", "10T02:00", 0.8),
        observation("second", "11T02:00", 1.4),
        observation("clinic-after", "20T00:30", 2.4),
    )
    (stay,) = reading.stays
    assert (stay.begins, stay.ends, stay.period) == (0.0, 96.0, "2131")
    table = build_table(reading.stays, onset_landmarks)
    assert (table.hour.tolist(), table.outcome.tolist()) == ([2.0], [1.0])
    assert table.column("creatinine_low_7d").tolist() == [0.7]


def test_a_result_is_seen_from_its_issue_on(tmp_path: Path) -> None:
    late = observation("late", "04T08:00", 1.1, issued="2131-05-04T11:30:00Z")
    (stay,) = read(tmp_path, bundle(PATIENT, observation("one", "04T02:00", 0.9), late)).stays
    seen = [stay.timeline_at(hour).series[Analyte.CREATININE].values for hour in (9.0, 9.5)]
    assert seen == [[0.9], [0.9, 1.1]]


def test_dialysis_ends_a_stay_and_maintenance_dialysis_leaves_it_out(tmp_path: Path) -> None:
    stay = encounter("ward", "04T00:00", "30T00:00")
    (found,) = read(tmp_path, *CHART, stay, dialysis("06T12:00")).stays
    assert found.ends == 60.0
    problem = {
        "resourceType": "Condition",
        "id": "c",
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z99.2"}]},
        "subject": {"reference": "Patient/made-up"},
        "onsetDateTime": "2130-01-01",
    }
    reading = read(tmp_path, *CHART, stay, problem)
    assert (reading.stays, reading.not_staged) == ([], Counter({"maintenance_dialysis": 1}))


def test_a_folder_without_creatinine_says_what_was_refused_and_what_is_needed(tmp_path: Path) -> None:
    odd = observation("odd", "04T02:00", 0.9, unit="furlong")
    (tmp_path / "Observation.ndjson").write_text(json.dumps(odd), encoding="utf-8")
    (tmp_path / "Patient.ndjson").write_text(json.dumps(PATIENT), encoding="utf-8")
    with pytest.raises(CohortUnreadable, match=r"unit-unknown \(1\).*2160-0"):
        read_local_data(tmp_path, site="Ours", progress=silent)


def test_each_format_is_recognised_and_two_at_once_are_not(tmp_path: Path) -> None:
    expected = {
        "physionet2019": "hospital_B.parquet",
        "physionet2012": "timeseries.parquet",
        "meds": "metadata/codes.parquet",
        "hourly": "own.csv",
        "fhir": "Patient.ndjson.gz",
    }
    for name, file in expected.items():
        path = tmp_path / name / file
        path.parent.mkdir(parents=True)
        path.touch()
        assert recognised(tmp_path / name) == name
    (tmp_path / "hourly" / "Patient.ndjson").touch()
    with pytest.raises(CohortUnreadable, match=r"fhir or hourly.*--format"):
        recognised(tmp_path / "hourly")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortUnreadable, match="neither"):
        recognised(tmp_path / "empty")
