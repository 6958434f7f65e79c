"""tests/spec/fhir_input: every row of bad input has its stated result."""

import ast
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from model.analytes import Analyte
from model.snapshot import (
    ContrastGiven,
    DrugGiven,
    Medication,
    Operation,
    PatientSnapshot,
    ProcedureDone,
    UnitStay,
)
from patient_context.assembly import read_chart, snapshot_of
from patient_context.bundles import Entry
from patient_context.errors import BundleUnreadable, JsonRefused
from patient_context.mapping import snapshot_from_bundle, snapshot_from_prefetch, snapshot_from_resources
from patient_context.queries import PREFETCH_KEYS
from patient_context.reading import SiteReading
from patient_context.strict_json import loads
from tests.builders.fhir import (
    bundle,
    condition,
    encounter,
    imaging_study,
    medication_administration,
    medication_request,
    observation,
    patient,
    procedure,
    searchset,
)

SPEC = Path(__file__).parent.parent / "spec" / "fhir_input"
READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = SiteReading(ZoneInfo("Europe/Berlin"), local_codes={"urn:oid:1.2.3|CREA": "2160-0"})
KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "creatinine": observation,
    "void": lambda: observation("9187-6", 100, "mL"),
    "patient": patient,
    "condition": condition,
    "procedure": procedure,
    "order": medication_request,
    "stay": encounter,
    "given": medication_administration,
    "imaging": imaging_study,
}


def rows(name: str) -> list[tuple[str, str, str]]:
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines if line[:2] == "| "]
    return [(c[0], c[1], c[2]) for c in cells if c[0] not in ("name", "---")]


def changed(resource: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**resource, **changes}.items() if value is not None}


def named(value: object) -> str:
    return str(value)[:40]


@pytest.mark.parametrize(("name", "change", "expected"), rows("01_one_creatinine.md"), ids=named)
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


@pytest.mark.parametrize(
    ("name", "entries", "expected"), rows("02_repeats.md") + rows("03_other_resources.md"), ids=named
)
def test_resources_become_what_the_table_says(name: str, entries: str, expected: str) -> None:
    resources = [changed(KINDS[kind](), changes) for kind, changes in json.loads(entries)]
    snapshot = snapshot_from_resources(resources, patient_id="p1", read_at=READ_AT, reading=BERLIN)
    assert (", ".join(said(snapshot)) or "nothing") == expected, name


@pytest.mark.parametrize(("name", "change", "expected"), rows("04_bundles.md"), ids=named)
def test_a_bundle_is_read_as_the_table_says(name: str, change: str, expected: str) -> None:
    changes = json.loads(change)
    more = changes.pop("entry+", [])
    whole = bundle(patient(birthDate=None, gender=None), observation(), **changes)
    if more:
        whole["entry"] += more
    try:
        found = ", ".join(said(snapshot_from_bundle(whole, read_at=READ_AT)))
    except BundleUnreadable as refusal:
        found = f"refused {refusal.code}"
    assert found == expected, name


@pytest.mark.parametrize(("name", "given", "expected"), rows("06_prefetch.md"), ids=named)
def test_a_prefetch_is_read_as_the_table_says(name: str, given: str, expected: str) -> None:
    prefetch = {**dict.fromkeys(PREFETCH_KEYS), **json.loads(given)}
    supplied = {key: supply(value) for key, value in prefetch.items() if value != "absent"}
    found = snapshot_from_prefetch(supplied, patient_id="p1", read_at=READ_AT)
    told = [*said(found.snapshot), *(f"fetch {key}" for key in found.missing)]
    assert (", ".join(told) or "nothing") == expected, name


def supply(value: Any) -> Any:
    """A list of kinds, each with its changes or without, as a page of results; anything else as it is."""
    if not isinstance(value, list):
        return value
    named_kinds = [each if isinstance(each, list) else [each, {}] for each in value]
    return searchset(*(changed(KINDS[kind](), changes) for kind, changes in named_kinds))


@pytest.mark.parametrize(("name", "given", "expected"), rows("05_bytes.md"), ids=named)
def test_bytes_are_read_as_the_table_says(name: str, given: str, expected: str) -> None:
    literal, _, times = given.partition(" * ")
    body = ast.literal_eval(literal) * int(times or 1)
    try:
        loads(body)
        found = "read"
    except JsonRefused as refusal:
        found = f"refused {refusal.code}"
    assert found == expected, name


def said(snapshot: PatientSnapshot) -> Iterator[str]:
    """Everything a snapshot holds, in the words of the tables."""
    if snapshot.birth_date:
        yield f"born {snapshot.birth_date}"
    if snapshot.sex:
        yield f"sex {snapshot.sex}"
    if snapshot.deceased:
        yield "dead"
    for analyte, series in snapshot.series.items():
        name = "" if analyte is Analyte.CREATININE else f"{analyte} "
        yield from (f"used {name}{round(m.value, 3)}" for m in series)
    for problem in snapshot.problems:
        activity = {True: "active", False: "inactive", None: "activity unknown"}[problem.active]
        yield f"problem {'+'.join(sorted(problem.concepts)) or 'nothing'} {activity}"
    yield from (f"procedure {'+'.join(sorted(p.concepts))} {when(p)}" for p in snapshot.procedures)
    for drug in snapshot.medications:
        codes = f"{len(drug.codes)} code{'' if len(drug.codes) == 1 else 's'}"
        yield f"drug {drug.text}, {codes}, {'active' if drug.active else 'inactive'}"
    yield from (f"stay {stay.setting}" for stay in snapshot.stays)
    yield from (given_words(one) for one in snapshot.given)
    yield from (f"operation {done.text} {when(done)}" for done in snapshot.operations)
    yield from (f"contrast {one.text} {when(one)}{_by_name(one)}" for one in snapshot.contrast)
    yield from (f"intensive care {unit.unit} {when(unit)}{_by_name(unit)}" for unit in snapshot.unit_stays)
    yield from (f"rejected {rejected.code}" for rejected in snapshot.rejected)
    yield from (f"incomplete {part.part} {part.code}" for part in snapshot.incomplete)


def given_words(one: DrugGiven) -> str:
    dose = f", {one.dose:g} {one.dose_unit}".rstrip() if one.dose is not None else ""
    route = f", {one.drug.route}" if one.drug.route else ""
    early = ", stopped early" if one.stopped_early else ""
    running = "" if one.running or one.drug.end_at is not None else " once"
    found = when(one.drug) if not running else f"{one.drug.start_at:%Y-%m-%dT%H:%M}"
    return f"given {one.drug.text}{dose}{route}{early} {found}{running}"


def _by_name(one: ContrastGiven | UnitStay) -> str:
    return " by its name" if one.by_name else ""


def when(done: ProcedureDone | Operation | ContrastGiven | UnitStay | Medication) -> str:
    if done.start_at is None:
        return "undated"
    if isinstance(done, Operation | ContrastGiven) and done.day_only:
        return f"on {done.start_at:%Y-%m-%d}"
    start = f"{done.start_at:%Y-%m-%dT%H:%M}"
    return f"{start} to {done.end_at:%Y-%m-%dT%H:%M}" if done.end_at else f"{start} running"
