"""The panel "Data": how much of the chart was used, what was refused and what could not be read."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from app.presentation.creatinine import known_creatinines
from app.presentation.wording import duration
from model.assessment import Outcome
from model.snapshot import PatientSnapshot

#: A risk that rests on an older creatinine says little about the next two days (reference/aki.md 3.2).
STALE_AFTER = timedelta(hours=24)
_LISTED = 50


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


def inputs_panel(outcome: Outcome, snapshot: PatientSnapshot) -> InputsPanel:
    """What the outcome rests on."""
    rejected = outcome.inputs.rejected or snapshot.rejected
    counted = Counter(r.reason for r in rejected)
    return InputsPanel(
        used=outcome.inputs.used,
        refused=len(rejected),
        refused_rows=tuple(RefusedRow(r.resource, r.reason) for r in rejected[:_LISTED]),
        refused_summary=tuple((reason.rstrip("."), count) for reason, count in counted.most_common(5)),
        unread=tuple(f"{i.part}: {i.reason}" for i in snapshot.incomplete),
        warnings=_warnings(outcome, snapshot),
        reasons=tuple(r.text for r in outcome.reasons if not r.code.startswith("incomplete_")),
    )


def _warnings(outcome: Outcome, snapshot: PatientSnapshot) -> tuple[str, ...]:
    warnings = []
    if snapshot.incomplete:
        parts = ", ".join(dict.fromkeys(i.part for i in snapshot.incomplete))
        warnings.append(f"Part of the chart could not be read ({parts}). What follows may miss something.")
    known = known_creatinines(snapshot, outcome.assessed_at)
    if known and outcome.assessed_at - known[-1].at > STALE_AFTER:
        age = duration(outcome.assessed_at - known[-1].at)
        warnings.append(f"The latest creatinine is {age} old. The kidneys may have changed since.")
    if snapshot.deceased:
        warnings.append("The chart records this patient as deceased.")
    return tuple(warnings)
