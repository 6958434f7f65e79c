"""tests/spec/fhir_input: every row of bad input has its stated result."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from model.analytes import Analyte
from patient_context.assembly import read_chart, snapshot_of
from patient_context.bundles import Entry
from patient_context.reading import SiteReading
from tests.builders.fhir import observation

SPEC = Path(__file__).parent.parent / "spec" / "fhir_input"
READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = SiteReading(ZoneInfo("Europe/Berlin"), local_codes={"urn:oid:1.2.3|CREA": "2160-0"})


def rows(name: str) -> list[tuple[str, str, str]]:
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines if line[:2] == "| "]
    return [(c[0], c[1], c[2]) for c in cells if c[0] not in ("name", "---")]


@pytest.mark.parametrize(("name", "change", "expected"), rows("creatinine.md"), ids=lambda v: str(v)[:40])
def test_a_spoiled_creatinine_is_used_or_rejected_as_the_table_says(name: str, change: str, expected: str) -> None:
    resource = observation("2160-0", 1.0, "mg/dL", **json.loads(change))
    chart = read_chart(
        [Entry(resource)], patient_id="p1", read_at=READ_AT, reading=BERLIN, base_url="https://ehr.example/fhir"
    )
    snapshot = snapshot_of(chart, patient_id="p1")
    used = [
        f"used {m.comparator or ''}{round(m.value, 6)}"
        + (" day-only" if m.day_only else "")
        + (f" at {m.at.isoformat().replace('+00:00', 'Z')}" if " at " in expected else "")
        for m in snapshot.measurements(Analyte.CREATININE)
    ]
    refused = [f"rejected {r.code}" for r in snapshot.rejected]
    ignored = [f"ignored {reason}" for reason, n in chart.ignored.items() if n]
    assert [*used, *refused, *ignored] == [expected], name
