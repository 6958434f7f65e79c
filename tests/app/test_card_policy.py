"""`[ehr.cds.cards]` of `ehrs.toml`: what a site may change about cards, every problem named at once."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.configured.ehrs import Ehrs, ehrs_from
from app.configured.problems import ConfigurationError
from cds_hooks.decision import DEFAULT_CARD_POLICY, CardKind, CardPolicy

ROOT = Path(__file__).resolve().parents[2]
EHR = """
[[ehr]]
id = "{id}"
name = "General"
iss = "https://{id}.example.org/fhir"
client_id = "aki"

[ehr.cds]
jku = "https://{id}.example.org/jwks"
{cds}
"""


def registry(cards: str = "", cds: str = "", ehr_id: str = "general") -> str:
    return EHR.format(id=ehr_id, cds=cds) + (f"\n[ehr.cds.cards]\n{cards}\n" if cards else "")


def read(text: str) -> Ehrs:
    return ehrs_from(tomllib.loads(text), development=False)


def test_a_site_that_says_nothing_gets_cards_live_and_no_silence() -> None:
    assert read(registry()).by_id("general").cards == DEFAULT_CARD_POLICY
    assert DEFAULT_CARD_POLICY.mode == "live"
    assert not DEFAULT_CARD_POLICY.silence_hours
    assert not DEFAULT_CARD_POLICY.silence_after_override_hours


def test_every_field_of_the_policy_can_be_set_in_the_registry() -> None:
    text = """
        mode = "shadow"
        critical_for_stage_3 = true
        critical_at_signing = true
        unrecognised_orders = false
        risk_warning_from = 0.3
        risk_info_from = 0.15
        silence_hours = { stage = 8, nsaid = 4.5 }
        silence_after_override_hours = { stage = 24 }
        silence_for = "site"
        silent_on_dialysis = true
        silent_when_falling = true
        silent_when_acknowledged = true
        silent_after_creatinine_hours = 72
    """
    found = read(registry(text)).by_id("general").cards
    assert found == CardPolicy(
        "shadow",
        True,
        True,
        False,
        0.3,
        0.15,
        {CardKind.STAGE: 8, CardKind.NSAID: 4.5},
        {CardKind.STAGE: 24},
        "site",
        True,
        True,
        True,
        72,
    )
    assert {name.strip() for name, _, _ in (line.partition("=") for line in text.splitlines())} >= {
        field.name for field in fields(CardPolicy)
    }


def test_every_problem_of_the_table_is_named_at_once_and_no_value_is_quoted() -> None:
    text = """
        mode = "canary"
        risk_warning_from = 20
        critical_at_signing = "perhaps"
        silence_hours = { stage = -1, stages = 4 }
        silent_after_creatinine_hours = 0
        silent_when_quiet = true
    """
    with pytest.raises(ConfigurationError) as caught:
        read(registry(text, cds="max_token_life_seconds = 5"))
    named = " | ".join(caught.value.problems)
    for place in (
        "cards.mode",
        "cards.risk_warning_from",
        "cards.critical_at_signing",
        "cards.silence_hours.stage",
        "cards.silence_hours.stages",
        "cards.silent_after_creatinine_hours",
        "cards.silent_when_quiet",
        "cds.max_token_life_seconds",
    ):
        assert f"ehr[0].cds.{place.removeprefix('cds.')}" in named
    assert "canary" not in named


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        ("risk_warning_from = 0.2\nrisk_info_from = 0.3", "risk_info_from must be below risk_warning_from"),
        ('silence_for = "ward"', "silence_for"),
        ("silence_after_override_hours = { nsaid = 4 }", "silence_after_override_hours is for these topics only"),
    ],
)
def test_what_contradicts_itself_is_named(cards: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read(registry(cards))


def test_cards_must_be_a_table() -> None:
    with pytest.raises(ConfigurationError, match=r"cds\.cards: must be a table"):
        read(registry(cds="cards = 7"))


@pytest.mark.parametrize(
    ("variants", "expected"), [((), "coded"), (("category",), "category"), (("category", "category"), "category")]
)
def test_the_prefetch_variant_is_the_sites(variants: Any, expected: str) -> None:
    text = "".join(
        registry(cds=f'prefetch_variant = "{variant}"', ehr_id=f"ehr-{n}") for n, variant in enumerate(variants)
    )
    assert read(text).prefetch_variant == expected


def test_sites_that_want_different_discovery_documents_are_told_that_there_is_one() -> None:
    text = registry(ehr_id="one") + registry(cds='prefetch_variant = "category"', ehr_id="two")
    with pytest.raises(ConfigurationError, match="discovery is one document"):
        read(text)


def test_every_field_of_the_policy_is_explained_to_the_operator_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.split("alert policy\n", 1)[1].split("\n## ", 1)[0]
    explained = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", section, flags=re.MULTILINE)
        for name in row.split("`")[1::2]
    }
    assert explained == {field.name for field in fields(CardPolicy)}


def test_the_registrys_own_example_of_a_card_policy_can_be_used_as_it_stands() -> None:
    text = (ROOT / "ehrs.toml").read_text(encoding="utf-8")
    example = text.split("[ehr.cds.cards]", 1)[1].split("\n#\n", 1)[0]
    cards = "\n".join(line.removeprefix("# ") for line in example.splitlines()[1:])
    assert read(registry(cards)).by_id("general").cards.mode == "shadow"
