"""The panel "Care to consider": the care bundle of KDIGO and NICE, filled in from the chart.

Shown only in AKI or at high risk. Each line is a noun and what the chart says of it, never an order
(REG-12, REG-15).
Sources: KDIGO 2012 AKI guideline, stage-based management (figure 4); NICE NG148, sections 1.4 and 1.5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.presentation.creatinine import known_creatinines
from app.presentation.drugs import DrugsPanel
from app.presentation.wording import duration, moment, short_moment
from model.analytes import Analyte
from model.assessment import Assessment, Outcome
from model.snapshot import Concept, Measurement, PatientSnapshot

#: Creatinine at least daily in AKI or at risk of it: within this of the last one.
REPEAT_WITHIN: Final = timedelta(hours=24)
_KDIGO: Final = "KDIGO 2012, figure 4"
_CAUSE: Final = "NICE NG148, 1.4"
_MANAGING: Final = "NICE NG148, 1.5"
_RECENT: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class CareItem:
    """One line: what to think of, what the chart says, and who recommends it."""

    title: str
    finding: str
    source: str
    state: str  # "noted" | "due" | "unknown"

    @property
    def state_words(self) -> str:
        """The state beside its mark, since a mark alone says nothing to everybody."""
        return {"noted": "from the chart", "due": "due", "unknown": "not known"}[self.state]


@dataclass(frozen=True, slots=True)
class CarePanel:
    """Why the list is shown, and the list."""

    because: str
    items: tuple[CareItem, ...]


@dataclass(frozen=True, slots=True)
class _Chart:
    """What every line is filled from."""

    outcome: Assessment
    snapshot: PatientSnapshot
    drugs: DrugsPanel
    zone: ZoneInfo

    @property
    def now(self) -> datetime:
        return self.outcome.assessed_at

    @property
    def stage(self) -> int:
        return (self.outcome.kdigo.stage or 0) if self.outcome.kdigo else 0

    def latest(self, analyte: Analyte, within: timedelta = _RECENT) -> Measurement | None:
        """The last value known now and not older than `within`."""
        known = self.known(analyte, within)
        return known[-1] if known else None

    def known(self, analyte: Analyte, within: timedelta) -> list[Measurement]:
        series = self.snapshot.measurements(analyte)
        return [m for m in series if self.now - within <= m.at <= self.now and m.available_at <= self.now]

    def has(self, concept: Concept) -> bool:
        return any(concept in p.concepts and p.active is not False for p in self.snapshot.problems)


def care_panel(outcome: Outcome, snapshot: PatientSnapshot, drugs: DrugsPanel, zone: ZoneInfo) -> CarePanel | None:
    """The checklist, or None where it would only be noise: no AKI and no high risk, or comfort care."""
    if not isinstance(outcome, Assessment) or any(r.code == "comfort_care" for r in outcome.reasons):
        return None
    chart = _Chart(outcome, snapshot, drugs, zone)
    if not chart.stage and not (outcome.risk and outcome.risk.category == "high"):
        return None
    because = f"AKI stage {chart.stage}" if chart.stage else "high risk of AKI"
    wanted = (*_ALWAYS, *(_IN_AKI if chart.stage else ()))
    return CarePanel(because, tuple(line(chart) for line in wanted))


def repeat_due_at(outcome: Outcome, snapshot: PatientSnapshot) -> datetime | None:
    """When the next creatinine is due, if there is a last one."""
    known = known_creatinines(snapshot, outcome.assessed_at)
    return known[-1].at + REPEAT_WITHIN if known else None


def _repeat(chart: _Chart) -> CareItem:
    due_at = repeat_due_at(chart.outcome, chart.snapshot)
    if due_at is None:
        return CareItem("Repeat creatinine", "No earlier value to count from.", _KDIGO, "unknown")
    if due_at <= chart.now:
        finding = f"Was due by {moment(due_at, chart.zone)}, {duration(chart.now - due_at)} ago (daily)."
        return CareItem("Repeat creatinine", finding, _KDIGO, "due")
    return CareItem("Repeat creatinine", f"Due by {moment(due_at, chart.zone)} (daily).", _KDIGO, "due")


def _harmful_drugs(chart: _Chart) -> CareItem:
    names = chart.drugs.harmful
    if names:
        return CareItem("Drugs that can harm kidneys", f"Active: {', '.join(names)}.", _KDIGO, "noted")
    return CareItem("Drugs that can harm kidneys", chart.drugs.words, _KDIGO, _known_whole(chart.drugs))


def _known_whole(drugs: DrugsPanel) -> str:
    """No drug found says something only where every order was read and recognised."""
    return "noted" if drugs.active and drugs.is_complete else "unknown"


def _perfusion(chart: _Chart) -> CareItem:
    pressure = chart.latest(Analyte.MEAN_BP) or chart.latest(Analyte.SYSTOLIC_BP)
    title = "Volume and perfusion pressure"
    if pressure is None:
        return CareItem(title, "No blood pressure of the last 48 h.", _KDIGO, "unknown")
    name = "Mean arterial pressure" if pressure.analyte is Analyte.MEAN_BP else "Systolic pressure"
    finding = (
        f"{name} {pressure.value:.0f} mmHg, {short_moment(pressure.at, chart.zone)}. Volume is for the bedside."
    )
    return CareItem(title, finding, _KDIGO, "noted")


def _urine(chart: _Chart) -> CareItem:
    charted = chart.known(Analyte.URINE_OUTPUT, timedelta(hours=24))
    if not charted:
        return CareItem("Urine output", "None charted in the last 24 h.", _KDIGO, "unknown")
    total = sum(m.value for m in charted)
    last = short_moment(charted[-1].at, chart.zone)
    return CareItem("Urine output", f"{total:.0f} mL charted in the last 24 h, latest {last}.", _KDIGO, "noted")


def _glucose(chart: _Chart) -> CareItem:
    value = chart.latest(Analyte.GLUCOSE)
    if value is None:
        return CareItem("High glucose", "No glucose of the last 48 h.", _KDIGO, "unknown")
    finding = f"Glucose {value.value:.0f} mg/dL ({value.value / 18.016:.1f} mmol/L), "
    return CareItem("High glucose", f"{finding}{short_moment(value.at, chart.zone)}.", _KDIGO, "noted")


def _contrast(_: _Chart) -> CareItem:
    finding = "Planned imaging is not read by this page. Needed imaging is not to wait for the kidneys."
    return CareItem("Alternatives to contrast", finding, _KDIGO, "unknown")


def _urinalysis(_: _Chart) -> CareItem:
    finding = "Not read by this page: blood, protein, leucocytes, nitrite and glucose by dipstick."
    return CareItem("Urinalysis", finding, _CAUSE, "unknown")


def _obstruction(_: _Chart) -> CareItem:
    finding = "Ultrasound within 24 h if no cause is found or obstruction is possible, 6 h if infected."
    return CareItem("Cause, obstruction", finding, _CAUSE, "unknown")


def _potassium(chart: _Chart) -> CareItem:
    parts = []
    for analyte, name in ((Analyte.POTASSIUM, "Potassium"), (Analyte.BICARBONATE, "Bicarbonate")):
        found = chart.latest(analyte)
        if found is not None:
            parts.append(f"{name} {found.value:.1f} mmol/L, {short_moment(found.at, chart.zone)}")
    if not parts:
        return CareItem("Complications", "No potassium or bicarbonate of the last 48 h.", _MANAGING, "unknown")
    return CareItem("Complications", f"{'; '.join(parts)}.", _MANAGING, "noted")


def _dosing(chart: _Chart) -> CareItem:
    names = tuple(dict.fromkeys(r.name for r in chart.drugs.rows if not r.is_nephrotoxic or r.remarks))
    if not names:
        return CareItem("Doses for kidney function", chart.drugs.words, _KDIGO, _known_whole(chart.drugs))
    return CareItem("Doses for kidney function", f"Active: {', '.join(names)}.", _KDIGO, "noted")


def _nephrology(chart: _Chart) -> CareItem:
    """NICE names the reasons to discuss with a nephrologist within 24 h; those the chart shows are listed."""
    on_chart = [
        words
        for words, holds in (
            ("stage 3", chart.stage >= 3),
            ("kidney transplant", chart.has(Concept.KIDNEY_TRANSPLANT)),
            ("kidney failure (CKD 5)", chart.has(Concept.KIDNEY_FAILURE)),
        )
        if holds
    ]
    title = "Talk with nephrology"
    if on_chart:
        return CareItem(title, f"NICE, within 24 h; on this chart: {', '.join(on_chart)}.", _MANAGING, "due")
    finding = "Reasons in NICE: stage 3, no clear cause, no response, complications, transplant, CKD 4 or 5."
    return CareItem(title, finding, _MANAGING, "noted")


_Line = Callable[[_Chart], CareItem]
_ALWAYS: Final[tuple[_Line, ...]] = (_repeat, _harmful_drugs, _perfusion, _urine, _glucose, _contrast)
_IN_AKI: Final[tuple[_Line, ...]] = (_urinalysis, _obstruction, _potassium, _dosing, _nephrology)
