"""The panel "Care to consider": the care bundle of KDIGO and NICE, filled in from the chart.

Shown only in AKI or at high risk. Each line is a noun and what the chart says of it, never an order
(REG-12, REG-15).
Sources: KDIGO 2012 AKI guideline, stage-based management (figure 4); NICE NG148, sections 1.4 and 1.5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.presentation.creatinine import known_creatinines
from app.presentation.drugs import DrugsPanel
from app.presentation.units import in_unit
from app.presentation.wording import Wording
from model.analytes import Analyte
from model.applicability import is_dialysed
from model.assessment import Assessment, Outcome
from model.sentences import Sentence
from model.snapshot import Concept, Measurement, PatientSnapshot

#: Creatinine at least daily in AKI or at risk of it: within this of the last one.
REPEAT_WITHIN: Final = timedelta(hours=24)
_KDIGO: Final = Sentence("KDIGO 2012, figure 4")
_CAUSE: Final = Sentence("NICE NG148, 1.4")
_MANAGING: Final = Sentence("NICE NG148, 1.5")
_RECENT: Final = timedelta(hours=48)
#: The state beside its mark, since a mark alone says nothing to everybody.
_STATE_WORDS: Final = {
    "noted": Sentence("from the chart"),
    "due": Sentence("due"),
    "unknown": Sentence("not known"),
}


@dataclass(frozen=True, slots=True)
class CareItem:
    """One line: what to think of, what the chart says, and who recommends it."""

    title: str
    finding: str
    source: str
    state: str  # "noted" | "due" | "unknown"
    state_words: str


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
    say: Wording

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

    def item(self, title: str, finding: str, source: str, state: str) -> CareItem:
        """A line whose title and source are still to be said in the reader's language."""
        words = self.say.sentence
        return CareItem(words(title), finding, words(source), state, words(_STATE_WORDS[state]))

    def has(self, concept: Concept) -> bool:
        return any(concept in p.concepts and p.active is not False for p in self.snapshot.problems)


def care_panel(outcome: Outcome, snapshot: PatientSnapshot, drugs: DrugsPanel, say: Wording) -> CarePanel | None:
    """The checklist, or None where it would only be noise: no AKI and no high risk, or comfort care."""
    if not isinstance(outcome, Assessment) or any(r.code == "comfort_care" for r in outcome.reasons):
        return None
    chart = _Chart(outcome, snapshot, drugs, say)
    if not chart.stage and not (outcome.risk and outcome.risk.category == "high"):
        return None
    because = (
        say.gettext("AKI stage {stage}", stage=chart.stage) if chart.stage else say.gettext("high risk of AKI")
    )
    wanted = [*_ALWAYS, *(_IN_AKI if chart.stage else ())]
    if is_dialysed(outcome):  # whoever dialyses the patient measures and knows
        wanted = [line for line in wanted if line not in (_repeat, _nephrology)]
    lines = (line(chart) for line in wanted)
    return CarePanel(because, tuple(item for item in lines if item is not None))


def repeat_due_at(outcome: Outcome, snapshot: PatientSnapshot) -> datetime | None:
    """When the next creatinine is due, if there is a last one."""
    known = known_creatinines(snapshot, outcome.assessed_at)
    return known[-1].at + REPEAT_WITHIN if known else None


def _repeat(chart: _Chart) -> CareItem:
    title, say = Sentence("Repeat creatinine"), chart.say
    due_at = repeat_due_at(chart.outcome, chart.snapshot)
    if due_at is None:
        return chart.item(title, say.gettext("No earlier value to count from."), _KDIGO, "unknown")
    moment = say.moment(due_at)
    if due_at <= chart.now:
        ago = say.duration(chart.now - due_at)
        finding = say.gettext("Was due by {moment}, {duration} ago (daily).", moment=moment, duration=ago)
        return chart.item(title, finding, _KDIGO, "due")
    return chart.item(title, say.gettext("Due by {moment} (daily).", moment=moment), _KDIGO, "due")


def _harmful_drugs(chart: _Chart) -> CareItem:
    return _drugs(chart, Sentence("Drugs that can harm kidneys"), chart.drugs.harmful)


def _drugs(chart: _Chart, title: str, names: tuple[str, ...], source: str = _KDIGO) -> CareItem:
    """Those found; or what is known of the drugs, which says something only where all were read and recognised."""
    if names:
        finding = chart.say.gettext("Active: {drugs}.", drugs=", ".join(names))
        return chart.item(title, finding, source, "noted")
    whole = chart.drugs.active and chart.drugs.is_complete
    return chart.item(title, chart.drugs.words, source, "noted" if whole else "unknown")


def _perfusion(chart: _Chart) -> CareItem:
    title, say = Sentence("Volume and perfusion pressure"), chart.say
    pressure = chart.latest(Analyte.MEAN_BP) or chart.latest(Analyte.SYSTOLIC_BP)
    if pressure is None:
        return chart.item(title, say.gettext("No blood pressure of the last 48 h."), _KDIGO, "unknown")
    is_mean = pressure.analyte is Analyte.MEAN_BP
    name = say.gettext("Mean arterial pressure") if is_mean else say.gettext("Systolic pressure")
    finding = say.gettext(
        "{name} {mmhg:.0f} mmHg, {moment}. Volume is for the bedside.",
        name=name,
        mmhg=pressure.value,
        moment=say.short_moment(pressure.at),
    )
    return chart.item(title, finding, _KDIGO, "noted")


