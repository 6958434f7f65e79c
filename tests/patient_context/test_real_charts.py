"""Charts nobody here wrote: Synthea patients, a US Core example, SMART sample labs. Skipped where absent."""

import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model.analytes import Analyte
from model.artifact import load_bundled_model
from model.assess import assess
from model.assessment import Assessment
from patient_context.mapping import snapshot_from_bundle, snapshot_from_resources
from patient_context.strict_json import loads
from tests.builders.fhir import LOINC, UCUM

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea-r4"
READ_AT = datetime(2027, 1, 1, tzinfo=UTC)
CREATININE = {"2160-0", "38483-4"}
SYNTHEA = sorted(DATA.glob("*_*-*.json.gz"))
# Creatinines Synthea gives twice at one moment: equal (counted once) or different (the lower one is a conflict).
CREATININES = [12, 15, 14, 13, 13, 14, 13, 12, 13, 12, 13, 15]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not here")


def _codes(resource: dict[str, Any]) -> set[str]:
    return {coding["code"] for coding in resource["code"]["coding"]}


@pytest.mark.parametrize(
    ("path", "count"), list(zip(SYNTHEA, CREATININES, strict=False)), ids=lambda value: str(value)[-20:]
)
def test_a_synthea_patient_is_read_whole(path: Path, count: int) -> None:
    bundle = loads(gzip.decompress(path.read_bytes()))
    snapshot = snapshot_from_bundle(bundle, read_at=READ_AT)
    observations = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    moments = {o["effectiveDateTime"] for o in observations if _codes(o) & CREATININE}
    assert len(snapshot.measurements(Analyte.CREATININE)) == len(moments) == count
    assert snapshot.birth_date is not None
    assert snapshot.sex is not None
    assert snapshot.stays
    assert snapshot.incomplete == ()
    assert {r.code for r in snapshot.rejected} <= {"conflict", "ratio-or-clearance"}
    last = snapshot.measurements(Analyte.CREATININE)[-1].available_at
    outcome = assess(snapshot_from_bundle(bundle, read_at=last), now=last, model=load_bundled_model())
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None


def test_the_us_core_creatinine_serves_a_baseline_but_no_hour_window() -> None:
    resource = json.loads((DATA / "us-core-observation-serum-creatinine.json").read_text(encoding="utf-8"))
    snapshot = snapshot_from_resources([resource], patient_id="example", read_at=READ_AT)
    (measurement,) = snapshot.measurements(Analyte.CREATININE)
    assert (measurement.value, measurement.day_only) == (1.0, True)
    assert measurement.at == datetime(2005, 7, 5, tzinfo=UTC)
    assert snapshot.rejected == ()


def test_every_row_of_the_smart_sample_labs_is_used_listed_or_of_no_concern() -> None:
    text = gzip.decompress((DATA / "smart_sample_patients_labs.txt.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    kept: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for patient_id in sorted({row["PID"] for row in rows}):
        own = [_observation(row) for row in rows if row["PID"] == patient_id]
        snapshot = snapshot_from_resources(own, patient_id=patient_id, read_at=READ_AT)
        kept.update({analyte: len(series) for analyte, series in snapshot.series.items()})
        refused.update(r.code for r in snapshot.rejected)
    assert kept[Analyte.CREATININE] > 100
    assert kept[Analyte.UREA_NITROGEN] > 100
    assert kept[Analyte.SODIUM] > 100
    assert kept[Analyte.POTASSIUM] > 100
    assert set(refused) <= {
        "value-is-text", "unit-unknown", "not-blood", "ratio-or-clearance", "value-implausible",
        "value-not-usable",
    }  # fmt: skip


def _observation(row: dict[str, str]) -> dict[str, Any]:
    """A row as the SMART sample server's FHIR would have it: text where the value is no number."""
    value: dict[str, Any] = {"valueString": row["VALUE"]}
    if row["VALUE"].replace(".", "", 1).isdecimal():
        quantity = {"value": float(row["VALUE"]), "unit": row["UNITS"], "system": UCUM, "code": row["UNITS"]}
        value = {"valueQuantity": quantity}
    return {
        "resourceType": "Observation",
        "id": row["ID"],
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": row["LOINC"]}], "text": row["NAME"]},
        "subject": {"reference": f"Patient/{row['PID']}"},
        "effectiveDateTime": row["DATE"],
        **value,
    }
