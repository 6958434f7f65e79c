"""What choosing or signing a drug shows: the clinicians' table, row by row (aki.md 3.4 and 3.5)."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cds_hooks.decision import CardKind, CardPolicy, Indicator
from cds_hooks.draft_orders import DraftOrder
from cds_hooks.order_review import find_concerns, speaks_of_unclear
from model.caution_table import caution_table
from model.drug_cautions import cautions
from model.drugs import DrugFacts, recognise
from model.kidney_facts import KidneyFacts
from tests.builders.drugs import medication

TABLE = Path(__file__).parents[1] / "spec" / "cds" / "orders.txt"
Row = dict[str, str]


def rows() -> list[Row]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    heads, *cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    return [dict(zip(heads, row, strict=True)) for row in cells]


def kidneys(row: Row) -> KidneyFacts:
    aki, egfr, facts = row["aki"], row["egfr"], row["facts"]
    stage = int(aki[0]) if aki[0].isdigit() else 0 if aki in {"unrecovered", "risk"} else None
    numbers = {name: float(value) for name, value in re.findall(r"([A-Za-z]+) ([\d.]+)", facts)}
    return KidneyFacts(
        aki_stage=stage,
        course="rising" if "↑" in aki else "stable",
        has_not_recovered=aki == "unrecovered",
        risk_is_high=aki == "risk",
        creatinine_mg_dl=None if aki in {"none", "dialysis"} else numbers.get("Cr", 1.2),
        egfr=None if egfr == "-" else float(egfr),
        steady=stage == 0,
        clearance=numbers.get("CrCl"),
        weight_kg=numbers.get("kg"),
        age=numbers.get("age", 70.0),
        potassium_mmol_l=numbers.get("K"),
        systolic_mmhg=numbers.get("SBP"),
        on_dialysis=aki == "dialysis",
    )


def drugs(cell: str) -> list[DrugFacts]:
    return [] if cell == "-" else [recognise(medication(name)) for name in cell.split()]


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(list(row.values())[:5]))
def test_ordering_a_drug_shows_what_the_table_says(row: Row) -> None:
    said = cautions(drugs(row["draft"]), drugs(row["chart"]), kidneys(row))
    shown = ", ".join(f"{one.rule} {one.severity}" for one in said) or "silent"
    assert shown == row["shows"], row["because"]


def test_every_caution_has_a_row_that_shows_it() -> None:
    table = caution_table()
    written = " ".join(row["shows"] for row in rows())
    every = {*table.rules, *(rule.words.id for rule in table.doses)}
    assert {one for one in every if not re.search(rf"(?<![\w-]){one}(?![\w-])", written)} == set()


def test_every_family_is_a_kind_of_card() -> None:
    table = caution_table()
    families = {one.family for one in table.rules.values()} | {one.words.family for one in table.doses}
    assert families <= {kind.value for kind in CardKind}


def test_no_row_is_critical_and_no_caution_speaks_without_a_source() -> None:
    table = caution_table()
    words = [*table.rules.values(), *(rule.words for rule in table.doses)]
    assert all(one.basis for one in words)
    assert "critical" not in " ".join(row["shows"] for row in rows())


@pytest.mark.parametrize(
    ("stage", "drug", "signing", "switched_on", "indicator"),
    [
        (2, "ibuprofen", True, False, Indicator.WARNING),
        (2, "ibuprofen", True, True, Indicator.CRITICAL),
        (1, "ibuprofen", True, True, Indicator.WARNING),
        (2, "ibuprofen", False, True, Indicator.WARNING),
        (3, "gentamicin", True, True, Indicator.CRITICAL),
        (3, "iohexol", True, True, Indicator.CRITICAL),
        (3, "metformin", True, True, Indicator.WARNING),
        (3, "gabapentin", True, True, Indicator.INFO),
    ],
)
def test_critical_is_only_for_signing_from_stage_2_where_the_site_wants_it(
    stage: int, drug: str, signing: bool, switched_on: bool, indicator: Indicator
) -> None:
    ordered = medication(drug)
    facts = KidneyFacts(aki_stage=stage, creatinine_mg_dl=3.0, egfr=20.0)
    policy = CardPolicy(critical_at_signing=switched_on)
    draft = DraftOrder(ordered.source, ordered)
    (found,) = find_concerns([(draft, recognise(ordered))], [], facts, policy, signing=signing)
    assert found.indicator is indicator


def test_the_most_urgent_drug_comes_first() -> None:
    ordered = [medication(name) for name in ("gabapentin", "naproxen")]
    pairs = [(DraftOrder(one.source, one), recognise(one)) for one in ordered]
    facts = KidneyFacts(aki_stage=2, creatinine_mg_dl=3.0, egfr=20.0)
    found = find_concerns(pairs, [], facts, CardPolicy(), signing=True)
    assert [one.drug.name for one in found] == ["naproxen", "gabapentin"]


UNCLEAR = [recognise(medication("ibuprofen-name"))]


@pytest.mark.parametrize(
    ("stage", "egfr", "speaks"), [(0, 90.0, False), (1, 90.0, True), (0, 29.0, True), (None, None, False)]
)
def test_an_order_nobody_recognised_is_named_where_it_could_do_harm(
    stage: int | None, egfr: float | None, speaks: bool
) -> None:
    facts = KidneyFacts(aki_stage=stage, egfr=egfr)
    assert speaks_of_unclear(UNCLEAR, facts, CardPolicy()) is speaks
    assert not speaks_of_unclear(UNCLEAR, facts, CardPolicy(unrecognised_orders=False))
    assert not speaks_of_unclear([], facts, CardPolicy())


def test_two_orders_of_one_drug_each_get_their_say() -> None:
    one, two = (recognise(medication("ibuprofen", number=number)) for number in (1, 2))
    said = cautions([one, two], [], KidneyFacts(aki_stage=1))
    assert [caution.drug.source for caution in said] == [one.source, two.source]


def test_a_drugs_name_is_never_read_as_a_pattern() -> None:
    odd = replace(recognise(medication("ibuprofen")), name="{stage} {0.__class__}")
    (said,) = cautions([odd], [], KidneyFacts(aki_stage=1))
    assert said.title == "ibuprofen (NSAID) in AKI stage 1"
