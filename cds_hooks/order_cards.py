"""Cards about orders: the drug, what to know of it, the kidneys it meets, and what can be done with one click."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cds_hooks import wording
from cds_hooks.card_detail import days_or_hours_ago, finding, latest_lines, provenance
from cds_hooks.cards import ORDER_OVERRIDE_REASONS, Card, CardContext, assemble, plain_creatinine
from cds_hooks.decision import CardKind, Indicator, Show
from cds_hooks.draft_orders import DraftOrder
from cds_hooks.estimate_detail import estimate_lines
from cds_hooks.missing_detail import missing
from cds_hooks.suggestions import MOST, SuggestionContext, suggest_order, suggest_removal
from model.assessment import Assessment, KdigoCriterion, Outcome
from model.caution_table import Offer
from model.contrast_imaging import is_examination
from model.drug_cautions import Caution, shown_name
from model.drugs import DrugFacts, Recognition
from model.forecasts import forecast_of
from model.kidney_facts import KidneyFacts
from model.reported import mg_dl_digits

_TEXT_LIMIT = 600
_REASON = "Creatinine course while a drug that concerns the kidney is given"
_NOT_STEADY = "That creatinine is not known to be steady, so no number from it is one to dose by"
_RISING = "While creatinine rises the kidneys do less than eGFR or clearance say"
_AT_RISK = frozenset({"nsaid-at-risk", "nephrotoxin-at-risk"})


@dataclass(frozen=True, slots=True)
class OrderFinding:
    """One ordered drug and everything to say about it, the gravest first."""

    draft: DraftOrder
    drug: DrugFacts
    cautions: tuple[Caution, ...]
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class NotCounted:
    """What had no part in a finding, and is said: silence about it would read as consent.

    `unclear` are orders of the same call that could not be checked; `by_name_only` drugs on the chart whose words
    name a drug of the table without a code; `of_others` counts drafts that name another patient.
    """

    unclear: Sequence[DrugFacts] = ()
    by_name_only: Sequence[DrugFacts] = ()
    of_others: int = 0


def build_order_card(
    found: OrderFinding,
    kidneys: KidneyFacts,
    outcome: Outcome,
    context: CardContext,
    not_counted: NotCounted = NotCounted(),
) -> Card:
    """The card for one ordered drug."""
    first = found.cautions[0]
    part = f"{first.family}/{found.draft.reference or found.drug.name}"
    return assemble(
        Show(CardKind(first.family), found.indicator),
        context,
        part=part,
        summary=_summary(first, kidneys, context),
        detail=_detail(found, kidneys, outcome, context, [*_order_lines(found.drug, not_counted)]),
        suggestions=_suggestions(found, kidneys, context.request_for(part)),
        override_reasons=ORDER_OVERRIDE_REASONS,
    )


def build_unrecognised_card(unclear: Sequence[DrugFacts], outcome: Outcome, context: CardContext) -> Card:
    """One card for all orders of a call that could not be recognised, so that silence is not read as consent."""
    one = len(unclear) == 1
    name = unclear[0].name.replace("<", "").replace(">", "")  # plain text, but nobody knows every EHR
    who = wording.plain_text(name, 60) if one else f"{len(unclear)} drug orders"
    lines = ["**Not checked against the kidneys**", "", *(_unclear_line(facts) for facts in unclear)]
    parts = [
        lines,
        _kidneys(KidneyFacts(), outcome, context),
        missing(outcome),
        provenance(outcome, context.facts),
    ]
    return assemble(
        Show(CardKind.UNRECOGNISED_ORDER, Indicator.INFO),
        context,
        part="unrecognised",
        summary=f"Not checked: {who} could not be recognised by code, and kidney function is reduced",
        detail=_joined(parts),
        suggestions=(),
        override_reasons=ORDER_OVERRIDE_REASONS,
    )


def _unclear_line(facts: DrugFacts) -> str:
    name = wording.chart_text(facts.name, 80)
    if facts.recognition is Recognition.NAME_ONLY:
        reads = wording.chart_text(" / ".join(one.name for one in (*facts.ingredients, *facts.local)))
        return f"- {name}: carries no drug code that is known here; its words read like {reads}"
    return f"- {name}: carries no drug code that is known here"


def _opening(caution: Caution) -> str:
    return f"For review: {wording.plain_text(caution.title)}"


def _summary(caution: Caution, kidneys: KidneyFacts, context: CardContext) -> str:
    """The title with as many of the numbers behind it as fit whole: a number is never cut."""
    summary = _opening(caution)
    for part in _numbers(caution.title, kidneys, context):
        if len(summary) + len(part) > wording.SUMMARY_LIMIT:
            break
        summary += part
    return summary


def _numbers(title: str, kidneys: KidneyFacts, context: CardContext) -> Iterator[str]:
    latest = context.facts.latest_creatinine
    if latest is None or kidneys.on_dialysis:
        return
    old = context.now - latest.at > timedelta(hours=48)
    when = f" {days_or_hours_ago(latest.at, context.now)}" if old else ""
    yield f"; creatinine {plain_creatinine(latest)}{when}"
    if kidneys.in_aki and kidneys.baseline_mg_dl is not None:
        yield f", baseline {mg_dl_digits(kidneys.baseline_mg_dl)} mg/dL"
    elif kidneys.egfr is not None and f"eGFR {kidneys.egfr:.0f}" not in title:
        yield f", eGFR {kidneys.egfr:.0f}"
    if kidneys.egfr is not None and not kidneys.steady and not kidneys.in_aki:
        yield " (not known steady)"


def _detail(
    found: OrderFinding,
    kidneys: KidneyFacts,
    outcome: Outcome,
    context: CardContext,
    order_lines: Sequence[str],
) -> str:
    parts: list[Iterable[str]] = [_said(one, first=not n) for n, one in enumerate(found.cautions)]
    parts.append(_kidneys(kidneys, outcome, context))
    at_risk = any(one.rule in _AT_RISK for one in found.cautions)
    shown = forecast_of(outcome) if at_risk else None
    if shown is not None:
        parts.append(estimate_lines(shown, context.facts.zone))
    parts.append(order_lines)
    parts += [missing(outcome), provenance(outcome, context.facts, shown)]
    return _joined(parts)


def _joined(parts: Sequence[Iterable[str]]) -> str:
    return "\n\n".join(text for part in parts if (text := "\n".join(part)))


def _said(caution: Caution, *, first: bool = False) -> Iterator[str]:
    """What to know, under its title, which the card's summary has said of the first where it fitted."""
    if not first or len(_opening(caution)) > wording.SUMMARY_LIMIT:
        yield f"**{wording.chart_text(caution.title)}**"
        yield ""
    yield wording.chart_text(caution.text, _TEXT_LIMIT)
    yield ""
    yield f"- Source: {wording.chart_text('; '.join(caution.words.basis), _TEXT_LIMIT)}"


