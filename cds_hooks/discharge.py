"""`aki-encounter-discharge`: an AKI of this stay that is not over, or was severe, leaves with a plan.

Decision table: tests/spec/cds/discharge.txt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cds_hooks import wording
from cds_hooks.answers import Answer, HookCall, assess_chart
from cds_hooks.card_detail import finding, provenance
from cds_hooks.cards import Card, CardContext, assemble, plain_creatinine
from cds_hooks.decision import CardKind, Indicator, Show, Silent, never_spoken_about, question_does_not_apply
from cds_hooks.missing_detail import missing
from cds_hooks.order_review import is_running
from cds_hooks.suggestions import MOST, SuggestionContext, suggest_diagnosis, suggest_order
from model.applicability import has_problem
from model.assessment import AkiEpisode, Assessment, EpisodeState, InsufficientData, NotApplicable, Outcome
from model.drug_cautions import shown_name
from model.drugs import recognise
from model.reported import mg_dl_digits
from model.snapshot import Concept, PatientSnapshot

FOLLOW_UP_OPEN = timedelta(days=7)
FOLLOW_UP_RECOVERED = timedelta(days=14)
KIDNEY_CHECK = timedelta(days=90)  # KDIGO 2012, 2.3.4: new or worse CKD is looked for three months after AKI
SEVERE_STAGE = 2
BEFORE_ADMISSION = timedelta(days=7)  # an AKI that brought the patient in belongs to the stay
WITHOUT_STAY = timedelta(days=30)
_ASK_ABOUT = frozenset({"acei", "arb", "renin-inhibitor", "loop", "thiazide", "k-sparing", "metformin", "sglt2"})
_LEAVE_OUT = frozenset({"nsaid"})


@dataclass(frozen=True, slots=True)
class DischargeFinding:
    """What the stay leaves behind. Stage and dates are those of the episode's peak."""

    peak_stage: int
    recovered: bool
    stage_now: int | None
    episode: AkiEpisode | None


def answer_discharge(call: HookCall) -> Answer:
    """The answer to one encounter-discharge call. Raises DataUnavailable, WrongPatient."""
    assessed = assess_chart(call)
    outcome, snapshot = assessed.outcome, assessed.snapshot
    found = find_at_discharge(outcome, snapshot, call.hook.encounter_id, call.now)
    if isinstance(found, Silent) or not isinstance(outcome, Assessment):
        return assessed.silent(found if isinstance(found, Silent) else Silent("nothing-to-assess"))
    return assessed.showing(_card(found, outcome, snapshot, assessed.card_context()))


def find_at_discharge(
    outcome: Outcome, snapshot: PatientSnapshot, encounter_id: str | None, now: datetime
) -> DischargeFinding | Silent:
    """AKI of this stay that has not recovered, or of stage 2 or more; else why nothing is said."""
    if (silence := never_spoken_about(outcome, snapshot)) is not None:
        return silence
    match outcome:
        case NotApplicable():
            return question_does_not_apply(outcome)
        case InsufficientData():
            return Silent("nothing-to-assess")
        case Assessment():
            return _find(outcome, snapshot, encounter_id, now)


def _find(
    found: Assessment, snapshot: PatientSnapshot, encounter_id: str | None, now: datetime
) -> DischargeFinding | Silent:
    kdigo = found.kdigo
    stage = kdigo.stage if kdigo else None
    episode = kdigo.episode if kdigo else None
    if episode is None or episode.peak_at < _stay_began(snapshot, encounter_id, now) - BEFORE_ADMISSION:
        if stage:  # by urine output or dialysis alone
            return DischargeFinding(max(stage, kdigo.peak_stage or 0 if kdigo else 0), False, stage, None)
        return Silent("no-aki-in-this-stay")
    recovered = episode.state is EpisodeState.RECOVERED and not stage
    peak = max(episode.peak_stage, stage or 0)
    if recovered and peak < SEVERE_STAGE:
        return Silent("recovered-stage-1")
    return DischargeFinding(peak, recovered, stage, episode)


def _stay_began(snapshot: PatientSnapshot, encounter_id: str | None, now: datetime) -> datetime:
    """When the stay to be ended began; where no encounter says so, a month ago."""
    named = [one for one in snapshot.stays if one.source == f"Encounter/{encounter_id}"]
    starts = [one.start_at for one in named or snapshot.stays if one.start_at and (named or one.end_at is None)]
    return min(starts, default=now - WITHOUT_STAY)


