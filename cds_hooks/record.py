"""What the record of calls keeps: cards shown and held back, why, at which stage and score. No other value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cds_hooks.case import Case
from cds_hooks.decision import CardKind, Indicator
from cds_hooks.replay import CallToken


@dataclass(frozen=True, slots=True)
class CardShown:
    """A card as the record of a call keeps it."""

    uuid: str
    kind: CardKind
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class CardWithheld:
    """A finished card that was not shown, and why (a stable code)."""

    card: CardShown
    reason: str


@dataclass(frozen=True, slots=True)
class CdsEvent:
    """One authenticated call: who asked about whom, what they were shown, what was held back.

    `reason` says why there was no card: a silence, or the code of a refusal. `case` is absent where no chart was
    assessed; of it only stage and score are stored.
    """

    at: datetime
    ehr_id: str
    service_id: str
    status: int
    hook_instance: str | None = None
    user_id: str | None = None
    patient_id: str | None = None
    encounter_id: str | None = None
    token: CallToken | None = None
    cards: tuple[CardShown, ...] = ()
    withheld: tuple[CardWithheld, ...] = ()
    reason: str | None = None
    case: Case | None = None
    model_sha256: str | None = None
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """A card that was shown about this patient, with the KDIGO stage and the score it was shown at.

    `overridden`: feedback told that it was overridden, and why; a card dismissed without a reason is not.
    """

    uuid: str
    kind: CardKind
    indicator: Indicator
    stage: int | None
    at: datetime
    score: float | None = None
    overridden: bool = False


class CardHistory(Protocol):
    """The cards shown about one patient since a moment, to one user or (None) to anybody.

    Raises HistoryUnavailable.
    """

    def __call__(
        self, *, ehr_id: str, patient_id: str, user_id: str | None, since: datetime
    ) -> Sequence[ShownBefore]: ...


def no_history(
    *,
    ehr_id: str,  # noqa: ARG001
    patient_id: str,  # noqa: ARG001
    user_id: str | None,  # noqa: ARG001
    since: datetime,  # noqa: ARG001
) -> Sequence[ShownBefore]:
    """A record that knows of no card: every one is shown again."""
    return ()
