"""What encounter-discharge shows: the clinicians' table, row by row, and the plan on the card."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhirclient.models.condition import Condition
from fhirclient.models.servicerequest import ServiceRequest

from cds_hooks.decision import Silent
from cds_hooks.discharge import find_at_discharge, held_drugs, running_nsaids
from model.assessment import AkiEpisode, Assessment, EpisodeState, InsufficientData, KdigoStaging, NotApplicable
from model.snapshot import Concept, PatientSnapshot, Problem, Stay
from tests.builders.cds import NOW, PATIENT, PUBLIC_URL, creatinine, full_prefetch, hook_body, searchset, token
from tests.builders.drugs import medication
from tests.builders.outcomes import INPUTS, assessment
from tests.cds_hooks.conftest import Bench

TABLE = Path(__file__).parents[1] / "spec" / "cds" / "discharge.txt"
STAY = Stay("IMP", "Encounter/e-1", NOW - timedelta(days=5))
Row = dict[str, str]


def rows() -> list[Row]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    heads, *cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    return [dict(zip(heads, row, strict=True)) for row in cells]


def outcome(row: Row) -> Assessment:
    episode = None
    if row["episode"] != "none":
        state, stage = row["episode"].split()
        peak_at = NOW - timedelta(days=int(row["peak"]))
        episode = AkiEpisode(peak_at, EpisodeState(state), "aki", int(stage), peak_at, 2.3, 0.9, 1.4)
    staging = KdigoStaging(int(row["stage"]), episode=episode)
    return replace(assessment(stage=0), kdigo=staging)


def snapshot(row: Row | None = None, **changes: Any) -> PatientSnapshot:
    aki = Problem("AKI", frozenset({Concept.ACUTE_KIDNEY_INJURY}), "Condition/1", active=True)
    problems = (aki,) if row and row["problem"] == "yes" else ()
    return replace(PatientSnapshot(PATIENT, NOW, stays=(STAY,), problems=problems), **changes)


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(list(row.values())[:4]))
def test_discharge_shows_what_the_table_says(row: Row, bench: Callable[..., Bench]) -> None:
    found = find_at_discharge(outcome(row), snapshot(row), "e-1", NOW)
    if isinstance(found, Silent):
        assert f"silent {found.reason}" == row["shows"], row["because"]
        return
    body = card(row, bench)
    assert body["indicator"] == row["shows"], row["because"]
    assert ", ".join(offered(body)) == row["offers"], row["because"]


def card(row: Row, bench: Callable[..., Bench]) -> dict[str, Any]:
    prefetch = full_prefetch(creatinine("c1", 1.0, 2))
    if row["problem"] == "yes":
        coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "N17.9"}
        subject = {"reference": f"Patient/{PATIENT}"}
        condition = {"resourceType": "Condition", "id": "k", "subject": subject, "code": {"coding": [coding]}}
        prefetch["conditions"] = searchset(condition)
    context = {"userId": "Practitioner/d-1", "patientId": PATIENT, "encounterId": "e-1"}
    built = bench(assess=lambda *_: outcome(row))
    answer = built.post(
        hook_body(hook="encounter-discharge", context=context, prefetch=prefetch),
        path="aki-encounter-discharge",
        bearer=token(aud=f"{PUBLIC_URL}/cds-services/aki-encounter-discharge"),
    )
    (body,) = answer.get_json()["cards"]
    return dict(body)


def offered(body: dict[str, Any]) -> list[str]:
    """The suggestions in the table's words; each resource is read back as R4."""
    words = []
    for suggestion in body["suggestions"]:
        (action,) = suggestion["actions"]
        resource = action["resource"]
        if resource["resourceType"] == "Condition":
            assert Condition(resource).verificationStatus.coding[0].code == "unconfirmed"
            words.append("diagnosis")
            continue
        code = ServiceRequest(resource).code.coding[0].code
        name = {"2160-0": "creatinine", "9318-7": "urine-albumin", "306125004": "nephrology"}[code]
        words.append(f"creatinine in {_days(resource)} d" if name == "creatinine" else name)
    return words


def _days(resource: dict[str, Any]) -> int:
    return (datetime.fromisoformat(resource["occurrenceDateTime"]) - NOW).days


def test_where_staging_does_not_apply_nothing_is_planned() -> None:
    for other in (NotApplicable(PATIENT, NOW, INPUTS, ()), InsufficientData(PATIENT, NOW, INPUTS, ())):
        assert isinstance(find_at_discharge(other, snapshot(), "e-1", NOW), Silent)


def test_the_dead_are_not_discharged() -> None:
    row = next(row for row in rows() if row["shows"] == "warning")
    found = find_at_discharge(outcome(row), snapshot(row, deceased=True), "e-1", NOW)
    assert found == Silent("deceased", rests_on_the_chart=False)


def test_drugs_paused_and_not_restarted_are_asked_about_and_running_ones_are_not() -> None:
    chart = snapshot(
        medications=(
            medication("lisinopril", active=False),
            medication("metformin", active=False),
            medication("metformin", number=2),
            medication("paracetamol", active=False),
            medication("losartan-name", active=False),
        )
    )
    assert held_drugs(chart, NOW) == ["lisinopril"]


def test_an_nsaid_still_running_is_named() -> None:
    chart = snapshot(medications=(medication("ibuprofen"), medication("naproxen", active=False)))
    assert running_nsaids(chart, NOW) == ["ibuprofen"]
