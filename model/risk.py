"""The risk model as data: step functions added up, in log-odds, by plain Python.

A head is one question (onset of AKI, or progression of it). Its score is a base plus, for every feature the
chart can tell, the height of a step function at the feature's value, plus small tables for a few pairs of
features; what is unknown adds nothing.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from model.age import ADULT_AGE_YEARS
from model.analytes import Analyte
from model.assessment import Contribution, Interval, ModelIdentity, Prediction, Reason
from model.explanation import Scored, contributions
from model.familiarity import Familiarity
from model.feature_list import USED_ANALYTES
from model.features import WEEK_HOURS, Chart, Feature, Timeline, View, chart_from_snapshot, feature_values, low
from model.log_odds_curve import LogOddsCurve
from model.sentences import Sentence
from model.snapshot import PatientSnapshot
from model.spread import Spread

RECALIBRATION = "recalibration"  # the feature id of a site's recalibration among the contributions


@dataclass(frozen=True, slots=True)
class Shape:
    """One feature's step function: `log_odds[i]` holds from `edges[i - 1]` (included) to `edges[i]`."""

    feature: Feature
    edges: tuple[float, ...]
    log_odds: tuple[float, ...]

    def level(self, value: float) -> int | None:
        """Which step the value stands on; None when it is unknown."""
        return None if value != value else bisect_right(self.edges, value)

    def at(self, value: float) -> float:
        """The feature's share of the score; nothing when the value is unknown."""
        return 0.0 if value != value else self.log_odds[bisect_right(self.edges, value)]


@dataclass(frozen=True, slots=True)
class PairTable:
    """What two features say together beyond what each says alone; `first`, `second` index the head's shapes."""

    first: int
    second: int
    first_edges: tuple[float, ...]
    second_edges: tuple[float, ...]
    log_odds: tuple[tuple[float, ...], ...]

    def cell(self, first: float, second: float) -> tuple[int, int] | None:
        """Which cell the values meet in; None when either is unknown."""
        if first != first or second != second:
            return None
        return bisect_right(self.first_edges, first), bisect_right(self.second_edges, second)

    def at(self, first: float, second: float) -> float:
        """The pair's share of the score; nothing when either value is unknown."""
        cell = self.cell(first, second)
        return 0.0 if cell is None else self.log_odds[cell[0]][cell[1]]


@dataclass(frozen=True, slots=True)
class Categories:
    """The risks at which "low" ends and "high" begins; `rule` says how they were chosen."""

    moderate: float
    high: float
    rule: str

    def of(self, probability: float) -> str:
        if probability >= self.high:
            return "high"
        return "moderate" if probability >= self.moderate else "low"


@dataclass(frozen=True, slots=True)
class Head:
    """One question the model answers, with everything needed to answer it.

    Without `spread` there is no interval; without `familiarity` nothing is said of unfamiliar patients. A site's
    `recalibration` bends the probability, its interval and its contributions, never `log_odds` itself.
    """

    id: str
    outcome: str
    horizon_hours: int
    base_log_odds: float
    shapes: tuple[Shape, ...]
    pairs: tuple[PairTable, ...]
    categories: Categories
    spread: Spread | None = None
    familiarity: Familiarity | None = None
    recalibration: LogOddsCurve | None = None

    def scored(self, timeline: Timeline, now: float) -> list[Scored]:
        """Every feature with its value and log-odds at hour `now`; a pair's share is halved between its two."""
        values = feature_values([shape.feature for shape in self.shapes], timeline, now)
        heights = [shape.at(value) for shape, value in zip(self.shapes, values, strict=True)]
        for pair in self.pairs:
            half = 0.5 * pair.at(values[pair.first], values[pair.second])
            heights[pair.first] += half
            heights[pair.second] += half
        return [(shape.feature, v, h) for shape, v, h in zip(self.shapes, values, heights, strict=True)]

    def log_odds(self, scored: Sequence[Scored]) -> float:
        """As trained, without a site's recalibration."""
        return self.base_log_odds + math.fsum(item[2] for item in scored)

    def at_site(self, log_odds: float) -> float:
        """Log-odds after the site's recalibration, if there is one."""
        return log_odds if self.recalibration is None else self.recalibration.at(log_odds)

    def probability(self, timeline: Timeline, now: float) -> float:
        """The probability alone, for batches and for replaying golden predictions."""
        return logistic(self.at_site(self.log_odds(self.scored(timeline, now))))

    def standard_error(self, scored: Sequence[Scored]) -> float | None:
        """Of the log-odds, by the replicas; None when the artifact has none."""
        if self.spread is None:
            return None
        values = [item[1] for item in scored]
        levels = [shape.level(value) for shape, value in zip(self.shapes, values, strict=True)]
        cells = [pair.cell(values[pair.first], values[pair.second]) for pair in self.pairs]
        return self.spread.standard_error(levels, cells)

    def interval(self, scored: Sequence[Scored]) -> Interval | None:
        """Around the probability; None when the artifact has no replicas."""
        error = self.standard_error(scored)
        if self.spread is None or error is None:
            return None
        middle, reach = self.log_odds(scored), self.spread.multiplier * error
        low, high = (logistic(self.at_site(end)) for end in (middle - reach, middle + reach))
        return Interval(low, high, self.spread.level, self.spread.method)

    def _contributions(self, scored: Sequence[Scored], chart: Chart) -> tuple[Contribution, ...]:
        """The findings' shares, then what the recalibration adds to or takes from their sum."""
        found = contributions(scored, chart)
        if self.recalibration is None:
            return found
        log_odds = self.log_odds(scored)
        change = self.at_site(log_odds) - log_odds
        label = "Recalibration to this site"
        return (*found, Contribution(RECALIBRATION, label, change, f"{change:+.2f}", "log-odds"))

    def predict(self, chart: Chart) -> Prediction:
        """The probability with its category, its exact contributions, its interval and what to be careful of."""
        scored = self.scored(chart.timeline, 0.0)
        probability = logistic(self.at_site(self.log_odds(scored)))
        return Prediction(
            probability=probability,
            horizon_hours=self.horizon_hours,
            outcome=self.outcome,
            category=self.categories.of(probability),
            threshold=self.categories.high,
            base_log_odds=self.base_log_odds,
            contributions=self._contributions(scored, chart),
            interval=self.interval(scored),
            cautions=() if self.familiarity is None else self.familiarity.cautions(scored),
        )


