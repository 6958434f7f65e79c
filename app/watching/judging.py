"""One month of one site judged: how many, how well, for whom, on which inputs, and what follows from it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from app.watching.drift import MIN_PATIENTS, InputCounts, InputDrift, count_inputs, drift_of
from app.watching.inputs import Tenths
from app.watching.records import MonthKey, Months, Record
from app.watching.statistics import (
    CannotSay,
    Judged,
    Statistic,
    auroc,
    brier,
    calibration_slope,
    flagged_share,
    observed_over_expected,
    positive_predictive_value,
)
from model.follow_up import HORIZON, LATE_RESULTS

SAFETY_WINDOW: Final = timedelta(days=30)
_STATISTICS: Final[Mapping[str, Callable[[Sequence[Judged]], Statistic]]] = {
    "observed_over_expected": observed_over_expected,
    "calibration_slope": calibration_slope,
    "auroc": auroc,
    "brier": brier,
    "ppv": positive_predictive_value,
}


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Part of a month's patients."""

    name: str
    predictions: int
    events: int
    observed_over_expected: Statistic
    auroc: Statistic


@dataclass(frozen=True, slots=True)
class Safety:
    """Patients of the month who died or were dialysed within 30 days of a prediction, as far as that was fed."""

    patients: int
    died: int
    dialysed: int
    flagged_patients: int
    flagged_died: int
    flagged_dialysed: int


@dataclass(frozen=True, slots=True)
class JudgedMonth:
    """Everything said of a month. `outcomes` counts predictions by what is known of their outcome."""

    key: MonthKey
    predictions: int
    patients: int
    outcomes: Mapping[str, int]
    statistics: Mapping[str, Statistic]
    alert_rate: Statistic
    lead_time_hours: float | None
    subgroups: tuple[Subgroup, ...]
    safety: Safety
    refused_unit_share: float
    refused_unit_share_at_start: float | None
    drift: tuple[InputDrift, ...] | CannotSay
    start_months: tuple[str, ...] = field(default=())

    @property
    def known(self) -> int:
        """Predictions whose outcome is known."""
        return self.outcomes.get("event", 0) + self.outcomes.get("no-event", 0)


def judge(
    months: Months, tenths_of: Callable[[MonthKey], Sequence[Tenths]], *, now: datetime
) -> list[JudgedMonth]:
    """Every month, each against the first months of the same site, head and model."""
    starts: dict[tuple[str, ...], _Start] = {}
    found = []
    for key, records in months.items():
        start = starts.setdefault((key.site, key.head, key.model_sha256), _Start(tenths_of(key)))
        found.append(_judge_month(key, records, start, now))
        start.take(key.month, records)
    return found


class _Start:
    """The site's first months with a model, until they hold patients enough to compare with."""

    def __init__(self, tenths: Sequence[Tenths]) -> None:
        self.tenths = tenths
        self.months: tuple[str, ...] = ()
        self.counts: InputCounts | None = None  # once there are enough
        self._records: list[Record] = []

    def take(self, month: str, records: Sequence[Record]) -> None:
        """Add a month while there are too few."""
        if self.counts is not None:
            return
        self._records += records
        self.months = (*self.months, month)
        counts = _counted(self._records, self.tenths)
        if counts.patients >= MIN_PATIENTS:
            self.counts = counts


def _judge_month(key: MonthKey, records: Sequence[Record], start: _Start, now: datetime) -> JudgedMonth:
    judged = [found for one in records if (found := one.judged) is not None]
    counts, before = _counted(records, start.tenths), start.counts
    as_judged = [Judged(one.patient, one.probability, one.flagged, event=False) for one in records]
    return JudgedMonth(
        key=key,
        predictions=len(records),
        patients=len({one.patient for one in records}),
        outcomes=Counter(_outcome(one, now) for one in records),
        statistics={name: statistic(judged) for name, statistic in _STATISTICS.items()},
        alert_rate=flagged_share(as_judged),
        lead_time_hours=_lead_time(records),
        subgroups=_subgroups(records),
        safety=_safety(records),
        refused_unit_share=_refused_share(counts, records),
        refused_unit_share_at_start=before.refused_units / before.predictions if before else None,
        drift=_drift(counts, before, start.tenths),
        start_months=start.months if before else (),
    )


def _outcome(record: Record, now: datetime) -> str:
    """A prediction nobody came back to is unknown, not still open."""
    overdue = record.outcome == "pending" and now >= record.predicted_at + HORIZON + LATE_RESULTS
    return "unknown" if overdue else record.outcome


def _lead_time(records: Sequence[Record]) -> float | None:
    """Median hours from a flagged prediction to its event."""
    hours = [
        (one.event_at - one.predicted_at) / timedelta(hours=1)
        for one in records
        if one.flagged and one.outcome == "event" and one.event_at is not None
    ]
    return median(hours) if hours else None


def _subgroups(records: Sequence[Record]) -> tuple[Subgroup, ...]:
    names: dict[str, list[Record]] = {}
    for one in records:
        for name in (one.inputs.sex, one.inputs.age_band) if one.inputs else ():
            names.setdefault(name or "unknown", []).append(one)
    return tuple(_subgroup(name, names[name]) for name in sorted(names))


def _subgroup(name: str, records: Sequence[Record]) -> Subgroup:
    judged = [found for one in records if (found := one.judged) is not None]
    events = sum(one.event for one in judged)
    return Subgroup(name, len(records), events, observed_over_expected(judged), auroc(judged))


def _safety(records: Sequence[Record]) -> Safety:
    def patients(of: Callable[[Record], bool]) -> int:
        return len({one.patient for one in records if of(one)})

    return Safety(
        patients=patients(lambda _: True),
        died=patients(lambda one: one.died_at is not None),
        dialysed=patients(lambda one: one.dialysis_at is not None),
        flagged_patients=patients(lambda one: one.flagged),
        flagged_died=patients(lambda one: one.flagged and one.died_at is not None),
        flagged_dialysed=patients(lambda one: one.flagged and one.dialysis_at is not None),
    )


def _counted(records: Sequence[Record], tenths: Sequence[Tenths]) -> InputCounts:
    rows = [(one.patient, one.inputs.levels, one.refused_units) for one in records if one.inputs]
    return count_inputs(rows, tenths)


def _refused_share(counts: InputCounts, records: Sequence[Record]) -> float:
    if counts.predictions:
        return counts.refused_units / counts.predictions
    return sum(one.refused_units > 0 for one in records) / len(records)


def _drift(
    counts: InputCounts, before: InputCounts | None, tenths: Sequence[Tenths]
) -> tuple[InputDrift, ...] | CannotSay:
    if not tenths:
        return CannotSay("the inputs were kept for another model than the one installed")
    if counts.patients < MIN_PATIENTS:
        return CannotSay(f"inputs of {counts.patients} patients; {MIN_PATIENTS} are needed")
    return tuple(drift_of(counts, before, tenths))
