"""The value of an Observation or one of its components, in the analyte's canonical unit (FH-5, FH-6).

Every form FHIR allows has a stated treatment: a Quantity is converted by (code, unit); absence is named;
text is never parsed into a number. Nothing becomes 0.
"""

from typing import Any, Final

from msgspec import UNSET

from model.errors import QuantityRefused
from model.sentences import Sentence
from model.snapshot import Comparator
from patient_context.lexicon import KnownTest
from patient_context.results import Part, Quantity
from patient_context.shapes import Refused, first_code

_COMPARATORS: Final = {comparator.value: comparator for comparator in Comparator}
# FHIR's list; anything else is not repeated, since it may be anything.
_ABSENT_REASONS: Final = frozenset(
    {
        "unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "masked", "not-applicable",
        "unsupported", "as-text", "error", "not-a-number", "negative-infinity", "positive-infinity",
        "not-performed", "not-permitted",
    }
)  # fmt: skip


def canonical_value(holder: Part, known: KnownTest) -> tuple[float, Comparator | None]:
    """The value of an Observation or component that is a `known` test. Raises Refused with the reason."""
    quantity = holder.valueQuantity
    if not isinstance(quantity, Quantity):
        raise _no_quantity(holder)
    if holder.dataAbsentReason is not UNSET:
        raise Refused("value-contradicted", "It gives a value and a reason for having none.")
    comparator = quantity.comparator
    if comparator is not None and (not isinstance(comparator, str) or comparator not in _COMPARATORS):
        raise Refused("comparator-unknown", "The value's comparator is not understood.")
    value = quantity.value
    if type(value) is not float and type(value) is not int:  # bool is no number
        raise _no_number(value)
    try:
        canonical = known.scale_of(quantity).to_canonical(value)
    except QuantityRefused as refusal:
        raise Refused(refusal.code, refusal.sentence) from None
    return canonical, _COMPARATORS[comparator] if comparator else None


def _no_number(value: Any) -> Refused:
    if value is None:
        return Refused("value-missing", "The result has no value.")
    return Refused("value-not-usable", "The value is not a number.")


def _no_quantity(holder: Part) -> Refused:
    """Why there is no Quantity to read."""
    if holder.dataAbsentReason is not UNSET:
        reason = first_code(holder.dataAbsentReason)
        shown = reason if reason in _ABSENT_REASONS else "unknown"
        return Refused("value-absent", Sentence("The laboratory gave no value (reason: {reason}).", reason=shown))
    other = holder.value_name()
    if other is None:
        return Refused("value-missing", "The result has no value.")
    if other == "valueString":
        return Refused("value-is-text", "The result is text; numbers inside text are not read.")
    return Refused("value-not-a-quantity", "The result is not a number with a unit.")
