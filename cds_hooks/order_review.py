"""`aki-order-select` and `aki-order-sign`: drafts -> drugs -> chart -> cautions -> cards or silence.

Most orders are no concern of the kidney: they are answered before the chart is read.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cds_hooks.answers import Answer, AssessedCall, HookCall, assess_chart
from cds_hooks.cards import Card
from cds_hooks.decision import CardPolicy, Indicator, Silent, never_spoken_about
from cds_hooks.draft_orders import DraftOrder, Drafts, read_drafts
from cds_hooks.order_cards import NotCounted, OrderFinding, build_order_card, build_unrecognised_card
from cds_hooks.services import ORDER_SIGN
from model.caution_table import Severity
from model.drug_cautions import Caution, cautions, shown_name
from model.drugs import DrugFacts, Recognition, recognise
from model.kidney_facts import KidneyFacts, kidney_facts
from model.snapshot import Medication, PatientSnapshot

MOST_CARDS = 3
SEVERE_RENAL_EGFR = 30.0
_STATUS_UNKNOWN_FOR = timedelta(days=7)  # an order that states no end counts as running for a week
_log = logging.getLogger(__name__)
_RANK = {Indicator.CRITICAL: 0, Indicator.WARNING: 1, Indicator.INFO: 2}


def answer_orders(call: HookCall) -> Answer:
    """The answer to one order hook. Raises RequestUnreadable, DataUnavailable, WrongPatient."""
    signing = call.service is ORDER_SIGN
    drafts = read_drafts(call.hook.context, patient_id=call.hook.patient_id, selected_only=not signing)
    if drafts.of_others:
        _log.warning("cds drafts named another patient and were not looked at: count=%d", drafts.of_others)
    ordered = [(draft, draft.recognised()) for draft in drafts.chosen]
    if (reason := _no_concern([facts for _, facts in ordered], signing)) is not None:
        return Answer(reason="drafts-of-another-patient" if drafts.of_others and not ordered else reason)
    assessed = assess_chart(call)
    if (silence := never_spoken_about(assessed.outcome, assessed.snapshot)) is not None:
        return assessed.silent(silence)
    cards = _cards(assessed, drafts, ordered, signing=signing)
    if cards:
        return assessed.showing(*cards)
    unclear = any(facts.is_unclear for _, facts in ordered)
    return assessed.silent(Silent("drug-not-recognised" if unclear else "no-caution"))


def _cards(
    assessed: AssessedCall, drafts: Drafts, ordered: Sequence[tuple[DraftOrder, DrugFacts]], *, signing: bool
) -> list[Card]:
    """One card a drug of concern; at signing, where there is none, one about what nobody recognised."""
    outcome, snapshot, now, policy = assessed.outcome, assessed.snapshot, assessed.call.now, assessed.call.policy
    kidneys = kidney_facts(outcome, snapshot, now)
    found = find_concerns(ordered, active_drugs(snapshot, drafts, now), kidneys, policy, signing=signing)
    unclear = [facts for _, facts in ordered if facts.is_unclear]
    context = assessed.card_context()
    aside = NotCounted(unclear, named_only(snapshot, now), drafts.of_others)
    if not found and signing and speaks_of_unclear(unclear, kidneys, policy):
        return [build_unrecognised_card(unclear, outcome, context)]
    return [build_order_card(one, kidneys, outcome, context, aside) for one in found[:MOST_CARDS]]


def _no_concern(drugs: Sequence[DrugFacts], signing: bool) -> str | None:
    """Why nothing needs to be read: no drug order, or only drugs that are known and not in the table."""
    if not drugs:
        return "no-drug-order"
    if any(facts.classes for facts in drugs) or (signing and any(facts.is_unclear for facts in drugs)):
        return None
    return "drug-not-recognised" if any(facts.is_unclear for facts in drugs) else "no-listed-drug"


def find_concerns(
    ordered: Sequence[tuple[DraftOrder, DrugFacts]],
    active: Sequence[DrugFacts],
    kidneys: KidneyFacts,
    policy: CardPolicy,
    *,
    signing: bool,
) -> list[OrderFinding]:
    """One finding a drug, the most urgent first; its cautions in order of weight."""
    said = cautions([facts for _, facts in ordered], active, kidneys)
    found = []
    for draft, facts in ordered:
        about = tuple(one for one in said if one.drug is facts)
        if about:
            found.append(OrderFinding(draft, facts, about, _indicator(about, kidneys, policy, signing)))
    return sorted(found, key=lambda one: _RANK[one.indicator])


def _indicator(about: Sequence[Caution], kidneys: KidneyFacts, policy: CardPolicy, signing: bool) -> Indicator:
    """As loud as the gravest caution; critical only at signing, from stage 2, where the site switched it on."""
    stage = kidneys.aki_stage or 0
    if policy.critical_at_signing and signing and stage >= 2 and any(one.words.may_interrupt for one in about):
        return Indicator.CRITICAL
    return Indicator.WARNING if any(one.severity is Severity.WARNING for one in about) else Indicator.INFO


def speaks_of_unclear(unclear: Sequence[DrugFacts], kidneys: KidneyFacts, policy: CardPolicy) -> bool:
    """In AKI or below an eGFR of 30 an order nobody recognised is not passed over in silence."""
    severe = kidneys.egfr is not None and kidneys.egfr < SEVERE_RENAL_EGFR
    return policy.unrecognised_orders and bool(unclear) and (kidneys.in_aki or severe)


def active_drugs(snapshot: PatientSnapshot, drafts: Drafts, now: datetime) -> list[DrugFacts]:
    """What the patient is on, with the drafts beside the chosen ones; never the chosen ones themselves."""
    own = {draft.reference for draft in (*drafts.chosen, *drafts.beside)}
    running = [one for one in snapshot.medications if one.source not in own and is_running(one, now)]
    return [*_distinct(recognise(one) for one in running), *(draft.recognised() for draft in drafts.beside)]


def named_only(snapshot: PatientSnapshot, now: datetime) -> list[DrugFacts]:
    """Running drugs whose words, but no code, name one that the rules know: left out of every rule, but said."""
    running = (recognise(one) for one in snapshot.medications if is_running(one, now))
    return [one for one in running if one.recognition is Recognition.NAME_ONLY and one.ingredients]


def harmful_on_chart(snapshot: PatientSnapshot, now: datetime) -> tuple[str, ...]:
    """Names of the running drugs that can harm kidneys, recognised by code.

    An alert that names them changed more prescriptions than one that did not (Wilson, Nat Commun 2023).
    """
    running = (recognise(one) for one in snapshot.medications if is_running(one, now))
    return tuple(dict.fromkeys(shown_name(facts) for facts in running if facts.is_nephrotoxic))


def _distinct(drugs: Iterator[DrugFacts]) -> list[DrugFacts]:
    """Each drug once, however many orders and administrations name it."""
    return list({(one.ingredients, one.recognition): one for one in drugs if one.classes}.values())


def is_running(medication: Medication, now: datetime) -> bool:
    """Whether a drug on the chart is being given: active and not past its end; without a status, begun lately."""
    if medication.active is False or (medication.end_at is not None and medication.end_at < now):
        return False
    if medication.active:
        return True
    return medication.start_at is not None and now - _STATUS_UNKNOWN_FOR <= medication.start_at <= now
