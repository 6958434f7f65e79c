"""Every attribute of every answer to the recorded dialect cases, as CDS Hooks 2.0 has it (rows 74 to 147)."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from fhirclient.models.condition import Condition
from fhirclient.models.servicerequest import ServiceRequest

from tests.builders.cds import PATIENT, PUBLIC_URL, hook_body
from tests.cds_hooks.conftest import Bench
from tests.cds_hooks.test_dialects import ALL, CHARTS, answer_to
from tests.cds_hooks.test_routes import empty_elements

Json = dict[str, Any]
MODELS = {"ServiceRequest": ServiceRequest, "Condition": Condition}


@pytest.fixture
def answers(bench: Callable[..., Bench]) -> list[Json]:
    """What was answered to each dialect case with 200, and to opening a chart."""
    found = [answer_to(case, bench()) for case in ALL if case["expect"]["status"] == 200]
    found.append(bench().post(hook_body(prefetch=CHARTS["stage-2"]())))
    assert all(answer.status_code == 200 for answer in found)
    return [answer.get_json() for answer in found]


@pytest.fixture
def cards(answers: list[Json]) -> list[Json]:
    found = [card for answer in answers for card in answer["cards"]]
    assert len({card["source"]["topic"]["code"] for card in found}) >= 6
    return found


@pytest.fixture
def suggestions(cards: list[Json]) -> list[Json]:
    return [one for card in cards for one in card.get("suggestions", [])]


@pytest.fixture
def actions(suggestions: list[Json]) -> list[Json]:
    found = [action for one in suggestions for action in one["actions"]]
    assert {action["type"] for action in found} == {"create", "delete"}
    return found


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_absolute(url: Any) -> bool:
    return isinstance(url, str) and urlsplit(url).scheme == "https" and bool(urlsplit(url).netloc)


def test_an_answer_is_an_object_with_a_cards_array_and_nothing_empty(answers: list[Json]) -> None:
    assert all(set(answer) == {"cards"} and isinstance(answer["cards"], list) for answer in answers)
    assert [hit for answer in answers for hit in empty_elements(answer)] == []


def test_cards_and_suggestions_are_named_by_unique_strings(answers: list[Json]) -> None:
    for answer in answers:
        named = [card["uuid"] for card in answer["cards"]]
        named += [one["uuid"] for card in answer["cards"] for one in card.get("suggestions", [])]
        assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one) for one in named)
        assert len(set(named)) == len(named)


def test_a_summary_is_one_line_of_fewer_than_140_characters(cards: list[Json]) -> None:
    assert all(is_text(card["summary"]) and len(card["summary"]) < 140 for card in cards)
    assert not any("\n" in card["summary"] for card in cards)


def test_a_detail_is_markdown_without_html(cards: list[Json]) -> None:
    assert all(is_text(card["detail"]) and "**" in card["detail"] for card in cards)
    assert not any(re.search(r"<[a-zA-Z/!]", card["detail"]) for card in cards)


def test_an_indicator_is_one_of_three_words(cards: list[Json]) -> None:
    assert {card["indicator"] for card in cards} <= {"info", "warning", "critical"}


def test_a_source_has_a_label_an_address_of_no_patient_and_a_coded_topic(cards: list[Json]) -> None:
    for source in (card["source"] for card in cards):
        assert set(source) == {"label", "url", "topic"}
        assert is_text(source["label"])
        assert source["url"] == f"{PUBLIC_URL}/"
        assert all(is_text(source["topic"][name]) for name in ("code", "system", "display"))


def test_suggestions_come_with_the_way_they_may_be_chosen(cards: list[Json]) -> None:
    assert any("suggestions" in card for card in cards)
    for card in cards:
        assert ("suggestions" in card) is ("selectionBehavior" in card)
        assert card.get("selectionBehavior", "any") in {"any", "at-most-one"}


def test_a_suggestion_is_one_labelled_action_and_none_is_pressed(suggestions: list[Json]) -> None:
    for one in suggestions:
        assert is_text(one["label"])
        assert one["isRecommended"] is False
        assert isinstance(one["actions"], list)
        assert len(one["actions"]) == 1


def test_an_action_says_its_type_and_what_it_does(actions: list[Json]) -> None:
    assert all(action["type"] in {"create", "update", "delete"} for action in actions)
    assert all(is_text(action["description"]) for action in actions)


def test_a_create_carries_a_whole_new_resource_of_this_patient(actions: list[Json]) -> None:
    for resource in (action["resource"] for action in actions if action["type"] == "create"):
        built = MODELS[resource["resourceType"]](resource)  # raises where it is not valid R4
        assert built.subject.reference == f"Patient/{PATIENT}"
        assert "id" not in resource


def test_a_delete_names_the_draft_and_carries_no_resource(actions: list[Json]) -> None:
    for action in (action for action in actions if action["type"] == "delete"):
        assert set(action) == {"type", "description", "resourceId"}
        assert re.fullmatch(r"[A-Za-z]+/[^/]+", action["resourceId"])


def test_nothing_is_updated_so_no_resource_is_sent_in_part(actions: list[Json]) -> None:
    assert not any(action["type"] == "update" for action in actions)


def test_an_override_reason_has_code_system_and_words(cards: list[Json]) -> None:
    for card in cards:
        assert isinstance(card["overrideReasons"], list)
        for reason in card["overrideReasons"]:
            assert set(reason) == {"code", "system", "display"}
            assert all(is_text(value) for value in reason.values())


def test_a_link_has_a_label_an_absolute_address_and_a_type(cards: list[Json]) -> None:
    for link in (link for card in cards for link in card["links"]):
        assert is_text(link["label"])
        assert is_absolute(link["url"])
        assert link["type"] in {"absolute", "smart"}


def test_app_context_goes_with_the_app_and_names_the_card_only(cards: list[Json]) -> None:
    for card in cards:
        for link in card["links"]:
            assert ("appContext" in link) is (link["type"] == "smart")
            assert link.get("appContext", card["uuid"]) == card["uuid"]
