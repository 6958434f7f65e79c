"""The value of an Observation or one of its components, in the analyte's canonical unit (FH-5, FH-6).

Every form FHIR allows has a stated treatment: a Quantity is converted by (code, unit); absence is named;
text is never parsed into a number. Nothing becomes 0.
"""

from typing import Any, Final

from model.errors import QuantityRefused
from model.snapshot import Comparator
from model.units import conversion_for, to_canonical
from patient_context.codes import TestCode
from patient_context.reading import SiteReading
from patient_context.shapes import Json, Refused, first_code, text

UCUM: Final = frozenset({"http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_COMPARATORS: Final = {comparator.value: comparator for comparator in Comparator}


def canonical_value(holder: Json, test: TestCode, reading: SiteReading) -> tuple[float, Comparator | None]:
    """The value of an Observation or component that carries `test`. Raises Refused with the reason."""
    quantity = holder.get("valueQuantity")
    if not isinstance(quantity, dict):
        raise _no_quantity(holder)
    if "dataAbsentReason" in holder:
        raise Refused("value-contradicted", "It gives a value and a reason for having none.")
    comparator = quantity.get("comparator")
    if comparator is not None and (not isinstance(comparator, str) or comparator not in _COMPARATORS):
        raise Refused("comparator-unknown", "The value's comparator is not understood.")
    try:
        return _converted(quantity, test, reading), _COMPARATORS[comparator] if comparator else None
    except QuantityRefused as refusal:
        raise Refused(refusal.code, str(refusal)) from None


def _converted(quantity: Json, test: TestCode, reading: SiteReading) -> float:
    value, unit, ucum = _number(quantity.get("value")), *_unit(quantity)
    if ucum:
        _require_agreeing_text(quantity, unit, test)
    return to_canonical(
        test.analyte,
        value,
        unit,
        ucum=ucum,
        reported_as=test.reported_as,
        expected_kind=None if reading.trust_unit_over_code else test.kind,
    )


def _number(value: Any) -> float:
    if value is None:
        raise Refused("value-missing", "The result has no value.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("value-not-usable", "The value is not a number.")
    return value


def _unit(quantity: Json) -> tuple[str, bool]:
    """The unit to convert by, and whether it is a UCUM code."""
    code, system = text(quantity.get("code")), quantity.get("system")
    if code and isinstance(system, str) and system in UCUM:
        return code, True
    return text(quantity.get("unit")) or code or "", False


def _require_agreeing_text(quantity: Json, code: str, test: TestCode) -> None:
    """A printed unit that means something else than the coded one makes the number unusable."""
    printed = quantity.get("unit")
    if printed == code or not text(printed):
        return
    by_text = conversion_for(test.analyte, str(printed), ucum=False, reported_as=test.reported_as)
    by_code = conversion_for(test.analyte, code, ucum=True, reported_as=test.reported_as)
    if by_text is not None and by_code is not None and by_text != by_code:
        raise Refused("unit-conflict", "The coded unit and the printed unit differ.")


def _no_quantity(holder: Json) -> Refused:
    """Why there is no Quantity to read."""
    if "dataAbsentReason" in holder:
        reason = first_code(holder["dataAbsentReason"]) or "unknown"
        shown = reason if len(reason) <= 32 and reason.replace("-", "").isalpha() else "unknown"
        return Refused("value-absent", f"The laboratory gave no value (reason: {shown}).")
    other = next((name for name in holder if name.startswith("value")), None)
    if other is None:
        return Refused("value-missing", "The result has no value.")
    if other == "valueString":
        return Refused("value-is-text", "The result is text; numbers inside text are not read.")
    return Refused("value-not-a-quantity", "The result is not a number with a unit.")