def _urine(chart: _Chart) -> CareItem:
    title, say = Sentence("Urine output"), chart.say
    charted = chart.known(Analyte.URINE_OUTPUT, timedelta(hours=24))
    if not charted:
        return chart.item(title, say.gettext("None charted in the last 24 h."), _KDIGO, "unknown")
    finding = say.gettext(
        "{ml:.0f} mL charted in the last 24 h, latest {moment}.",
        ml=sum(m.value for m in charted),
        moment=say.short_moment(charted[-1].at),
    )
    return chart.item(title, finding, _KDIGO, "noted")


def _glucose(chart: _Chart) -> CareItem:
    title, say = Sentence("High glucose"), chart.say
    found = chart.latest(Analyte.GLUCOSE)
    if found is None:
        return chart.item(title, say.gettext("No glucose of the last 48 h."), _KDIGO, "unknown")
    by_mass = f"{say.number(found.value)} mg/dL"
    by_amount = f"{say.number(in_unit(Analyte.GLUCOSE, found.value, 'mmol/L'), 1)} mmol/L"
    chosen, other = (by_amount, by_mass) if say.units.of(Analyte.GLUCOSE) else (by_mass, by_amount)
    finding = say.gettext(
        "Glucose {value} ({other}), {moment}.", value=chosen, other=other, moment=say.short_moment(found.at)
    )
    return chart.item(title, finding, _KDIGO, "noted")


def _contrast(chart: _Chart) -> CareItem:
    finding = chart.say.gettext(
        "Planned imaging is not read by this page. Imaging needed at once is not delayed for the kidneys."
    )
    return chart.item(Sentence("Alternatives to contrast"), finding, _KDIGO, "unknown")


def _urinalysis(chart: _Chart) -> CareItem:
    finding = chart.say.gettext(
        "Not read by this page: blood, protein, leucocytes, nitrite and glucose by dipstick."
    )
    return chart.item(Sentence("Urinalysis"), finding, _CAUSE, "unknown")


def _obstruction(chart: _Chart) -> CareItem:
    finding = chart.say.gettext(
        "Ultrasound within 24 h if no cause is found or obstruction is possible, 6 h if infected."
    )
    return chart.item(Sentence("Cause, obstruction"), finding, _CAUSE, "unknown")


def _potassium(chart: _Chart) -> CareItem:
    title, say = Sentence("Complications"), chart.say
    parts = []
    for analyte, name in (
        (Analyte.POTASSIUM, say.gettext("Potassium")),
        (Analyte.BICARBONATE, say.gettext("Bicarbonate")),
    ):
        found = chart.latest(analyte)
        if found is not None:
            parts.append(f"{name} {say.number(found.value, 1)} mmol/L, {say.short_moment(found.at)}")
    if not parts:
        finding = say.gettext("No potassium or bicarbonate of the last 48 h.")
        return chart.item(title, finding, _MANAGING, "unknown")
    return chart.item(title, f"{'; '.join(parts)}.", _MANAGING, "noted")


def _dosing(chart: _Chart) -> CareItem:
    return _drugs(chart, Sentence("Doses for kidney function"), chart.drugs.dosed)


def _reviewing(chart: _Chart) -> CareItem | None:
    """Left out where there is none: no care is due."""
    names = chart.drugs.to_review
    return (
        _drugs(chart, Sentence("Drugs to review in acute illness"), names, Sentence("NICE NG148"))
        if names
        else None
    )


def _nephrology(chart: _Chart) -> CareItem:
    """NICE names the reasons to discuss with a nephrologist within 24 h; those the chart shows are listed."""
    title, say = Sentence("Talk with nephrology"), chart.say
    on_chart = [
        words
        for words, holds in (
            (say.gettext("stage 3"), chart.stage >= 3),
            (say.gettext("kidney transplant"), chart.has(Concept.KIDNEY_TRANSPLANT)),
            (say.gettext("kidney failure (CKD 5)"), chart.has(Concept.KIDNEY_FAILURE)),
        )
        if holds
    ]
    if on_chart:
        finding = say.gettext("NICE, within 24 h; on this chart: {reasons}.", reasons=", ".join(on_chart))
        return chart.item(title, finding, _MANAGING, "due")
    finding = say.gettext(
        "Reasons in NICE: stage 3, no clear cause, no response, complications, transplant, CKD 4 or 5."
    )
    return chart.item(title, finding, _MANAGING, "noted")


_Line = Callable[[_Chart], CareItem | None]
_ALWAYS: Final[tuple[_Line, ...]] = (_repeat, _harmful_drugs, _perfusion, _urine, _glucose, _contrast)
_IN_AKI: Final[tuple[_Line, ...]] = (_urinalysis, _obstruction, _potassium, _dosing, _reviewing, _nephrology)
