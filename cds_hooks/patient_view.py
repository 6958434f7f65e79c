"""`aki-patient-view`: hook -> chart -> assessment -> card or silence, top to bottom."""

from datetime import datetime

from cds_hooks.answers import Answer, card_context, stay_silent
from cds_hooks.cards import build_card
from cds_hooks.care_setting import setting_at
from cds_hooks.case import case_of
from cds_hooks.chart import ChartSource, read_chart
from cds_hooks.decision import Silent, decide
from cds_hooks.hook_request import HookRequest
from cds_hooks.services import PATIENT_VIEW, CdsDependencies


def answer_patient_view(
    hook: HookRequest, source: ChartSource, deps: CdsDependencies, *, ehr_id: str, now: datetime
) -> Answer:
    """The answer to one patient-view call. Raises the errors of `read_chart` and `stay_silent`."""
    chart = read_chart(hook, source, now=now)
    outcome = deps.assess(chart.snapshot, now, ehr_id)
    setting = setting_at(chart.snapshot.stays, now, encounters_known=chart.is_whole("encounters"))
    model_sha256 = outcome.model.sha256 if outcome.model else None
    case = case_of(outcome, chart.snapshot, now)
    decision = decide(outcome, chart.snapshot, setting, deps.card_policy_for(ehr_id))
    if isinstance(decision, Silent):
        return stay_silent(decision, chart, model_sha256, case)
    context = card_context(PATIENT_VIEW, hook, chart, deps, ehr_id=ehr_id, now=now)
    return Answer((build_card(decision, outcome, context),), model_sha256=model_sha256, case=case)
