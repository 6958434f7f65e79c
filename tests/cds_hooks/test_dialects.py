"""Requests in the vendors' dialects, and by hand-made clients (tests/contract/cds/dialects), and their answers.

A case names a chart; its prefetch is built here, so that the files hold what the dialects differ in and no more.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.drug_table import RXNORM
from tests.builders.cds import PATIENT, PUBLIC_URL, creatinine, full_prefetch, searchset, token
from tests.builders.drugs import code_of
from tests.cds_hooks.conftest import Bench
from tests.cds_hooks.test_routes import JSON, empty_elements, paths, replaced

DIALECTS = Path(__file__).parents[1] / "contract" / "cds" / "dialects"
Case = dict[str, Any]
RISING = (creatinine("c1", 0.9, 40), creatinine("c2", 1.9, 2))
STEADY = (creatinine("c1", 0.9, 40), creatinine("c2", 0.9, 2))


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(DIALECTS.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


def order(name: str) -> dict[str, Any]:
    concept = {"coding": [{"system": RXNORM, "code": code_of(name).code}], "text": name}
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": concept,
    }


def problem(code: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "k-1",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
    }


def on(*names: str) -> dict[str, Any]:
    return full_prefetch(*STEADY, medications=searchset(*map(order, names)))


CHARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "stage-2": lambda: full_prefetch(*RISING),
    "stage-2-own-names": lambda: {f"site-{key}": value for key, value in full_prefetch(*RISING).items()},
    "steady": lambda: full_prefetch(*STEADY),
    "comfort-care": lambda: full_prefetch(*RISING, conditions=searchset(problem("Z51.5"))),
    "dialysis": lambda: full_prefetch(*RISING, conditions=searchset(problem("Z99.2"))),
    "on-acei-and-diuretic": lambda: on("lisinopril", "furosemide"),
    "on-acei-and-nsaid": lambda: on("lisinopril", "ibuprofen"),
    "on-nsaid": lambda: on("ibuprofen"),
}


def answer_to(case: Case, bench: Bench) -> Any:
    body = dict(case["request"])
    if case["chart"]:
        body["prefetch"] = CHARTS[case["chart"]]()
    bearer = token(aud=f"{PUBLIC_URL}/cds-services/{case['service']}")
    return bench.post(body, path=case["service"], bearer=bearer)


def offers(card: dict[str, Any]) -> list[str]:
    actions = [one for suggestion in card.get("suggestions", []) for one in suggestion["actions"]]
    return [f"{one['type']} {one.get('resourceId') or one['resource']['code']['text']}" for one in actions]


@pytest.mark.parametrize("case", cases())
def test_a_dialect_is_understood(case: Case, bench: Callable[..., Bench]) -> None:
    built = bench()
    answer, expected = answer_to(case, built), case["expect"]
    assert answer.status_code == expected["status"], answer.get_data(as_text=True)
    if answer.status_code != 200:
        assert answer.get_json()["issue"][0]["details"]["coding"][0]["code"] == expected["code"]
        return
    cards = answer.get_json()["cards"]
    shown = [[card["source"]["topic"]["code"], card["indicator"]] for card in cards]
    assert shown == expected["cards"], case["because"]
    if "offers" in expected:
        assert offers(cards[0]) == expected["offers"], case["because"]
    assert built.events[-1].reason == expected.get("reason")


ALL = [case.values[0] for case in cases()]
PLACES = [(case, path) for case in ALL for path in paths(case["request"])]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(st.sampled_from(PLACES), JSON)
def test_a_wrong_type_anywhere_in_any_dialect_is_answered_never_a_500(
    bench: Callable[..., Bench], place: tuple[Case, tuple[Any, ...]], value: Any
) -> None:
    case, path = place
    request = replaced(case["request"], path, value)
    answer = answer_to({**case, "request": request if isinstance(request, dict) else {}}, bench())
    assert answer.status_code in {200, 400, 403, 412, 422}
    assert empty_elements(answer.get_json()) == []


def test_forty_cases_and_more_are_recorded() -> None:
    assert len(cases()) >= 40
    assert len({case.id for case in cases()}) == len(cases())
