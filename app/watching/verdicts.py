"""What follows from a judged month, in words: an alarm says what to do, a notice what to bear in mind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from app.watching.drift import InputDrift, share_changed
from app.watching.judging import JudgedMonth
from app.watching.statistics import CannotSay, Estimate

Level = Literal["alarm", "notice"]
#: An alarm needs both: the whole interval beyond the bound, so neither chance nor a trifle.
LOWEST_OBSERVED_OVER_EXPECTED: Final = 0.8
HIGHEST_OBSERVED_OVER_EXPECTED: Final = 1.25
LOWEST_AUROC: Final = 0.65
LOWEST_PPV: Final = 0.2
LARGE_SHIFT_FROM_TRAINING: Final = 1.0
HALF_KNOWN: Final = 0.5
_NAMED_INPUTS: Final = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line. `code` is stable; `command` is what a person may run after deciding, empty for a notice."""

    level: Level
    code: str
    site: str
    month: str
    head: str
    text: str
    command: str = ""


def verdicts_on(month: JudgedMonth) -> list[Verdict]:
    """Every line a month deserves, alarms first."""
    found = [*_calibration(month), *_ranking(month), *_flags(month), *_inputs(month), *_units(month)]
    return [*found, *_coverage(month), *_unlike_training(month)]


def _calibration(month: JudgedMonth) -> Iterator[Verdict]:
    ratio = month.statistics["observed_over_expected"]
    if not isinstance(ratio, Estimate):
        return
    shown = f"observed {ratio.value:.1f} times expected ({ratio.low:.1f}-{ratio.high:.1f})"
    if ratio.low > HIGHEST_OBSERVED_OVER_EXPECTED:
        yield _alarm(
            month, "more-than-expected", f"{shown}: risks are shown too low; recalibrate or withhold them"
        )
    elif ratio.high < LOWEST_OBSERVED_OVER_EXPECTED:
        yield _alarm(
            month,
            "fewer-than-expected",
            f"{shown}: risks are shown too high, or care has prevented what was predicted; look, then recalibrate",
        )


def _ranking(month: JudgedMonth) -> Iterator[Verdict]:
    area = month.statistics["auroc"]
    if isinstance(area, Estimate) and area.high < LOWEST_AUROC:
        text = (
            f"AUROC {area.value:.2f} ({area.low:.2f}-{area.high:.2f}): it hardly tells who is at risk; withhold it"
        )
        yield _alarm(month, "hardly-ranks", text)


def _flags(month: JudgedMonth) -> Iterator[Verdict]:
    ppv = month.statistics["ppv"]
    if isinstance(ppv, Estimate) and ppv.high < LOWEST_PPV:
        shown = f"{100 * ppv.value:.0f} ({100 * ppv.low:.0f}-{100 * ppv.high:.0f})"
        text = f"of 100 flagged patients {shown} had the event"
        yield _alarm(month, "flags-too-many", f"{text}: raise the threshold by recalibrating, or withhold it")


def _inputs(month: JudgedMonth) -> Iterator[Verdict]:
    if isinstance(month.drift, CannotSay):
        return
    moved = [one for one in month.drift if one.has_moved]
    if moved:
        text = (
            f"{len(moved)} inputs lie elsewhere than in {_months(month)}: {_named(moved)}; look for a changed "
            "unit, code, assay or ward before trusting a number"
        )
        yield _alarm(month, "inputs-moved", text)


def _units(month: JudgedMonth) -> Iterator[Verdict]:
    before = month.refused_unit_share_at_start
    if before is None:
        return
    share = month.refused_unit_share
    if share > before and share_changed(share, before, month.patients, month.patients):
        text = (
            f"in {100 * share:.0f} % of charts results were refused for their unit ({100 * before:.0f} % in "
            f"{_months(month)}): the laboratory writes a unit otherwise; see the page's list of refused results"
        )
        yield _alarm(month, "units-refused", text)


def _coverage(month: JudgedMonth) -> Iterator[Verdict]:
    closed = month.known + month.outcomes.get("unknown", 0)
    if closed and month.known / closed < HALF_KNOWN:
        text = (
            f"the outcome of {month.known} of {closed} predictions is known: patients measured again are "
            "the sicker ones, so the figures may look worse than they are; feed results with: aki monitor outcomes"
        )
        yield _notice(month, "few-outcomes", text)


def _unlike_training(month: JudgedMonth) -> Iterator[Verdict]:
    if isinstance(month.drift, CannotSay) or month.start_months:
        return
    unlike = [one for one in month.drift if one.shift_from_training >= LARGE_SHIFT_FROM_TRAINING]
    if unlike:
        ranked = sorted(unlike, key=lambda one: -one.shift_from_training)
        text = f"{len(unlike)} inputs lie far from the training patients from the start: {_named(ranked)}"
        yield _notice(month, "unlike-training", text)


def _named(inputs: list[InputDrift]) -> str:
    more = f" and {len(inputs) - _NAMED_INPUTS} more" if len(inputs) > _NAMED_INPUTS else ""
    return ", ".join(one.label for one in inputs[:_NAMED_INPUTS]) + more


def _months(month: JudgedMonth) -> str:
    first, last = month.start_months[0], month.start_months[-1]
    return first if first == last else f"{first} to {last}"


def _alarm(month: JudgedMonth, code: str, text: str) -> Verdict:
    key = month.key
    command = f'aki site mode {key.site} shadow --reason "{key.month}: under review"'
    return Verdict("alarm", code, key.site, key.month, key.head, text, command)


def _notice(month: JudgedMonth, code: str, text: str) -> Verdict:
    return Verdict("notice", code, month.key.site, month.key.month, month.key.head, text)
