"""The page and the batch see the same patient: every feature, at every creatinine of the real demo patients."""

import gzip
import json
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.cli.fhir_cohort import READ_AT, stays_from_snapshot
from model.analytes import Analyte
from model.feature_list import FEATURES, USED_ANALYTES
from model.features import Series, chart_from_snapshot, feature_values
from model.snapshot import PatientSnapshot
from model.training import meds
from model.training.cohort import CohortStay
from model.training.labels import each_result
from model.training.landmark_table import course_of
from model.training.meds_codes import ITEMS
from patient_context.codes import TESTS
from patient_context.mapping import snapshot_from_resources
from patient_context.subjects import subject_reference

PATIENTS = Path(__file__).resolve().parents[2] / "sandbox" / "patients" / "patients.ndjson.gz"
MEDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "mimic-iv-demo-meds"
KEPT = ("Patient", "Observation", "Encounter", "Condition", "Procedure")
BLOOD = tuple(a for a in USED_ANALYTES if a not in ITEMS.values() and a is not Analyte.PACO2)


@cache
def snapshots() -> dict[str, PatientSnapshot]:
    """The embedded EHR's patients, mapped as the page maps them."""
    resources: dict[str, list[Any]] = defaultdict(list)
    with gzip.open(PATIENTS, "rt", encoding="utf-8") as lines:
        for line in lines:
            resource = json.loads(line)
            if resource["resourceType"] in KEPT:
                whose = resource["id"] if resource["resourceType"] == "Patient" else subject_reference(resource)
                resources[str(whose).rpartition("/")[2]].append(resource)
    return {
        patient: snapshot_from_resources(found, patient_id=patient, read_at=READ_AT)
        for patient, found in resources.items()
    }


def moments(stay: CohortStay) -> Iterator[float]:
    course = course_of(stay)
    return iter(()) if course is None else iter(each_result(course))


def same(first: float, second: float) -> bool:
    return (math.isnan(first) and math.isnan(second)) or math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-6)


def test_the_page_and_the_fhir_batch_have_every_feature_the_same_for_every_demo_patient() -> None:
    compared, known = 0, [0] * len(FEATURES)
    for snapshot in snapshots().values():
        for stay in stays_from_snapshot(snapshot, site="demo"):
            assert stay.calendar is not None
            for hour in moments(stay):
                now = stay.calendar.zero_at + timedelta(seconds=round(hour * 3600.0))
                page = chart_from_snapshot(snapshot, USED_ANALYTES, now=now).timeline
                online = feature_values(FEATURES, page, 0.0)
                batch = feature_values(FEATURES, stay.timeline_at(hour), hour)
                differing = [f.id for f, a, b in zip(FEATURES, online, batch, strict=True) if not same(a, b)]
                assert differing == [], f"{snapshot.patient_id} at {hour}"
                known = [count + (value == value) for count, value in zip(known, online, strict=True)]
                compared += 1
    assert compared > 1000
    assert min(known) > 30, "a feature hardly ever known was hardly compared"


def offset(fhir: Series, other: Series) -> float | None:
    """What is added to a FHIR hour to be on the other's clock: where the last values agree one by one."""
    tail = list(zip(fhir.hours, fhir.values, strict=True))[-8:]
    known = dict(zip((round(h, 2) for h in other.hours), other.values, strict=True))
    for hour, value in zip(other.hours, other.values, strict=True):
        shift = hour - fhir.hours[-1]
        if value == fhir.values[-1] and all(known.get(round(h + shift, 2)) == v for h, v in tail):
            return shift
    return None


@pytest.mark.skipif(not MEDS.is_dir(), reason="the MIMIC demo is not here")
def test_two_adapters_tell_the_same_blood_results_of_the_same_patients() -> None:
    """FHIR and MEDS were made apart from the same hospital's tables; vital signs of the ER are in FHIR alone."""
    other: dict[str, CohortStay] = {}
    for stay in meds.read_stays(MEDS, "demo", TESTS, zone=ZoneInfo("America/New_York")):
        other.setdefault(stay.patient_id, stay)
    told, differing = 0, []
    for patient, snapshot in snapshots().items():
        stay = next(iter(stays_from_snapshot(snapshot, site="demo")), None)
        if stay is None or patient not in other or Analyte.CREATININE not in stay.timeline.series:
            continue
        series, theirs = stay.timeline.series, other[patient].timeline.series
        shift = offset(series[Analyte.CREATININE], theirs[Analyte.CREATININE])
        assert shift is not None, patient
        for analyte in BLOOD:
            for hour, value in zip(*_points(series.get(analyte)), strict=True):
                told += 1
                if not _holds(theirs.get(analyte), hour + shift, value):
                    differing.append((patient, analyte.value, hour))
    assert told > 15_000
    assert differing == []


def _points(course: Series | None) -> tuple[list[float], list[float]]:
    return ([], []) if course is None else (list(course.hours), list(course.values))


def _holds(course: Series | None, hour: float, value: float) -> bool:
    if course is None:
        return False
    place = bisect_left(course.hours, hour - 0.01)
    return place < len(course.hours) and course.hours[place] <= hour + 0.01 and same(course.values[place], value)