@dataclass(frozen=True, slots=True)
class Applicability:
    """Whom the model may speak about: what its training patients were like."""

    min_age_years: float = float(ADULT_AGE_YEARS)
    creatinine_window_hours: float = 48.0
    max_lowest_creatinine_mg_dl: float = 4.0


@dataclass(frozen=True, slots=True)
class RiskModel:
    """The bundled model: who it is and the questions it answers. Recalibrated, it speaks up to `expires_on`."""

    identity: ModelIdentity
    applicability: Applicability
    onset_head: Head
    progression_head: Head | None = None
    expires_on: date | None = None

    def onset(self, snapshot: PatientSnapshot, *, now: datetime) -> Prediction | Reason:
        """The probability of a first creatinine AKI within the horizon, for a patient not in AKI."""
        chart = chart_from_snapshot(snapshot, USED_ANALYTES, now=now)
        return self._refusal(chart, now) or self.onset_head.predict(chart)

    def progression(self, snapshot: PatientSnapshot, *, now: datetime, current_stage: int) -> Prediction | Reason:
        """The probability of a higher creatinine stage within the horizon, for a patient in stage 1 or 2."""
        if current_stage >= 3:
            return Reason(
                "highest_stage", "The patient is in stage 3 already: there is no higher stage to predict."
            )
        if current_stage < 1:
            return Reason("not_in_aki", "The patient is not in AKI: there is no stage to progress from.")
        if self.progression_head is None:
            return Reason(
                "no_progression_model", "This model does not predict the course of an AKI that has begun."
            )
        chart = chart_from_snapshot(snapshot, USED_ANALYTES, now=now)
        return self._refusal(chart, now) or self.progression_head.predict(chart)

    def _refusal(self, chart: Chart, now: datetime) -> Reason | None:
        """Why the model must not speak about this patient, if so."""
        if self.expires_on is not None and now.date() > self.expires_on:
            ended = Sentence("This site's recalibration of the model ended on {day}.", day=self.expires_on)
            return Reason("recalibration_expired", ended)
        return self._patient_refusal(chart)

    def _patient_refusal(self, chart: Chart) -> Reason | None:
        limits, timeline = self.applicability, chart.timeline
        if timeline.age_years is None:
            return Reason("age_unknown", "The birth date is unknown; the risk model needs the age.")
        if timeline.age_years < limits.min_age_years:
            return Reason("child", "The risk model was made for adults and does not score children.")
        if timeline.sex is None:
            return Reason("sex_unknown", "The chart does not say female or male; the risk model needs it.")
        view = View(timeline, 0.0)
        if not view.values(Analyte.CREATININE, limits.creatinine_window_hours):
            hours = limits.creatinine_window_hours
            return Reason(
                "no_recent_creatinine", Sentence("No usable creatinine of the last {hours:g} hours.", hours=hours)
            )
        if low(view, Analyte.CREATININE, WEEK_HOURS) >= limits.max_lowest_creatinine_mg_dl:
            limit = limits.max_lowest_creatinine_mg_dl
            return Reason(
                "creatinine_above_range",
                Sentence(
                    "No creatinine of 7 days is below {limit:g} mg/dL; the risk model has not seen such patients.",
                    limit=limit,
                ),
            )
        return None


def logistic(log_odds: float) -> float:
    """The probability of given log-odds."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)
