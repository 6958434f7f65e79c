"""Every row of tests/spec/risk/applicability.txt: who gets a probability, and the reason in place of one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from model.artifact import load_bundled_model
from model.assess import RiskPredictor, assess
from model.assessment import Assessment, Outcome, outcome_to_json
from model.errors import ModelError
from model.recalibration import RecalibrationRefused
from model.risk import RiskModel
from model.sentences import Sentence
from model.snapshot import Comparator, Concept, Incomplete, Measurement, PatientSnapshot, Problem, Sex
from tests.builders.charts import NOW, chart, hours, result

TABLE = Path(__file__).parents[1] / "spec" / "risk" / "applicability.txt"


def rows() -> list[dict[str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    heads = lines[0].split()
    starts = [lines[0].index(head) for head in heads]
    cut = [*zip(starts, [*starts[1:], None], strict=True)]
    return [{head: line[a:b].strip() for head, (a, b) in zip(heads, cut, strict=True)} for line in lines[1:]]


@cache
def bundled() -> RiskModel:
    return load_bundled_model()


def born(age: str) -> date | None:
    if age == "?":
        return None
    if age.endswith("d"):
        return NOW.date() - timedelta(days=int(age.split()[0]))
    return NOW.date().replace(year=NOW.year - int(age))


def measured(text: str) -> Measurement:
    before, value, *flags = text.split()
    return result(
        float(value.lstrip("<>")),
        hours(float(before)),
        comparator=Comparator(value[0]) if value[0] in "<>" else None,
        preliminary="p" in flags,
        day_only="d" in flags,
        source=f"Observation/{before}",
    )


Answer = Callable[[PatientSnapshot], Outcome]


def ask(snapshot: PatientSnapshot, model: RiskPredictor | ModelError | None = None) -> Outcome:
    return assess(snapshot, now=NOW, model=model or bundled())


def _with(concept: Concept) -> Answer:
    problem = Problem("made up", frozenset({concept}), "Condition/1", True, NOW - timedelta(days=900))
    return lambda snapshot: ask(replace(snapshot, problems=(problem,)))


def _torn(snapshot: PatientSnapshot) -> Outcome:
    return ask(replace(snapshot, incomplete=(Incomplete("creatinine", "more-pages", "Only the first page."),)))


BESIDES: dict[str, Answer] = {
    "-": ask,
    "on dialysis": _with(Concept.MAINTENANCE_DIALYSIS),
    "transplant": _with(Concept.KIDNEY_TRANSPLANT),
    "died": lambda snapshot: ask(replace(snapshot, deceased=True)),
    "creatinine torn": _torn,
    "no model": lambda snapshot: ask(snapshot, ModelError("none")),
    "overlay refused": lambda snapshot: ask(snapshot, RecalibrationRefused("tampered", Sentence("Changed."))),
    "overlay over": lambda snapshot: ask(snapshot, replace(bundled(), expires_on=NOW.date() - timedelta(days=1))),
}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["because"].replace(" ", "_"))
def test_the_row_holds(row: dict[str, str]) -> None:
    series = [] if row["creatinine"] == "-" else [measured(text) for text in row["creatinine"].split(", ")]
    sex = {"f": Sex.FEMALE, "m": Sex.MALE, "?": None}[row["sex"]]
    outcome = BESIDES[row["besides"]](chart(*series, birth_date=born(row["age"]), sex=sex))
    given, _, status = row["gives"].partition(", ")
    assert outcome_to_json(outcome)["status"] == (status or "assessed")
    found = {name: getattr(outcome, name) for name in ("risk", "progression") if isinstance(outcome, Assessment)}
    assert [name for name, part in found.items() if part] == ([] if given == "none" else [given])
    codes = [reason.code for reason in outcome.reasons]
    assert row["reason"] == "-" or row["reason"] in codes, codes
