"""What a service says, and the few steps every service takes to say it."""

from dataclasses import dataclass
from datetime import datetime

from cds_hooks.card_detail import DetailFacts
from cds_hooks.cards import Card, CardContext
from cds_hooks.case import Case, case_of
from cds_hooks.chart import Chart, ChartSource, read_chart
from cds_hooks.decision import CardPolicy, Silent
from cds_hooks.hook_request import HookRequest
from cds_hooks.services import LIVE, CdsDependencies, Service
from model.analytes import Analyte
from model.assessment import Outcome
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


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call: what is asked of which service, for which EHR, when, and where the chart may come from."""

    service: Service
    hook: HookRequest
    source: ChartSource
    deps: CdsDependencies
    ehr_id: str
    now: datetime

    @property
    def policy(self) -> CardPolicy:
        """What the site lets be said."""
        return self.deps.card_policy_for(self.ehr_id)


@dataclass(frozen=True, slots=True)
class AssessedCall:
    """A call with the patient's chart and what can be said of it."""

    call: HookCall
    chart: Chart
    outcome: Outcome
    case: Case

    @property
    def snapshot(self) -> PatientSnapshot:
        """The chart as the clinical core sees it."""
        return self.chart.snapshot

    def silent(self, silence: Silent) -> Answer:
        """Empty cards and why. Raises DataUnavailable where the silence would rest on data we do not have.

        Silence needs the essential parts read whole; else the answer is 412, not empty cards (CH-17).
        """
        if silence.rests_on_the_chart and not self.chart.allows_silence():
            raise self.chart.unavailable()
        return Answer(reason=silence.reason, model_sha256=self._model_sha256, case=self.case)

    def showing(self, *cards: Card) -> Answer:
        """These cards."""
        return Answer(cards, model_sha256=self._model_sha256, case=self.case)

    def card_context(self) -> CardContext:
        """What every card of the call shares."""
        call, hook, deps = self.call, self.call.hook, self.call.deps
        facts = DetailFacts(
            zone=deps.reading_for(call.ehr_id).time_zone,
            latest_creatinine=latest_known(self.snapshot, call.now),
        )
        call_id = "|".join((call.ehr_id, call.service.id, hook.hook_instance, hook.patient_id))
        codes = deps.clients.order_codes_of(call.ehr_id)
        return CardContext(call_id, deps.public_url, hook.patient_id, hook.encounter_id, call.now, facts, codes)

    @property
    def _model_sha256(self) -> str | None:
        return self.outcome.model.sha256 if self.outcome.model else None


def assess_chart(call: HookCall) -> AssessedCall:
    """Read the chart and assess it. Raises the errors of `read_chart`."""
    chart = read_chart(call.hook, call.source, now=call.now)
    outcome = call.deps.assess(chart.snapshot, call.now, call.ehr_id)
    return AssessedCall(call, chart, outcome, case_of(outcome, chart.snapshot, call.now))


def latest_known(snapshot: PatientSnapshot, now: datetime) -> Measurement | None:
    """The latest creatinine that could be known by now."""
    known = [one for one in snapshot.measurements(Analyte.CREATININE) if max(one.at, one.available_at) <= now]
    return known[-1] if known else None
