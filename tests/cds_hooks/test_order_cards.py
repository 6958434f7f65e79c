"""Cards about orders as they are worded and shaped; those a clinician would read lie in tests/spec/cds/cards.

After a wanted change of wording rewrite them with `python -m tests.cds_hooks.test_order_cards`, read the
difference, and note it under "Clinical" in CHANGELOG.md.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fhirclient.models.servicerequest import ServiceRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.card_detail import DetailFacts
from cds_hooks.cards import Card, CardContext
from cds_hooks.decision import CardKind, CardPolicy
from cds_hooks.draft_orders import DraftOrder
from cds_hooks.order_cards import NotCounted, build_order_card, build_unrecognised_card
from cds_hooks.order_review import find_concerns, is_running, named_only
from model.analytes import Analyte
from model.assessment import Egfr, InsufficientData, NotApplicable, Outcome, Reason
from model.drugs import DrugFacts, recognise
from model.kidney_facts import kidney_facts
from model.snapshot import Coding, Measurement, Medication, PatientSnapshot, Sex
from tests.builders.cds import NOW, PATIENT, PUBLIC_URL
from tests.builders.drugs import medication
from tests.builders.outcomes import INPUTS, assessment, risk
from tests.cds_hooks.test_cards import as_text, empty_elements

CARDS = Path(__file__).parents[1] / "spec" / "cds" / "cards"
AT = NOW - timedelta(hours=2)


def measured(analyte: Analyte, value: float, unit_at: Any = AT) -> tuple[Measurement, ...]:
    return (Measurement(analyte, value, unit_at, unit_at, f"Observation/{analyte.value}"),)


def chart(creatinine: float | None, **values: float) -> PatientSnapshot:
    series = {Analyte[name.upper()]: measured(Analyte[name.upper()], value) for name, value in values.items()}
    if creatinine is not None:
        series[Analyte.CREATININE] = measured(Analyte.CREATININE, creatinine)
    return PatientSnapshot(PATIENT, NOW, birth_date=NOW.date().replace(year=1950), sex=Sex.FEMALE, series=series)


def context(snapshot: PatientSnapshot) -> CardContext:
    latest = snapshot.measurements(Analyte.CREATININE)
    facts = DetailFacts(ZoneInfo("UTC"), latest[-1] if latest else None)
    return CardContext("ehr-1|aki-order-sign|call-1", PUBLIC_URL, PATIENT, "e-1", NOW, facts)


def card_of(
    outcome: Outcome, snapshot: PatientSnapshot, ordered: str, *active: str, unclear: tuple[str, ...] = ()
) -> Card:
    order = medication(ordered)
    kidneys = kidney_facts(outcome, snapshot, NOW)
    pairs = [(DraftOrder("MedicationRequest/draft-1", order), recognise(order))]
    (found,) = find_concerns(
        pairs, [recognise(medication(one)) for one in active], kidneys, CardPolicy(), signing=True
    )
    aside = NotCounted([drug(one) for one in unclear])
    return build_order_card(found, kidneys, outcome, context(snapshot), aside)


def examination_card(outcome: Outcome, snapshot: PatientSnapshot) -> Card:
    code = Coding("http://loinc.org", "36813-4")
    order = Medication("CT Abdomen and Pelvis W contrast IV", frozenset({code}), "ServiceRequest/draft-1")
    draft = DraftOrder("ServiceRequest/draft-1", order, is_examination=True)
    kidneys = kidney_facts(outcome, snapshot, NOW)
    (found,) = find_concerns([(draft, draft.recognised())], [], kidneys, CardPolicy(), signing=True)
    return build_order_card(found, kidneys, outcome, context(snapshot), NotCounted(of_others=1))


def drug(name: str) -> DrugFacts:
    return recognise(medication(name))


STAGE_2 = assessment(stage=2, course="rising", progression=risk(0.41, outcome="KDIGO stage 2 or higher"))
CKD_4 = assessment(stage=0, egfr=Egfr(24.0, "CKD-EPI 2021", steady_state=True, at=AT))
ON_DIALYSIS = NotApplicable(
    PATIENT, NOW, INPUTS, (Reason("maintenance_dialysis", "On maintenance dialysis: AKI stages do not apply."),)
)
NO_RECENT = InsufficientData(
    PATIENT, NOW, INPUTS, (Reason("creatinine_too_old", "The last creatinine is 30 days old."),)
)
EXAMPLES: dict[str, Card] = {
    "order_nsaid_in_aki": card_of(STAGE_2, chart(1.9, potassium=4.9), "ibuprofen", "lisinopril", "furosemide"),
    "order_nsaid_at_risk": card_of(
        assessment(stage=0, risk=risk(0.33), egfr=Egfr(64.0, "CKD-EPI 2021", steady_state=True)),
        chart(0.9),
        "naproxen",
    ),
    "order_gabapentin_by_clearance": card_of(CKD_4, chart(2.1, weight=62.0), "gabapentin"),
    "order_lisinopril_high_potassium": card_of(STAGE_2, chart(1.9, potassium=5.8, systolic_bp=84.0), "lisinopril"),
    "order_metformin_on_dialysis": card_of(ON_DIALYSIS, chart(6.0), "metformin"),
    "order_gentamicin_unmeasured": card_of(NO_RECENT, chart(None), "gentamicin", unclear=("ibuprofen-name",)),
    "order_metformin_old_creatinine": card_of(
        NO_RECENT,
        replace(
            chart(1.0), series={Analyte.CREATININE: measured(Analyte.CREATININE, 2.4, NOW - timedelta(days=30))}
        ),
        "metformin",
    ),
    "order_contrast_examination": examination_card(STAGE_2, chart(1.9)),
    "order_not_recognised": build_unrecognised_card([drug("ibuprofen-name")], STAGE_2, context(chart(1.9))),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_card_reads_as_reviewed(name: str) -> None:
    assert as_text(EXAMPLES[name]) == (CARDS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_card_has_the_shape_of_the_standard(name: str) -> None:
    """Requirements 80 to 147; CH-26 to CH-39."""
    body = EXAMPLES[name].body
    assert len(body["summary"]) <= 139
    assert empty_elements(body) == []
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", body["source"]["topic"]["code"])
    assert len(body.get("suggestions", [])) <= 3
    assert ("suggestions" in body) is ("selectionBehavior" in body)
    for suggestion in body.get("suggestions", []):
        (action,) = suggestion["actions"]
        if action["type"] == "delete":
            assert set(action) == {"type", "description", "resourceId"}  # CH-32
            assert action["resourceId"] == "MedicationRequest/draft-1"
        else:
            assert ServiceRequest(action["resource"]).status == "draft"
    assert {reason["code"] for reason in body["overrideReasons"]} >= {"benefit-exceeds-risk", "already-addressed"}


@pytest.mark.parametrize("limit", [40, 60, 80, 100, 139])
def test_a_summary_never_cuts_a_number(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.wording.SUMMARY_LIMIT", limit)
    snapshot = chart(1.9, potassium=5.8, systolic_bp=84.0)
    summary = str(card_of(STAGE_2, snapshot, "lisinopril").body["summary"])
    rest = summary.removeprefix(
        "For review: lisinopril: AKI stage 2 with potassium 5.8 mmol/L and systolic pressure"
    )
    assert rest in {
        " 84 mmHg",
        " 84 mmHg; creatinine 1.9 mg/dL (168 µmol/L)",
        " 84 mmHg; creatinine 1.9 mg/dL (168 µmol/L), baseline 0.9 mg/dL",
    }


@pytest.mark.parametrize("is_draft", [True, False])
def test_only_a_draft_is_offered_for_removal(is_draft: bool) -> None:
    order, snapshot = medication("ibuprofen"), chart(1.9)
    kidneys = kidney_facts(STAGE_2, snapshot, NOW)
    draft = DraftOrder("MedicationRequest/draft-1", order, is_draft=is_draft)
    (found,) = find_concerns([(draft, recognise(order))], [], kidneys, CardPolicy(), signing=True)
    offered = build_order_card(found, kidneys, STAGE_2, context(snapshot)).body["suggestions"]
    assert ("delete" in {each["actions"][0]["type"] for each in offered}) is is_draft


@pytest.mark.parametrize(
    ("status", "begun_days", "ended_days", "running"),
    [
        (True, 30, None, True),
        (True, 30, -1, True),  # ends tomorrow
        (True, 30, 1, False),  # still called active, but past its end
        (False, 1, None, False),
        (None, 3, None, True),
        (None, 8, None, False),
        (None, -1, None, False),  # begins tomorrow
        (None, None, None, False),
    ],
)
def test_a_drug_counts_as_given_by_its_status_and_its_end(
    status: bool | None, begun_days: int | None, ended_days: int | None, running: bool
) -> None:
    def days_ago(days: int | None) -> datetime | None:
        return None if days is None else NOW - timedelta(days=days)

    drug_on_chart = replace(
        medication("ibuprofen"), active=status, start_at=days_ago(begun_days), end_at=days_ago(ended_days)
    )
    assert is_running(drug_on_chart, NOW) is running


def test_neither_an_ace_inhibitor_nor_a_diuretic_is_offered_for_removal() -> None:
    card = card_of(STAGE_2, chart(1.9), "lisinopril", "ibuprofen", "furosemide")
    assert card.kind is CardKind.NSAID
    kinds = [one["actions"][0]["type"] for one in card.body["suggestions"]]
    assert kinds == ["create"]


def test_drugs_the_chart_only_names_are_said_and_not_counted() -> None:
    order, kidneys = medication("ibuprofen"), kidney_facts(STAGE_2, chart(1.9), NOW)
    named = [drug("lisinopril-name"), drug("lisinopril-name")]
    pairs = [(DraftOrder("MedicationRequest/draft-1", order), recognise(order))]
    (found,) = find_concerns(pairs, [*named, drug("furosemide")], kidneys, CardPolicy(), signing=True)
    detail = build_order_card(found, kidneys, STAGE_2, context(chart(1.9)), NotCounted([], named)).body["detail"]
    assert "On the chart by name only, without a known code, so not counted: lisinopril\n" in detail
    assert "together" not in detail


def test_only_running_drugs_are_named() -> None:
    stopped = medication("ramipril-name", active=False)
    snapshot = replace(chart(1.9), medications=(medication("lisinopril-name"), stopped, medication("losartan")))
    assert [one.name for one in named_only(snapshot, NOW)] == ["lisinopril"]


def test_an_order_without_an_id_cannot_be_removed_and_is_not_offered() -> None:
    order = medication("ibuprofen")
    kidneys = kidney_facts(STAGE_2, chart(1.9), NOW)
    (found,) = find_concerns(
        [(DraftOrder(None, order), recognise(order))], [], kidneys, CardPolicy(), signing=True
    )
    body = build_order_card(found, kidneys, STAGE_2, context(chart(1.9))).body
    assert "delete" not in {one["actions"][0]["type"] for one in body["suggestions"]}


def test_what_kidneys_cannot_clear_under_dialysis_is_not_written_as_clearance() -> None:
    from model.assessment import KdigoCriterion, KdigoStaging

    dialysed = replace(STAGE_2, kdigo=KdigoStaging(3, KdigoCriterion.RRT, course="falling"))
    facts = kidney_facts(dialysed, chart(2.0, weight=80.0), NOW)
    assert (facts.egfr, facts.clearance) == (None, None)


@settings(deadline=None)
@given(st.text(max_size=120))
def test_an_orders_own_words_never_become_markup(words: str) -> None:
    order = replace(medication("ibuprofen"), text=f"{words} 5640")
    kidneys = kidney_facts(STAGE_2, chart(1.9), NOW)
    facts = recognise(order)
    if not facts.classes:
        return
    found = find_concerns(
        [(DraftOrder("MedicationRequest/1", order), facts)], [], kidneys, CardPolicy(), signing=True
    )
    strange = replace(drug("ibuprofen-name"), name=words)
    card = build_order_card(found[0], kidneys, STAGE_2, context(chart(1.9)), NotCounted([strange]))
    detail = card.body["detail"]
    assert not re.search(r"(?<!\\)[\[\]`|_~]", detail)
    assert "<" not in detail
    assert "://" not in detail


if __name__ == "__main__":
    for card_name, example in EXAMPLES.items():
        (CARDS / f"{card_name}.md").write_text(as_text(example), encoding="utf-8")
