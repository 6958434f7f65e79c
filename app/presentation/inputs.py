"""The panel "Data": how much of the chart was used, what was refused and what could not be read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.presentation.creatinine import known_creatinines
from app.presentation.reasons import unanswered
from app.presentation.wording import Wording
from model.assessment import Outcome
from model.snapshot import PatientSnapshot, Rejected

#: A risk that rests on an older creatinine says little about the next two days (reference/aki.md 3.2).
STALE_AFTER = timedelta(hours=24)
_LISTED = 50
#: A result that is there but not read as a number: what it says is not known, so the page may be behind it.
_VALUE_CODES = (
    "unit", "value-contradicted", "value-not", "value-is-text", "value-implausible", "comparator",
    "preliminary", "status-unknown", "code-unknown",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A piece of the chart that was not used, and why."""

    resource: str
    reason: str


@dataclass(frozen=True, slots=True)
class InputsPanel:
    """`warnings` are what a reader must know before believing the page."""

    used: int
    refused: int
    refused_rows: tuple[RefusedRow, ...]
    refused_summary: tuple[tuple[str, int], ...]
    unread: tuple[str, ...]
    warnings: tuple[str, ...]
    reasons: tuple[str, ...]


def inputs_panel(outcome: Outcome, snapshot: PatientSnapshot, say: Wording) -> InputsPanel:
    """What the outcome rests on."""
    rejected = outcome.inputs.rejected or snapshot.rejected
    not_whole = (*snapshot.incomplete, *snapshot.not_read)
    counted = Counter(say.sentence(r.reason) for r in rejected)
    return InputsPanel(
        used=outcome.inputs.used,
        refused=len(rejected),
        refused_rows=tuple(RefusedRow(r.resource, say.sentence(r.reason)) for r in rejected[:_LISTED]),
        refused_summary=tuple((reason.rstrip(".。"), count) for reason, count in counted.most_common(5)),
        unread=tuple(f"{part_words(i.part, say)}: {say.sentence(i.reason)}" for i in not_whole),
        warnings=tuple(_warnings(outcome, snapshot, rejected, say)),
        reasons=unanswered(outcome, say),
    )


def part_words(part: str, say: Wording) -> str:
    """A query's name as words: "recent medications"."""
    return say.sentence(part.replace("_", " "))


def _warnings(
    outcome: Outcome, snapshot: PatientSnapshot, rejected: tuple[Rejected, ...], say: Wording
) -> Iterator[str]:
    if snapshot.incomplete:
        parts = ", ".join(dict.fromkeys(part_words(i.part, say) for i in snapshot.incomplete))
        yield say.gettext(
            "Part of the chart could not be read ({parts}). What follows may miss something.", parts=parts
        )
    if doubtful := sum(r.code.startswith(_VALUE_CODES) for r in rejected):
        yield say.ngettext(
            "{count} result was not used, for its value, unit, status or code: it may be newer than "
            "what is shown.",
            "{count} results were not used, for their values, units, status or codes: they may be newer than "
            "what is shown.",
            doubtful,
        )
    known = known_creatinines(snapshot, outcome.assessed_at)
    if known and outcome.assessed_at - known[-1].at > STALE_AFTER:
        age = say.duration(outcome.assessed_at - known[-1].at)
        yield say.gettext("The latest creatinine is {age} old. The kidneys may have changed since.", age=age)
    if snapshot.deceased:
        yield say.gettext("The chart records this patient as deceased.")
