"""Drugs that can harm kidneys on the course: a row for each class; outlined bars are orders, solid ticks doses and
solid bars infusions that were given.

An order is no administration: what is known of each is said. An end the chart does not give is shown as unknown.
Contrast that was given is an event (`event_lane`); ordered, it stands here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.chart import Span, SpanLane
from app.presentation.lane_words import LanesShown, LaneTable, LaneWindow, joined
from app.presentation.wording import Wording
from model.drug_table import Ingredient
from model.drugs import DrugFacts, Recognition, recognise
from model.sentences import Sentence
from model.snapshot import DrugGiven, Medication, PatientSnapshot

#: Classes of several drugs; a drug of any other class stands under its own name.
_CLASS_WORDS: Final = {
    "aminoglycoside": Sentence("Aminoglycoside"),
    "antiviral": Sentence("Antiviral"),
    "bisphosphonate": Sentence("Bisphosphonate"),
    "calcineurin": Sentence("Calcineurin inhibitor"),
    "contrast": Sentence("Iodinated contrast"),
    "nsaid": Sentence("NSAID"),
    "polymyxin": Sentence("Polymyxin"),
}
_DRAWN_LAST: Final = ("ordered", "given", "dose")
_PARTS: Final = ("medications", "recent_medications")
_GIVEN: Final = "drugs_given"


@dataclass(frozen=True, slots=True)
class _Exposure:
    """One order, or one drug `given`, under the class it counts to."""

    medication: Medication
    group: str
    by_name: bool
    given: DrugGiven | None = None

    @property
    def kind(self) -> str:
        if self.given is None:
            return "ordered"
        return "dose" if self.is_moment else "given"

    @property
    def is_moment(self) -> bool:
        """Given once, at one time."""
        drug = self.medication
        return self.given is not None and not self.given.running and drug.end_at in (None, drug.start_at)


def exposure_shown(snapshot: PatientSnapshot, window: LaneWindow) -> LanesShown:
    """The rows and the table of drugs that can harm kidneys, as far as they reach into the window."""
    found = [one for one in _exposures(snapshot) if _is_shown(one, window)]
    groups = sorted({one.group for one in found}, key=str.casefold)
    lanes = tuple(_lane(group, [one for one in found if one.group == group], window) for group in groups)
    return LanesShown(lanes, _table(found, snapshot, window))


def _exposures(snapshot: PatientSnapshot) -> Iterator[_Exposure]:
    known: dict[Medication, DrugFacts] = {}
    drugs = [(drug, None) for drug in snapshot.medications] + [(one.drug, one) for one in snapshot.given]
    for drug, given in drugs:
        facts = _facts(drug, known)
        by_name = facts.recognition is Recognition.NAME_ONLY
        for group in dict.fromkeys(_group(one) for one in facts.ingredients if one.nephrotoxic):
            yield _Exposure(drug, group, by_name, given)


def _facts(drug: Medication, known: dict[Medication, DrugFacts]) -> DrugFacts:
    """Which drug it is: worked out once for all doses of it, of which intensive care charts hundreds."""
    same = Medication(drug.text, drug.codes, "", drug.route)
    if same not in known:
        known[same] = recognise(same)
    return known[same]


def _group(ingredient: Ingredient) -> str:
    known = sorted(ingredient.classes & _CLASS_WORDS.keys())
    return _CLASS_WORDS[known[0]] if known else ingredient.name.capitalize()


def _is_shown(one: _Exposure, window: LaneWindow) -> bool:
    drug = one.medication
    if drug.start_at is None and drug.end_at is None and drug.active is not True:
        return False  # nothing says when
    return window.shows(drug.start_at, drug.start_at if one.is_moment else drug.end_at)


def _lane(group: str, found: list[_Exposure], window: LaneWindow) -> SpanLane:
    facts = {"drug": window.say.sentence(group)}
    ordered, given = any(one.given is None for one in found), any(one.given for one in found)
    if not ordered:
        name = window.say.gettext("{drug}, given", **facts)
    elif not given:
        name = window.say.gettext("{drug}, ordered", **facts)
    else:
        name = window.say.gettext("{drug}, ordered and given", **facts)
    spans = sorted((_span(one, window) for one in found), key=lambda span: _DRAWN_LAST.index(span.kind))
    return SpanLane("drug", name, tuple(spans), window.read_from("recent_medications" if ordered else _GIVEN))


def _span(one: _Exposure, window: LaneWindow) -> Span:
    """Where the order is active it reaches to now; where it is not and gives no end, the end is not known."""
    drug, end = one.medication, one.medication.end_at
    if one.is_moment:
        end = drug.start_at
    elif end is None and drug.active is True:
        end = window.end
    label = ", ".join(_cells(one, window)[:4])
    return Span(drug.start_at, end, one.kind, label)


def _cells(one: _Exposure, window: LaneWindow) -> tuple[str, ...]:
    drug, say = one.medication, window.say
    known = say.gettext("ordered") if one.given is None else _given_words(one.given, say)
    if one.by_name:
        known = say.gettext("{known}, recognised by its name only", known=known)
    start = window.moment(drug.start_at) if drug.start_at else say.gettext("start not known")
    return (drug.text or say.sentence(one.group), known, start, _end_words(one, window), drug.source)


def _given_words(given: DrugGiven, say: Wording) -> str:
    """ "given, 1000 mg, IV"."""
    known = say.gettext("given, stopped early") if given.stopped_early else say.gettext("given")
    dose = ""
    if given.dose is not None:
        amount = say.marked(f"{given.dose:.2f}".rstrip("0").rstrip("."))
        dose = f"{amount} {given.dose_unit}".strip()
    return ", ".join(part for part in (known, dose, given.drug.route) if part)


def _end_words(one: _Exposure, window: LaneWindow) -> str:
    drug, say = one.medication, window.say
    if one.is_moment:
        return say.gettext("at that time")
    if drug.end_at is not None:
        return window.moment(drug.end_at)
    return say.gettext("still active") if drug.active is True else say.gettext("end not known")


def _table(found: list[_Exposure], snapshot: PatientSnapshot, window: LaneWindow) -> LaneTable:
    say = window.say
    rows = tuple(_cells(one, window) for one in found)
    said = [say.gettext("Ordered is not given.") if rows else say.gettext("None known in this window.")]
    if read_from := window.read_from("recent_medications"):
        said += [say.gettext("Orders that ended are read back to {day}.", day=say.day(read_from))]
    if reason := window.reason_not_read(snapshot, _GIVEN):
        said += [say.gettext("Whether an ordered drug was given could not be read: {reason}", reason=reason)]
    elif read_from := window.read_from(_GIVEN):
        said += [say.gettext("Doses given are read back to {day}.", day=say.day(read_from))]
    columns = (
        say.gettext("Drug"),
        say.gettext("What is known"),
        say.gettext("From"),
        say.gettext("To"),
        say.gettext("Source"),
    )
    title = say.gettext("Drugs that can harm kidneys")
    return LaneTable(title, columns, rows, joined(*said, window.read_words(snapshot, *_PARTS)))
