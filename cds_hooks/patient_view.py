"""`aki-patient-view`: hook -> chart -> assessment -> card or silence, top to bottom."""

from dataclasses import replace

from cds_hooks.answers import Answer, HookCall, assess_chart
from cds_hooks.cards import build_card
from cds_hooks.care_setting import setting_at
from cds_hooks.decision import Silent, decide
from cds_hooks.order_review import harmful_on_chart
from cds_hooks.silence import ON_OPENING


def answer_patient_view(call: HookCall) -> Answer:
    """The answer to one patient-view call. Raises DataUnavailable, WrongPatient."""
    found = assess_chart(call)
    encounters_known = found.chart.is_whole("encounters")
    setting = setting_at(found.snapshot.stays, call.now, encounters_known=encounters_known)
    decision = decide(found.outcome, found.snapshot, setting, call.policy)
    if isinstance(decision, Silent):
        return found.silent(decision)
    context = found.card_context()
    if decision.kind in ON_OPENING:
        drugs = harmful_on_chart(found.snapshot, call.now)
        context = replace(context, facts=replace(context.facts, harmful_drugs=drugs))
    return found.showing(build_card(decision, found.outcome, context))
