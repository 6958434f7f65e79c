"""Every row of the clinicians' tables holds, and the documents made from them are current."""

from pathlib import Path

import pytest

from tests.spec.render import DOCUMENTS, rendered
from tests.spec.tables import Case, read_cases
from tests.spec.vocabulary import outcome_of, said

HERE = Path(__file__).parent
KDIGO = read_cases(HERE / "kdigo")
NHS = read_cases(HERE / "nhs")


@pytest.mark.parametrize("case", KDIGO, ids=lambda case: case.place)
def test_kdigo_stages_as_the_table_says(case: Case) -> None:
    _check(case, "mg/dL")


@pytest.mark.parametrize("case", NHS, ids=lambda case: case.place)
def test_the_nhs_algorithm_warns_as_the_table_says(case: Case) -> None:
    _check(case, "umol/L")


def _check(case: Case, unit: str) -> None:
    assert case.expected, f"{case.place} expects nothing"
    outcome = outcome_of(case, unit)
    told = tuple(said(outcome, expectation) for expectation in case.expected)
    assert told == case.expected, f"{case.place}: {case.because}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_rendered_from_the_tables(name: str) -> None:
    assert (HERE.parent.parent / name).read_text(encoding="utf-8") == rendered(name), (
        f"{name} is out of date: run `python -m tests.spec.render`"
    )
