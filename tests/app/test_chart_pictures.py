"""The course's drawing as text, line by line: what changes in it is seen in review, not in a hospital.

`make pictures` draws them anew; look at what `git diff` shows before committing.
"""

import difflib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from babel.support import Translations

from app.chart import NARROW, WIDE, Frame, course_svg
from app.languages.catalogues import TRANSLATIONS
from app.presentation.course import course_panel
from app.presentation.units import MOLES
from app.presentation.wording import Wording
from model.assessment import Assessment, NotApplicable, Outcome, Reason
from model.snapshot import (
    PatientSnapshot,
)
from tests.builders.assessed import NOW, creatinine, in_aki, no_aki, snapshot
from tests.builders.courses import AFTER_SURGERY, DIALYSIS, DIRTY, STAGE_2

ZURICH: Final = ZoneInfo("Europe/Zurich")
PICTURES: Final = Path(__file__).parent / "pictures"
ENGLISH: Final = Wording(ZURICH)
GERMAN: Final = Wording(ZURICH, "de", Translations.load(TRANSLATIONS, ["de"]), MOLES)


MAINTENANCE: Final = NotApplicable("p1", NOW, in_aki(3).inputs, (Reason("maintenance_dialysis", "On dialysis."),))

STATES: Final[dict[str, tuple[Outcome, PatientSnapshot, Wording, Frame]]] = {
    "stage-2": (in_aki(2), STAGE_2, ENGLISH, WIDE),
    "stage-2-narrow": (in_aki(2), STAGE_2, ENGLISH, NARROW),
    "stage-2-german-moles": (in_aki(2), STAGE_2, GERMAN, WIDE),
    "after-surgery": (in_aki(2), AFTER_SURGERY, ENGLISH, WIDE),
    "after-surgery-narrow": (in_aki(2), AFTER_SURGERY, ENGLISH, NARROW),
    "dialysis": (MAINTENANCE, DIALYSIS, ENGLISH, WIDE),
    "one-point": (replace(no_aki(), kdigo=None), snapshot(creatinine(5, 1.6)), ENGLISH, WIDE),
    "dirty": (no_aki(), DIRTY, ENGLISH, WIDE),
}


@cache
def drawn(state: str) -> str:
    """The drawing of a state, one element a line."""
    outcome, chart, say, frame = STATES[state]
    course = course_panel(outcome, chart, say, "7d").course
    assert course is not None
    root = ElementTree.fromstring(str(course_svg(course, frame)))  # noqa: S314 - our own markup
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


@pytest.mark.parametrize("state", STATES)
def test_drawing_is_the_one_that_was_looked_at(state: str, renew_pictures: bool) -> None:
    kept = PICTURES / f"{state}.svg"
    if renew_pictures:
        kept.write_text(drawn(state), encoding="utf-8")
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    change = list(
        difflib.unified_diff(
            before.splitlines(), drawn(state).splitlines(), "kept", "now", "", "", n=1, lineterm=""
        )
    )
    assert not change, "\n".join([f"{kept.name} is drawn otherwise now (make pictures):", *change[:60]])


def test_every_kept_picture_is_one_of_a_state() -> None:
    assert {each.stem for each in PICTURES.glob("*.svg")} == set(STATES)


def test_a_diff_of_two_drawings_names_the_element_that_moved() -> None:
    """The pictures are of use only if they are short of noise: a point a line, pixels to one decimal."""
    lines = drawn("stage-2").splitlines()
    assert max(map(len, lines)) < 700
    assert sum("course-dot" in line for line in lines) == 4


def test_not_steady_egfr_has_another_shape_than_a_steady_one() -> None:
    assert 'class="lane-dot lane-dot--hollow"' in drawn("stage-2")


def test_ordered_given_and_unknown_ends_are_told_apart_by_shape() -> None:
    picture = drawn("stage-2")
    assert 'class="span span--ordered"' in picture
    assert 'class="span span--dose"' in picture
    assert 'class="span span--given"' in drawn("after-surgery")
    assert 'class="span-open span-open--ordered"' in picture


def test_on_maintenance_dialysis_no_egfr_is_drawn() -> None:
    assert "lane--egfr" not in drawn("dialysis")
    assert isinstance(STATES["dialysis"][0], NotApplicable)
    assert isinstance(STATES["stage-2"][0], Assessment)
