"""`aki-patient-view`: hook -> chart -> assessment -> card or silence, top to bottom."""

from dataclasses import dataclass
from datetime import datetime

from cds_hooks.card_detail import DetailFacts
from cds_hooks.cards import Card, CardContext, build_card
from cds_hooks.chart import Chart, ChartSource, read_chart
from cds_hooks.decision import Silent, decide, setting_at
from cds_hooks.hook_request import HookRequest
from cds_hooks.services import PATIENT_VIEW, CdsDependencies
from model.analytes import Analyte
from model.snapshot import Measurement, PatientSnapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says: a card, or silence with its reason; and which model was asked."""

    cards: tuple[Card, ...] = ()
    reason: str | None = None
    model_sha256: str | None = None


def answer_patient_view(
    hook: HookRequest, source: ChartSource, deps: CdsDependencies, *, ehr_id: str, now: datetime
) -> Answer:
    """The answer to one patient-view call. Raises the errors of `read_chart`.

    Silence needs the essential parts read whole: where it would rest on data we do not have, the answer is
    412, not empty cards (CH-17).
    """
    chart = read_chart(hook, source, now=now)
    outcome = deps.assess(chart.snapshot, now, ehr_id)
    setting = setting_at(chart.snapshot.stays, now, encounters_known=chart.is_whole("encounters"))
    model_sha256 = outcome.model.sha256 if outcome.model else None
    decision = decide(outcome, chart.snapshot, setting, deps.card_policy)
    if isinstance(decision, Silent):
        if decision.rests_on_the_chart and not chart.allows_silence():
            raise chart.unavailable()
        return Answer(reason=decision.reason, model_sha256=model_sha256)
    context = _card_context(hook, chart, deps, ehr_id, now)
    return Answer((build_card(decision, outcome, context),), model_sha256=model_sha256)


def _card_context(
    hook: HookRequest, chart: Chart, deps: CdsDependencies, ehr_id: str, now: datetime
) -> CardContext:
    facts = DetailFacts(
        zone=deps.reading_for(ehr_id).time_zone,
        latest_creatinine=latest_known(chart.snapshot, now),
    )
    call_id = "|".join((ehr_id, PATIENT_VIEW.id, hook.hook_instance, hook.patient_id))
    return CardContext(call_id, deps.public_url, hook.patient_id, hook.encounter_id, now, facts)


def latest_known(snapshot: PatientSnapshot, now: datetime) -> Measurement | None:
    """The latest creatinine that could be known by now."""
    known = [one for one in snapshot.measurements(Analyte.CREATININE) if max(one.at, one.available_at) <= now]
    return known[-1] if known else None
