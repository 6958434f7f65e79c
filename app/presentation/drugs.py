"""The panel "Drugs": active drugs that can harm kidneys or depend on them, with the question each one raises.

What a drug does is the clinical core's knowledge; here it only becomes words. A question, never an order (REG-12).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from app.presentation.wording import short_moment
from model.assessment import Outcome
from model.snapshot import Medication, PatientSnapshot


class DrugNote(Protocol):
    """What is known of one active drug and kidneys."""

    @property
    def medication(self) -> Medication:
        """The order or administration it is about."""

    @property
    def is_nephrotoxic(self) -> bool:
        """Whether it can harm the kidneys; otherwise it depends on them."""

    @property
    def reason(self) -> str:
        """One sentence: why it is listed."""

    @property
    def question(self) -> str:
        """What to ask of it now: dose, level, alternative."""


class DrugNotes(Protocol):
    """Where the notes come from."""

    def __call__(self, snapshot: PatientSnapshot, outcome: Outcome) -> tuple[DrugNote, ...]:
        """The notes on the drugs active at the assessment, the weightiest first."""


@dataclass(frozen=True, slots=True)
class DrugRow:
    """One drug in the list."""

    name: str
    kind: str
    is_nephrotoxic: bool
    since: str
    reason: str
    question: str
    source: str


@dataclass(frozen=True, slots=True)
class DrugsPanel:
    """`active` counts every active drug of the chart, so an empty list is not read as "takes nothing"."""

    rows: tuple[DrugRow, ...]
    active: int
    words: str

    @property
    def harmful(self) -> tuple[str, ...]:
        """Names of the drugs that can harm kidneys, each once."""
        return tuple(dict.fromkeys(row.name for row in self.rows if row.is_nephrotoxic))


def drugs_panel(
    outcome: Outcome, snapshot: PatientSnapshot, zone: ZoneInfo, notes_on: DrugNotes | None
) -> DrugsPanel:
    """The active drugs with something to ask about. Without `notes_on` nothing is judged, and that is said."""
    now = outcome.assessed_at
    active = [m for m in snapshot.medications if is_active(m, now)]
    if notes_on is None:
        words = f"Drugs are not judged by this version. Active on the chart: {len(active)}."
        return DrugsPanel((), len(active), words)
    rows = tuple(_row(note, zone) for note in notes_on(snapshot, outcome))
    return DrugsPanel(rows, len(active), _words(snapshot, len(active), len(rows)))


def is_active(medication: Medication, now: datetime) -> bool:
    """Active by the chart's word, and within the dates it gives."""
    started = medication.start_at is None or medication.start_at <= now
    ended = medication.end_at is not None and medication.end_at < now
    return medication.active is True and started and not ended


def _row(note: DrugNote, zone: ZoneInfo) -> DrugRow:
    drug = note.medication
    return DrugRow(
        name=drug.text,
        kind="can harm kidneys" if note.is_nephrotoxic else "leaves by the kidneys",
        is_nephrotoxic=note.is_nephrotoxic,
        since=short_moment(drug.start_at, zone) if drug.start_at else "",
        reason=note.reason,
        question=note.question,
        source=drug.source,
    )


def _words(snapshot: PatientSnapshot, active: int, listed: int) -> str:
    if any("medication" in gap.part for gap in snapshot.incomplete):
        return "The drugs could not be read whole: this list may miss some."
    if not active:
        return "The chart holds no active drug."
    of = f"of {active} active drug{'s' if active != 1 else ''} on the chart"
    return f"{listed} {of}." if listed else f"None {of} was recognised as one that harms or depends on kidneys."
