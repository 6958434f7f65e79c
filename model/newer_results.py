"""A creatinine newer than the one used, that could not be used: nobody may take the older one for the latest."""

from datetime import datetime
from typing import Final

from model.analytes import Analyte
from model.assessment import Reason
from model.sentences import Sentence
from model.snapshot import Measurement, PatientSnapshot

#: Refusals of what is no result: withdrawn, not done, without a value, or displaced by another of its instant.
_NO_RESULT: Final = frozenset(
    {"entered-in-error", "cancelled", "registered", "value-missing", "value-absent", "conflict", "displaced"}
)


def newer_creatinine_not_used(
    snapshot: PatientSnapshot, latest: Measurement | None, now: datetime
) -> tuple[Reason, ...]:
    """The reason, if a refused creatinine was taken after `latest`, the last one used; of several the newest."""
    refused = [
        (one.at, one.reason)
        for one in snapshot.rejected
        if one.analyte is Analyte.CREATININE and one.code not in _NO_RESULT
        if one.at is not None and one.at <= now and (latest is None or one.at > latest.at)
    ]
    if not refused:
        return ()
    why = max(refused, key=lambda found: found[0])[1]
    if latest is None:
        text = Sentence("A creatinine result is there, but could not be used: {why}", why=why)
    else:
        text = Sentence(
            "A newer creatinine result could not be used; what is said here rests on the one before: {why}",
            why=why,
        )
    return (Reason("newer_creatinine_not_used", text),)