def _kidneys(kidneys: KidneyFacts, outcome: Outcome, context: CardContext) -> Iterator[str]:
    if isinstance(outcome, Assessment):
        yield from finding(outcome, context.facts)
    else:
        yield "**The kidneys now**"
        yield ""
        yield from _without_assessment(kidneys, context)
    if kidneys.clearance is not None and kidneys.weight_kg is not None:
        doubt = "" if kidneys.steady else "; from the same creatinine, so with the same doubt"
        how = f"Cockcroft-Gault, actual weight {kidneys.weight_kg:.0f} kg"
        yield f"- Creatinine clearance {kidneys.clearance:.0f} mL/min ({how}){doubt}"
    if kidneys.egfr is not None and kidneys.course == "rising":
        yield f"- {_RISING}"
    if kidneys.potassium_mmol_l is not None:
        yield f"- Latest potassium {kidneys.potassium_mmol_l:.1f} mmol/L"


def _without_assessment(kidneys: KidneyFacts, context: CardContext) -> Iterator[str]:
    if kidneys.on_dialysis:
        yield "- On dialysis: no number from creatinine applies"
    elif context.facts.latest_creatinine is None:
        yield "- No creatinine is on the chart"
    else:
        yield from latest_lines(context.facts)
        if kidneys.egfr is not None:
            yield f"- eGFR {kidneys.egfr:.0f} mL/min/1.73 m² ({kidneys.egfr_equation}) from it. {_NOT_STEADY}"


def _order_lines(drug: DrugFacts, not_counted: NotCounted) -> Iterator[str]:
    yield "**The order**"
    yield ""
    name, what = wording.chart_text(drug.name, 100), _as_what(drug)
    yield f"- {name}: recognised by {_how(drug)}{'' if name.lower() == what.lower() else f' as {what}'}"
    for facts in not_counted.unclear:
        yield f"{_unclear_line(facts)}; it was not checked"
    if not_counted.by_name_only:
        names = wording.chart_text(", ".join(dict.fromkeys(map(shown_name, not_counted.by_name_only))), 200)
        yield f"- On the chart by name only, without a known code, so not counted: {names}"
    if (count := not_counted.of_others) == 1:
        yield "- 1 draft order names another patient and was not looked at"
    elif count:
        yield f"- {count} draft orders name another patient and were not looked at"


def _how(drug: DrugFacts) -> str:
    if drug.recognition is Recognition.CODE:
        return "its code"
    return "the name beside its code" if is_examination(drug) else "the product name beside its code"


def _as_what(drug: DrugFacts) -> str:
    if is_examination(drug):
        return "an examination with iodinated contrast"
    return wording.chart_text(shown_name(drug))


def _suggestions(
    found: OrderFinding, kidneys: KidneyFacts, context: SuggestionContext
) -> Sequence[dict[str, Any]]:
    offered = [offer for caution in found.cautions for offer in caution.words.offers]
    reference = found.draft.reference
    made = []
    if _may_be_removed(found) and found.draft.is_draft and reference and reference.count("/") == 1:
        made.append(suggest_removal(shown_name(found.drug), reference, context))
    if Offer.CREATININE in offered:
        wait = timedelta(hours=12 if kidneys.in_aki else 24)
        made.append(suggest_order("creatinine", context, due_after=wait, reason=_REASON))
    if Offer.URINALYSIS in offered and kidneys.criterion is not KdigoCriterion.RRT:
        made.append(suggest_order("urinalysis", context, reason="Acute kidney injury: cause"))
    return made[:MOST]


def _may_be_removed(found: OrderFinding) -> bool:
    """Of three drugs that harm together only the NSAID is offered for removal, never the other two."""
    removing = [one for one in found.cautions if Offer.REMOVE in one.words.offers]
    return any(one.rule != "triple-whammy" or "nsaid" in found.drug.classes for one in removing)
