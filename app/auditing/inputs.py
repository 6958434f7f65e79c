"""Which entries of the chart an answer rests on, for the audit trail: references only, never a value."""

from collections.abc import Iterator
from typing import Final

from model.analytes import Analyte
from model.assessment import Assessment, Outcome
from model.snapshot import PatientSnapshot

MOST_REFERENCES: Final = 60
_STAGED_AGAINST: Final = 12


def input_references(snapshot: PatientSnapshot, outcome: Outcome) -> tuple[str, ...]:
    """The newest creatinines and whatever moved the risk, in the order used, each once."""
    found = dict.fromkeys(_references(snapshot, outcome))
    return tuple(found)[:MOST_REFERENCES]


def unread_parts(snapshot: PatientSnapshot) -> tuple[str, ...]:
    """What was asked of the EHR and not answered whole, as `part: code`."""
    return tuple(sorted({f"{part.part}: {part.code}" for part in (*snapshot.incomplete, *snapshot.not_read)}))


def _references(snapshot: PatientSnapshot, outcome: Outcome) -> Iterator[str]:
    for measurement in reversed(snapshot.series.get(Analyte.CREATININE, ())[-_STAGED_AGAINST:]):
        if measurement.source:
            yield measurement.source
    if isinstance(outcome, Assessment):
        for prediction in (outcome.risk, outcome.progression):
            for contribution in prediction.contributions if prediction else ():
                if contribution.source:
                    yield contribution.source
