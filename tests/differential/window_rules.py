"""The creatinine rules of other implementations, told as departures from ours, to find what causes a disagreement.

A cause is found by rule: starting from all departures of an implementation, they are taken back one after the
other. Each step that changes the answer is a cause. The first answer must be what the program really printed and
the last one what our engine says; otherwise the point is unexplained.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tests.builders import naive_staging
from tests.differential.courses import CreatinineSeries, Entry, Number
from tests.differential.rederivation import our_stages

AGREE, UNEXPLAINED = "agree", "unexplained"
HOUR, DAY = 60, 1440


@dataclass(frozen=True)
class Rules:
    """How an implementation stages; the defaults are ours but for the references of more than 7 days ago."""

    ceiling: str = "within AKI"  # 4.0 mg/dL: "within AKI", "always" or "never"
    filled_hours: int = 0  # a value stands in for this many empty hours after it
    hourly: bool = False  # values are averaged in clock hours
    far_end_open: bool = False  # exactly 48 h or 7 d ago is too old
    padding: int = 0  # minutes added to both windows
    own_reference: bool = False  # the value itself is in the windows, so a first value is stage 0
    long_term: bool = True  # the median of 8 to 365 days is a reference


@dataclass(frozen=True)
class Departure:
    """One way in which an implementation differs from us: its name, and the rule that takes it back."""

    cause: str
    taken_back: dict[str, object]


@dataclass(frozen=True)
class Implementation:
    """All departures of an implementation, in the order they are taken back."""

    rules: Rules
    departures: tuple[Departure, ...]


NO_LONG_TERM = Departure("no reference older than 7 days", {"long_term": True})
OWN_REFERENCE = Departure(
    "a value is its own reference: a first one is 0, we say nothing", {"own_reference": False}
)

PYAKI = Implementation(
    Rules("always", 72, hourly=True, far_end_open=True, own_reference=True, long_term=False),
    (
        Departure("4.0 mg/dL is stage 3 without AKI", {"ceiling": "within AKI"}),
        Departure("values carried forward up to 72 h lengthen the windows", {"filled_hours": 0}),
        Departure("values averaged in clock hours", {"hourly": False}),
        Departure("exactly 48 h or 7 d ago is too old", {"far_end_open": False}),
        OWN_REFERENCE,
        NO_LONG_TERM,
    ),
)
AKIFLAGGER = Implementation(
    Rules("never", padding=4 * HOUR, own_reference=True, long_term=False),
    (
        Departure("both windows padded by 4 h", {"padding": 0}),
        Departure("no 4.0 mg/dL rule", {"ceiling": "within AKI"}),
        OWN_REFERENCE,
        NO_LONG_TERM,
    ),
)


def stage_by(rules: Rules, series: CreatinineSeries, index: int) -> int | None:
    """The stage of one point by these rules."""
    if rules == Rules():
        thousandths = [(minute, value * 1000) for minute, value in series.points[: index + 1]]
        return naive_staging.kdigo_stage(thousandths, index, series.stays)
    entries = _entries(rules, series.points, index)
    _, value = entries[-1]
    two_days = _lowest(rules, entries, 2 * DAY)
    week = _lowest(rules, entries, 7 * DAY)
    if week is None:
        return None
    stage = sum(value >= times * week for times in (Fraction(3, 2), 2, 3))
    if two_days is not None and value - two_days >= Fraction(3, 10):
        stage = max(stage, 1)
    counts = {"always": True, "within AKI": stage > 0, "never": False}[rules.ceiling]
    return 3 if value >= 4 and counts else stage


def _entries(rules: Rules, points: Sequence[Entry], index: int) -> list[Entry]:
    """The values known at a point, as these rules see them."""
    if not rules.hourly:
        return list(points[: index + 1])
    bins: dict[int, list[Number]] = defaultdict(list)
    current = int(points[index][0] // HOUR)
    for minute, value in points:
        if minute // HOUR > current:
            break
        bins[int(minute // HOUR)].append(value)
    return [(hour * HOUR, Fraction(sum(values)) / len(values)) for hour, values in bins.items()]


def _lowest(rules: Rules, entries: Sequence[Entry], window: int) -> Number | None:
    now = entries[-1][0]
    oldest, lowest = now - window - rules.padding, None
    followers = [minute for minute, _ in entries[1:]] + [now + HOUR]
    for (minute, value), follower in zip(entries, followers, strict=True):
        last = max(minute, min(minute + rules.filled_hours * HOUR, follower - HOUR))
        late_enough = last > oldest if rules.far_end_open else last >= oldest
        if late_enough and (minute < now or rules.own_reference):
            lowest = value if lowest is None else min(lowest, value)
    return lowest


def cause_of(
    implementation: Implementation, series: CreatinineSeries, index: int, theirs: int | None, ours: int | None
) -> str:
    """Why the two answers differ, "agree" or "unexplained"."""
    if theirs == ours:
        return AGREE
    rules = implementation.rules
    answer = stage_by(rules, series, index)
    if answer != theirs:
        return UNEXPLAINED
    causes = []
    for departure in implementation.departures:
        rules = replace(rules, **departure.taken_back)  # type: ignore[arg-type]
        before, answer = answer, stage_by(rules, series, index)
        if answer != before:
            causes.append(departure.cause)
    return " + ".join(causes) if answer == ours and rules == Rules() else UNEXPLAINED


def compare(
    implementation: Implementation,
    all_series: Iterable[CreatinineSeries],
    printed: dict[tuple[str, int], int | None],
) -> Counter[str]:
    """Causes counted over all points; `printed` is what the program said by (series, index)."""
    counts: Counter[str] = Counter()
    for series in all_series:
        for index, ours in enumerate(our_stages(series) if series.points else []):
            theirs = printed[series.name, index]
            counts[cause_of(implementation, series, index, theirs, ours)] += 1
    return counts
