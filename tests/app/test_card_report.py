"""`aki cds report`: what became of the cards, counted, with intervals, readable where there are few."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert

from app.cds.rates import Fate, share
from app.cds.report import CardLine, Override, count_cards, report
from app.storage.database import open_engine, upgrade
from app.storage.tables import CdsCardRow, CdsFeedbackRow
from cds_hooks.cards import OVERRIDE_SYSTEM
from tests.builders.commands import Aki, aki_in

AT = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
Zone = Callable[[str], ZoneInfo]


def utc(ehr_id: str) -> ZoneInfo:
    return ZoneInfo("UTC")


def line(topic: str | None = "stage", silence: str | None = None, **changes: Any) -> CardLine:
    fields: dict[str, Any] = {"ehr_id": "r", "service_id": "aki-patient-view", "at": AT}
    return CardLine(
        **{**fields, "topic": topic, "silence": silence, "accepted": False, "overridden": False, **changes}
    )


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    """The examples of Newcombe, Stat Med 1998;17:857, table I, method 3."""
    found = share(count, of)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_of_nothing_there_is_no_share_and_more_than_all_is_a_mistake() -> None:
    assert (share(0, 0).value, share(0, 0).low) == (None, None)
    with pytest.raises(ValueError, match="between"):
        share(2, 1)


class TestCounting:
    def test_a_card_is_accepted_overridden_or_unanswered_and_counted_once_in_every_group(self) -> None:
        found = count_cards(
            [
                line(accepted=True),
                line(accepted=True, overridden=True),
                line(overridden=True),
                line(),
                line("nsaid", service_id="aki-order-sign", ehr_id="other"),
                line(silence="shown-before"),
            ],
            utc,
        )
        assert found.total == Fate(shown=5, accepted=2, overridden=1, withheld=1)
        assert found.total.unanswered == 2
        assert found.groups["topic"] == {"nsaid": Fate(shown=1), "stage": Fate(4, 2, 1, 1)}
        assert found.groups["site"] == {"other": Fate(shown=1), "r": Fate(4, 2, 1, 1)}
        assert set(found.groups["service"]) == {"aki-order-sign", "aki-patient-view"}
        assert found.withheld == {"shown-before": 1}

    def test_a_silence_without_a_finding_is_no_card(self) -> None:
        found = count_cards([line(None, "risk-below-threshold"), line(None, "risk-below-threshold")], utc)
        assert (found.total, found.silences) == (Fate(), {"risk-below-threshold": 2})

    def test_a_month_is_the_sites_own(self) -> None:
        eve = line(at=datetime(2026, 3, 31, 23, 30, tzinfo=UTC))
        assert list(count_cards([eve], utc).groups["month"]) == ["2026-03"]
        assert list(count_cards([eve], lambda _: ZoneInfo("Europe/Berlin")).groups["month"]) == ["2026-04"]


def fill(engine: Engine, cards: list[dict[str, Any]], feedback: list[dict[str, Any]]) -> None:
    usual = {"at": AT, "ehr_id": "r", "service_id": "aki-patient-view", "topic": "stage", "patient_ref": "x" * 32}
    told = {"ehr_id": "r", "service_id": "aki-patient-view", "outcome_at": AT, "received_at": AT, "matched": True}
    told |= {"suggestions": "", "outcome": "accepted", "sealed": None, "reason_system": None, "reason_code": None}
    with engine.begin() as connection:
        connection.execute(insert(CdsCardRow), [{**usual, "silence": None, **card} for card in cards])
        rows = [{**told, "id": str(n), **one} for n, one in enumerate(feedback)]
        connection.execute(insert(CdsFeedbackRow), rows)


class TestDatabase:
    def test_feedback_is_joined_to_the_card_of_the_same_ehr_only(self, database: Engine) -> None:
        fill(
            database,
            [{"uuid": "a"}, {"uuid": "b"}, {"uuid": "c", "topic": None, "silence": "risk-below-threshold"}],
            [
                {"card_uuid": "a"},
                {"card_uuid": "a", "outcome": "overridden"},
                {"card_uuid": "b", "ehr_id": "other", "matched": False},
                {"card_uuid": "nowhere", "matched": False},
            ],
        )
        found = report(database, utc)
        assert found.total == Fate(shown=2, accepted=1)
        assert (found.silences, found.unmatched) == ({"risk-below-threshold": 1}, 2)

    def test_reasons_are_counted_by_topic_with_our_own_codes_bare(self, database: Engine) -> None:
        override = {"outcome": "overridden", "card_uuid": "a"}
        ours = {"reason_system": OVERRIDE_SYSTEM, "reason_code": "dialysis"}
        epics = {"reason_system": "com.epic", "reason_code": "45", "sealed": b"x"}
        fill(
            database,
            [{"uuid": "a"}, {"uuid": "b"}],
            [{**override, **ours}, {**override, **ours, "card_uuid": "b"}, {**override, **epics}, override],
        )
        found = report(database, utc)
        assert found.overrides[0] == Override("stage", "dialysis", 2)
        assert {one.reason for one in found.overrides} == {"dialysis", "com.epic|45", "no reason given"}
        assert found.comments == 1

    def test_a_period_and_a_site_can_be_asked_for(self, database: Engine) -> None:
        later = {"at": AT + timedelta(days=9)}
        fill(
            database,
            [{"uuid": "a"}, {"uuid": "b", **later}, {"uuid": "c", "ehr_id": "other", **later}],
            [{"card_uuid": "a", "matched": False}],
        )
        assert report(database, utc, since=AT + timedelta(days=1)).total.shown == 2
        assert report(database, utc, since=AT + timedelta(days=1)).unmatched == 0
        assert report(database, utc, site="other").total.shown == 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    upgrade(found)
    yield found
    found.dispose()


@pytest.fixture
def aki(tmp_path: Path) -> Aki:
    run = aki_in(tmp_path, f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    return lambda *arguments: run("cds", "report", *arguments)


class TestCommand:
    def test_of_few_cards_counts_are_printed_and_of_many_rates(self, engine: Engine, aki: Aki) -> None:
        many = [{"uuid": f"s{n}"} for n in range(20)]
        few = [{"uuid": f"n{n}", "topic": "nsaid"} for n in range(3)]
        fill(engine, [*many, *few], [{"card_uuid": "s1"}, {"card_uuid": "n1", "outcome": "overridden"}])
        said = aki().output
        assert "23 cards shown: 1 accepted, 1 overridden, 21 unanswered. 0 held back." in said
        assert "1: 5 % (1-24)" in said
        (nsaid,) = (row.split() for row in said.split("By service")[0].splitlines() if "nsaid" in row)
        assert nsaid == ["nsaid", "3", "0", "1", "2", "0"]

    def test_json_gives_counts_rates_and_intervals_and_leaves_out_what_there_is_none_of(
        self, engine: Engine, aki: Aki
    ) -> None:
        fill(engine, [{"uuid": "a"}, {"uuid": "b", "silence": "falling"}], [{"card_uuid": "a"}])
        found = json.loads(aki("--json").output)
        assert found["total"] == {
            "shown": 1,
            "accepted": 1,
            "overridden": 0,
            "withheld": 1,
            "unanswered": 0,
            "acceptance": {"rate": 1.0, "low": 0.2065, "high": 1.0},
            "override": {"rate": 0.0, "low": 0.0, "high": 0.7935},
        }
        assert set(found["by_month"]) == {"2026-03"}
        assert found["withheld"] == {"falling": 1}
        empty = json.loads(aki("--json", "--since", "2027-01-01").output)
        assert (empty["total"]["acceptance"], empty["by_topic"]) == ({}, {})

    @pytest.mark.usefixtures("engine")
    def test_an_empty_record_is_said_in_words(self, aki: Aki) -> None:
        found = aki()
        assert (found.exit_code, found.output.splitlines()[0]) == (
            0,
            "0 cards shown: 0 accepted, 0 overridden, 0 unanswered. 0 held back.",
        )

    @pytest.mark.usefixtures("engine")
    def test_a_site_that_is_not_registered_is_a_usage_error(self, aki: Aki) -> None:
        found = aki("--site", "elsewhere")
        assert found.exit_code == 2
        assert "registered are r" in found.output
