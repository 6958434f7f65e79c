"""Holding cards back: what the place or a site's policy leaves unsaid, and why. Table: tests/spec/cds/silence.txt.

A card comes here finished, so that one held back is recorded as exactly as one shown. A rule that cannot be judged
lets the card through, and nothing here hides what could not be read.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from cds_hooks.answers import Answer, Withheld
from cds_hooks.cards import Card
from cds_hooks.case import Case
from cds_hooks.decision import CardKind, CardPolicy, Indicator
from cds_hooks.errors import HistoryUnavailable
from cds_hooks.record import ShownBefore

ON_OPENING: Final = frozenset({CardKind.STAGE, CardKind.NOT_RECOVERED, CardKind.RISK})
ABOUT_AKI_NOW: Final = frozenset({CardKind.STAGE, CardKind.NOT_RECOVERED})
NOT_ABOUT_ORDERS: Final = frozenset(
    {*ON_OPENING, CardKind.NO_RISK_ESTIMATE, CardKind.NOT_ASSESSED, CardKind.DISCHARGE}
)
#: Without a model every chart would raise the same card. It is said once a day for each patient; in between the
#: answer itself says it, for empty cards alone would read as "no risk" (RISK_NOT_COMPUTED).
WITHOUT_MODEL_HOURS: Final = 24.0
RISK_NOT_COMPUTED: Final = "risk-not-computed"
#: After an override a card comes back when the score rose by this, or the stage, or the loudness.
SCORE_ROSE_BY: Final = 0.10
_LOUDNESS: Final = {Indicator.INFO: 0, Indicator.WARNING: 1, Indicator.CRITICAL: 2}

_log = logging.getLogger(__name__)


LookBack = Callable[[datetime], Sequence[ShownBefore]]
"""The cards shown about this patient since then, to this user or to anybody. Raises HistoryUnavailable."""


def hold_back(answer: Answer, policy: CardPolicy, look_back: LookBack, now: datetime) -> Answer:
    """The answer with its cards parted into those to show and those the policy asks to leave unsaid."""
    if not answer.cards or answer.case is None:
        return answer
    before = _shown_before(answer.cards, answer.case, policy, look_back, now)
    judged = [(card, silence_of(card, answer.case, policy, before, now)) for card in answer.cards]
    return _parted(answer, judged)


def hold_all_back(answer: Answer, reason: str) -> Answer:
    """The answer with no card left to show: decided and recorded, not sent."""
    return _parted(answer, [(card, reason) for card in answer.cards])


def _parted(answer: Answer, judged: Sequence[tuple[Card, str | None]]) -> Answer:
    withheld = tuple(Withheld(card, reason) for card, reason in judged if reason is not None)
    if not withheld:
        return answer
    shown = tuple(card for card, reason in judged if reason is None)
    reason = None if shown else withheld[0].reason
    mode = RISK_NOT_COMPUTED if reason == RISK_NOT_COMPUTED else answer.mode
    return replace(answer, cards=shown, withheld=(*answer.withheld, *withheld), reason=reason, mode=mode)


def silence_of(
    card: Card, case: Case, policy: CardPolicy, before: Sequence[ShownBefore], now: datetime
) -> str | None:
    """Why a card is left unsaid (a stable code, recorded), or None. A critical card is never left unsaid."""
    if card.indicator is Indicator.CRITICAL:
        return None
    rules = {
        # The model was made for adults in hospital, and no clinic can watch creatinine for 48 hours.
        "outpatient": card.kind is CardKind.RISK and case.at_a_visit,
        "dialysis": policy.silent_on_dialysis and _concerns_kidneys_at_work(card.kind) and case.on_dialysis,
        "creatinine-stale": card.kind in ON_OPENING and _is_stale(case, policy),
        "falling": policy.silent_when_falling and card.kind is CardKind.STAGE and _is_mild_and_falling(case),
        "acknowledged": policy.silent_when_acknowledged and card.kind in ABOUT_AKI_NOW and _is_in_hand(case),
        "overridden": _was_overridden(card, case, policy, before, now),
        RISK_NOT_COMPUTED: _is_for_want_of_a_model(card, case) and _was_said(card, case, policy, before, now),
        "shown-before": _was_said(card, case, policy, before, now),
    }
    return next((reason for reason, holds in rules.items() if holds), None)


def _concerns_kidneys_at_work(kind: CardKind) -> bool:
    """Of stage and orders; not of discharge, nor of what could not be assessed."""
    return kind is CardKind.STAGE or kind not in NOT_ABOUT_ORDERS


def _is_stale(case: Case, policy: CardPolicy) -> bool:
    limit, age = policy.silent_after_creatinine_hours, case.creatinine_age_hours
    return limit is not None and age is not None and age > limit


def _is_mild_and_falling(case: Case) -> bool:
    return case.stage == 1 and case.course == "falling" and not case.likely_worse


def _is_in_hand(case: Case) -> bool:
    return case.acknowledged and case.course in {"stable", "falling"} and not case.likely_worse


def _is_for_want_of_a_model(card: Card, case: Case) -> bool:
    return card.kind is CardKind.NO_RISK_ESTIMATE and case.without_model


def _was_said(card: Card, case: Case, policy: CardPolicy, before: Sequence[ShownBefore], now: datetime) -> bool:
    """Whether this was said within the topic's hours."""
    hours = _window_hours(card, case, policy)
    return any(_says_as_much(one, card, case, hours, now) for one in before)


def _was_overridden(
    card: Card, case: Case, policy: CardPolicy, before: Sequence[ShownBefore], now: datetime
) -> bool:
    """Whether this was overridden, with a reason, within the hours the site gives, and has not got worse."""
    hours = policy.silence_after_override_hours.get(card.kind, 0.0)
    overridden = (one for one in before if one.overridden and not _has_risen(case.score, one.score))
    return any(_says_as_much(one, card, case, hours, now) for one in overridden)


def _has_risen(score: float | None, before: float | None) -> bool:
    return score is not None and (before is None or score >= before + SCORE_ROSE_BY)


def _window_hours(card: Card, case: Case, policy: CardPolicy) -> float:
    default = WITHOUT_MODEL_HOURS if _is_for_want_of_a_model(card, case) else 0.0
    return policy.silence_hours.get(card.kind, default)


def _says_as_much(earlier: ShownBefore, card: Card, case: Case, hours: float, now: datetime) -> bool:
    """Whether another call's card said this within so many hours, at this stage or higher and as loudly."""
    return (
        hours > 0
        and earlier.kind is card.kind
        and earlier.uuid != card.uuid  # a call that is tried again gets its card again
        and now - timedelta(hours=hours) <= earlier.at
        and (earlier.stage or 0) >= (case.stage or 0)
        and _LOUDNESS[earlier.indicator] >= _LOUDNESS[card.indicator]
    )


def _shown_before(
    cards: Sequence[Card], case: Case, policy: CardPolicy, look_back: LookBack, now: datetime
) -> Sequence[ShownBefore]:
    """Asked only where a window applies. A record that cannot be read says nothing: the card is shown."""
    after_override = policy.silence_after_override_hours
    windows = ((_window_hours(card, case, policy), after_override.get(card.kind, 0.0)) for card in cards)
    hours = max((hours for pair in windows for hours in pair), default=0.0)
    if not hours:
        return ()
    try:
        return look_back(now - timedelta(hours=hours))
    except HistoryUnavailable:
        _log.warning("cds cards shown before cannot be read: silence windows do not apply to this call")
        return ()
