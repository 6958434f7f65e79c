"""The panel "Drugs": active drugs that concern the kidneys, with the question each one raises.

What a drug does is the clinical core's knowledge; here it only becomes words. A question, never an order (REG-12).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from app.presentation.wording import Wording
from model.assessment import Outcome
from model.sentences import Sentence
from model.snapshot import Medication, PatientSnapshot

_HARMS: Final = Sentence("can harm kidneys")
_DOSED: Final = Sentence("dosed by kidney function")
_TO_REVIEW: Final = Sentence("to review in acute illness")
_BY_NAME: Final = Sentence("by its name only")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know about a drug now: a title that names it, and a sentence or two."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class DrugNote:
    """What is known of one active drug and kidneys. Without remarks it is only named.

    A drug may harm kidneys and be dosed by them; `is_to_review` in acute illness: often paused then.
    `by_name`: the order's words name it, but no code says so; nothing more is concluded from that.
    """

    medication: Medication
    short_name: str
    harms: bool
    is_dosed: bool = False
    is_to_review: bool = False
    by_name: bool = False
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class DrugFindings:
    """The notes, the weightiest first, and how many active drugs nobody could recognise."""

    notes: tuple[DrugNote, ...]
    unrecognised: int = 0


class DrugNotes(Protocol):
    """Where the notes come from."""

    def __call__(self, snapshot: PatientSnapshot, outcome: Outcome) -> DrugFindings:
        """The notes on the drugs active at the assessment."""


@dataclass(frozen=True, slots=True)
class DrugRow:
    """One drug in the list: `order` is what the chart calls it."""

    name: str
    order: str
    kind: str
    harms: bool
    is_dosed: bool
    is_to_review: bool
    since: str
    remarks: tuple[Remark, ...]
    source: str


@dataclass(frozen=True, slots=True)
class DrugsPanel:
    """`active` counts every active order, so an empty list is not read as "takes nothing".

    Unless `is_complete`, some drug could not be read or recognised.
    """

    rows: tuple[DrugRow, ...]
    active: int
    words: str
    is_complete: bool = True

    @property
    def harmful(self) -> tuple[str, ...]:
        """Names of the drugs that can harm kidneys, each once."""
        return _names(row for row in self.rows if row.harms)

    @property
    def dosed(self) -> tuple[str, ...]:
        """Names of the drugs whose dose follows kidney function."""
        return _names(row for row in self.rows if row.is_dosed)

    @property
    def to_review(self) -> tuple[str, ...]:
        """Names of the drugs that are often paused in acute illness."""
        return _names(row for row in self.rows if row.is_to_review)


def _names(rows: Iterable[DrugRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.name for row in rows))


def drugs_panel(
    outcome: Outcome, snapshot: PatientSnapshot, say: Wording, notes_on: DrugNotes | None
) -> DrugsPanel:
    """The active drugs with something to ask about. Without `notes_on` nothing is judged, and that is said."""
    now = outcome.assessed_at
    active = [m for m in snapshot.medications if is_active(m, now)]
    if notes_on is None:
        words = say.gettext(
            "Drugs are not judged by this version. Active on the chart: {count}.", count=len(active)
        )
        return DrugsPanel((), len(active), words, is_complete=False)
    found = notes_on(snapshot, outcome)
    rows = tuple(_row(note, say) for note in found.notes)
    complete = not found.unrecognised and not _is_unread(snapshot)
    words = _words(snapshot, len(active), len(rows), found.unrecognised, say)
    return DrugsPanel(rows, len(active), words, complete)


def is_active(medication: Medication, now: datetime) -> bool:
    """Active by the chart's word, and within the dates it gives."""
    started = medication.start_at is None or medication.start_at <= now
    ended = medication.end_at is not None and medication.end_at < now
    return medication.active is True and started and not ended


def _row(note: DrugNote, say: Wording) -> DrugRow:
    drug = note.medication
    return DrugRow(
        name=note.short_name,
        order="" if drug.text.casefold() == note.short_name.casefold() else drug.text,
        kind=_kind(note, say),
        harms=note.harms,
        is_dosed=note.is_dosed,
        is_to_review=note.is_to_review,
        since=say.moment(drug.start_at) if drug.start_at else "",
        remarks=tuple(Remark(say.sentence(r.title), say.sentence(r.text)) for r in note.remarks),
        source=drug.source,
    )


def _kind(note: DrugNote, say: Wording) -> str:
    kinds = [words for words, holds in ((_HARMS, note.harms), (_DOSED, note.is_dosed)) if holds]
    kinds += [_TO_REVIEW] if note.is_to_review and not kinds else []
    kinds += [_BY_NAME] if note.by_name else []
    return ", ".join(say.sentence(words) for words in kinds)


def _words(snapshot: PatientSnapshot, active: int, listed: int, unrecognised: int, say: Wording) -> str:
    said = []
    orders = say.ngettext("{count} active order", "{count} active orders", active)
    if unrecognised:
        said += [say.gettext("{count} of {orders} could not be recognised.", count=unrecognised, orders=orders)]
        said += [_known_words(listed, say.gettext("the others"), say)]
    elif active:
        said += [_known_words(listed, orders, say)]
    if _is_unread(snapshot):
        said += [say.gettext("The drugs could not be read whole: some may be missing.")]
    return " ".join(said) or say.gettext("The chart holds no active drug.")


def _known_words(listed: int, orders: str, say: Wording) -> str:
    if not listed:
        return say.gettext("None of {orders} is known to concern the kidneys.", orders=orders)
    return say.ngettext(
        "{count} of {orders} concerns the kidneys.",
        "{count} of {orders} concern the kidneys.",
        listed,
        orders=orders,
    )


def _is_unread(snapshot: PatientSnapshot) -> bool:
    return any("medication" in gap.part for gap in snapshot.incomplete)