def _card(found: DischargeFinding, outcome: Assessment, snapshot: PatientSnapshot, context: CardContext) -> Card:
    indicator = Indicator.INFO if found.recovered else Indicator.WARNING
    return assemble(
        Show(CardKind.DISCHARGE, indicator),
        context,
        part=CardKind.DISCHARGE.value,
        summary=_summary(found, context),
        detail=_detail(found, outcome, snapshot, context),
        suggestions=_suggestions(found, snapshot, context.request_for(CardKind.DISCHARGE.value)),
    )


def _summary(found: DischargeFinding, context: CardContext) -> str:
    state = "recovered" if found.recovered else "not recovered"
    latest = context.facts.latest_creatinine
    numbers = f"; creatinine {plain_creatinine(latest)}" if latest else ""
    if latest and found.episode:
        numbers += f", before it {mg_dl_digits(found.episode.reference_creatinine_mg_dl)} mg/dL"
    return f"For review before discharge: AKI stage {found.peak_stage} in this stay, {state}{numbers}"


def _detail(found: DischargeFinding, outcome: Assessment, snapshot: PatientSnapshot, context: CardContext) -> str:
    parts: list[Iterator[str]] = [
        _plan(found, snapshot, context),
        finding(outcome, context.facts),
        missing(outcome),
        provenance(outcome, context.facts),
    ]
    return "\n\n".join(text for part in parts if (text := "\n".join(part)))


def _plan(found: DischargeFinding, snapshot: PatientSnapshot, context: CardContext) -> Iterator[str]:
    yield "**To settle before discharge**"
    yield ""
    follow_up = FOLLOW_UP_RECOVERED if found.recovered else FOLLOW_UP_OPEN
    yield f"- A creatinine within {follow_up.days} days: who orders it, who looks at it?"
    yield "- At three months creatinine, eGFR and urine albumin: has chronic kidney disease begun? (KDIGO 2012)"
    held = held_drugs(snapshot, context.now)
    if held:
        names = wording.chart_text(", ".join(held), 200)
        yield f"- No longer active on the chart: {names}. Which come back, when, and on whose word?"
    harmful = running_nsaids(snapshot, context.now)
    if harmful:
        names = wording.chart_text(", ".join(harmful), 200)
        yield f"- Still active: {names} (NSAID). Is it to go home with the patient?"
    if not has_problem(snapshot, Concept.ACUTE_KIDNEY_INJURY, context.now):
        yield "- AKI is not among the diagnoses: without it the letter and the next admission will not know."
    yield "- Sick-day advice: what to pause when vomiting or not drinking, and when to have blood taken."


def held_drugs(snapshot: PatientSnapshot, now: datetime) -> list[str]:
    """Drugs that are often paused in AKI, on the chart but no longer active: the question is their return."""
    drugs = [(one, recognise(one)) for one in snapshot.medications]
    active = {name for one, facts in drugs if is_running(one, now) for name in _names(facts.ingredients)}
    stopped = (
        shown_name(facts)
        for one, facts in drugs
        if one.active is False and facts.classes & _ASK_ABOUT and not active & _names(facts.ingredients)
    )
    return list(dict.fromkeys(stopped))


def running_nsaids(snapshot: PatientSnapshot, now: datetime) -> list[str]:
    """NSAIDs still active."""
    drugs = (recognise(one) for one in snapshot.medications if one.active and is_running(one, now))
    return list(dict.fromkeys(shown_name(facts) for facts in drugs if facts.classes & _LEAVE_OUT))


def _names(ingredients: Sequence[Any]) -> set[str]:
    return {one.name for one in ingredients}


def _suggestions(
    found: DischargeFinding, snapshot: PatientSnapshot, context: SuggestionContext
) -> Sequence[dict[str, Any]]:
    reason = f"After acute kidney injury, KDIGO stage {found.peak_stage}"
    wait = FOLLOW_UP_RECOVERED if found.recovered else FOLLOW_UP_OPEN
    made = [
        suggest_order(
            "creatinine",
            context,
            due_after=wait,
            reason=f"{reason}: recovery",
            label=f"Order a creatinine in {wait.days} days",
            name="follow-up",
        )
    ]
    if not has_problem(snapshot, Concept.ACUTE_KIDNEY_INJURY, context.now):
        made.append(suggest_diagnosis(context))
    if not found.recovered and found.peak_stage == 3:
        made.append(suggest_order("nephrology", context, reason=f"{reason}, not recovered at discharge"))
    else:
        made.append(
            suggest_order(
                "urine-albumin",
                context,
                due_after=KIDNEY_CHECK,
                reason=f"{reason}: kidney check at three months",
                label="Order a urine albumin-to-creatinine ratio at three months",
            )
        )
    return made[:MOST]
