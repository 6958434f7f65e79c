"""The card leaves nothing unanswered, says where each answer stands, and names the command behind its numbers."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.cli.model import model_group
from model.validation import card

ROOT = card.ROOM.parent
CARD = json.loads(card.CARD.read_text(encoding="utf-8"))
CHECKLISTS = {"source_attributes": "text", "chai": "text", "tripod_ai": "answer"}
ROWS = [(name, row) for name in CHECKLISTS for row in CARD[name]]


def commands(value: Any) -> Iterator[str]:
    """Every `aki model ...` in the card that stands by itself."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from commands(item)
    elif isinstance(value, list):
        for item in value:
            yield from commands(item)
    elif isinstance(value, str) and value.startswith("aki model ") and not value.endswith("."):
        yield from (part.strip() for part in value.split(";"))


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_no_item_of_a_checklist_is_unanswered(name: str, row: dict[str, Any]) -> None:
    answered = row[CHECKLISTS[name]] and row["where"]
    assert answered or row["not_available_because"], row


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_where_an_answer_stands_can_be_found(name: str, row: dict[str, Any]) -> None:
    titles = {card.words(key, CARD["titles"]).lower() for key in CARD} | {key.replace("_", " ") for key in CARD}
    for place in filter(None, (part.strip() for part in row["where"].split(";"))):
        section = place.split(",")[0].lower()
        found = section in titles or (ROOT / place).exists() or place.startswith("aki model ")
        assert found, f"{name}: {place}"


def test_tripod_ai_has_its_27_items_in_order() -> None:
    """Collins et al., BMJ 2024;385:e078378; the questions are in our own words."""
    assert [row["item"] for row in CARD["tripod_ai"]] == list(range(1, 28))


def test_the_applied_model_card_has_its_sections_in_order() -> None:
    headings = list(dict.fromkeys(row["heading"] for row in CARD["chai"]))
    assert headings == [
        "Release information",
        "Model summary",
        "Uses and directions",
        "Warnings",
        "Trust ingredients",
        "Key metrics",
        "Resources",
    ]


@pytest.mark.parametrize("command", sorted(set(commands(CARD))))
def test_every_command_the_card_names_exists_with_its_options(command: str) -> None:
    _, _, name, *options = shlex.split(command)
    found = model_group.commands[name]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= known


@pytest.mark.parametrize("section", ["performance", "uncertainty", "data", "how_it_works", "model"])
def test_a_section_with_numbers_names_the_command_that_makes_them(section: str) -> None:
    assert re.search(r"\d", json.dumps(CARD[section]))
    assert CARD[section]["command"].startswith("aki model ")


def test_the_interval_check_in_the_card_is_the_one_that_was_run() -> None:
    intervals = json.loads(card.INTERVALS.read_text(encoding="utf-8"))
    rows = CARD["uncertainty"]["checked"]
    assert rows == list(card.interval_rows(intervals))
    assert len(rows) == 4
    for named in ("command", "recipe_of_version"):
        assert CARD["uncertainty"][named] == intervals[named]


def test_the_interval_held_between_seven_and_nine_in_ten_where_eight_were_meant() -> None:
    intervals = json.loads(card.INTERVALS.read_text(encoding="utf-8"))
    for head in ("onset", "progression"):
        for question in ("refits", "halves"):
            assert intervals[head][question]["meant"] == 0.8
            assert 0.7 <= intervals[head][question]["found"] <= 0.9


def test_nothing_of_the_card_is_lost_in_its_markdown() -> None:
    text = Path(card.CARD_MARKDOWN).read_text(encoding="utf-8")
    for name, row in ROWS:
        assert row[CHECKLISTS[name]] in text
