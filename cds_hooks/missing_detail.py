"""What was missing or not used, in a card's detail (CH-39): nobody may take silence about it for completeness."""

from collections.abc import Iterator, Sequence

from cds_hooks import wording
from model.assessment import Outcome
from model.snapshot import Incomplete
from model.staging import CREATININE_CLEARED

SHOWN_REJECTIONS = 5
_SAID_BESIDE_THE_STAGE = frozenset({"highest_stage", CREATININE_CLEARED.code})
# Refused because it did not take place: nothing is missing then, and the app lists it.
_NO_LOSS = frozenset(
    {
        "medication-not-given",
        "medication-not-ordered",
        "procedure-not-done",
        "imaging-not-done",
        "encounter-not-happened",
        "refuted",
    }
)
_PART = {
    "patient": "patient details (age, sex)",
    "labs": "laboratory results other than creatinine",
    "vitals": "vital signs",
    "body": "height and weight",
    "urine": "urine output",
    "conditions": "problem list",
    "medications": "medication orders",
    "procedures": "procedures, dialysis among them",
    "encounters": "encounters",
}


def missing(outcome: Outcome) -> Iterator[str]:
    """What was missing or not used."""
    lines = [
        f"- {wording.chart_text(reason.text, 240)}"
        for reason in outcome.reasons
        if not reason.code.endswith("_incomplete")  # said by part below
        and reason.code not in _SAID_BESIDE_THE_STAGE
    ]
    lines += _unread(outcome.inputs.incomplete)
    lines += _rejections(outcome)
    if lines:
        yield "**Missing or not used**"
        yield ""
        yield from lines


def _unread(gaps: Sequence[Incomplete]) -> Sequence[str]:
    absent = [_part(gap) for gap in gaps if gap.code == "not-supplied"]
    lines = [f"- Not supplied by the EHR: {'; '.join(absent)}"] if absent else []
    parts: dict[str, list[str]] = {}
    for gap in gaps:
        if gap.code != "not-supplied":
            parts.setdefault(gap.reason, []).append(_part(gap))
    return lines + [
        f"- {'; '.join(names).capitalize()}: {wording.chart_text(reason, 240)}" for reason, names in parts.items()
    ]


def _part(gap: Incomplete) -> str:
    return _PART.get(gap.part) or wording.chart_text(gap.part)


def _rejections(outcome: Outcome) -> Sequence[str]:
    rejected = [one for one in outcome.inputs.rejected if one.code not in _NO_LOSS]
    lines = [
        f"- Not used: {wording.chart_text(one.resource)}: {wording.chart_text(one.reason, 240)}"
        for one in rejected[:SHOWN_REJECTIONS]
    ]
    if len(rejected) > SHOWN_REJECTIONS:
        lines.append(f"- and {len(rejected) - SHOWN_REJECTIONS} more results not used, listed in the app")
    return lines
