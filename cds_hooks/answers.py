"""What a service says, and the few steps every service takes to say it."""

from dataclasses import dataclass
from datetime import datetime

from cds_hooks.card_detail import DetailFacts
from cds_hooks.cards import Card, CardContext
from cds_hooks.case import Case
from cds_hooks.chart import Chart
from cds_hooks.decision import Silent
from cds_hooks.hook_request import HookRequest
from cds_hooks.services import LIVE, CdsDependencies, Service
from model.analytes import Analyte
from model.snapshot import Measurement, PatientSnapshot


@dataclass(frozen=True, slots=True)
class Withheld:
    """A finished card that is not shown, and why (a stable code)."""

    card: Card
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Cards, or silence with its reason; which model was asked, and the case, where a chart was assessed."""

    cards: tuple[Card, ...] = ()
    reason: str | None = None
    model_sha256: str | None = None
    case: Case | None = None
    withheld: tuple[Withheld, ...] = ()
    mode: str = LIVE


def stay_silent(silence: Silent, chart: Chart, model_sha256: str | None, case: Case | None = None) -> Answer:
    """Empty cards with their reason. Raises DataUnavailable where the silence would rest on data we do not have.

    Silence needs the essential parts read whole; else the answer is 412, not empty cards (CH-17).
    """
    if silence.rests_on_the_chart and not chart.allows_silence():
        raise chart.unavailable()
    return Answer(reason=silence.reason, model_sha256=model_sha256, case=case)


def card_context(
    service: Service, hook: HookRequest, chart: Chart, deps: CdsDependencies, *, ehr_id: str, now: datetime
) -> CardContext:
    """What every card of one call shares."""
    facts = DetailFacts(
        zone=deps.reading_for(ehr_id).time_zone,
        latest_creatinine=latest_known(chart.snapshot, now),
    )
    call_id = "|".join((ehr_id, service.id, hook.hook_instance, hook.patient_id))
    codes = deps.clients.order_codes_of(ehr_id)
    return CardContext(call_id, deps.public_url, hook.patient_id, hook.encounter_id, now, facts, codes)


def latest_known(snapshot: PatientSnapshot, now: datetime) -> Measurement | None:
    """The latest creatinine that could be known by now."""
    known = [one for one in snapshot.measurements(Analyte.CREATININE) if max(one.at, one.available_at) <= now]
    return known[-1] if known else None
