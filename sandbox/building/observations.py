"""Observations of one patient from MEDS events and the FHIR source: laboratory, vital signs, urine output."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.building import codes
from sandbox.building.codes import Item
from sandbox.building.events import Event
from sandbox.building.moments import TURNAROUND
from sandbox.building.timing import DAY, Shift, local_date, seconds

Resource = dict[str, Any]
HISTORY = 730 * DAY
VITALS_HISTORY = 30 * DAY  # bedside charting is dense: older than this it is not in the data set


def quantity(value: float, unit: str) -> Resource:
    number: float | int = int(value) if value == int(value) else value
    return {"value": number, "unit": unit, "system": codes.UCUM, "code": unit}


def concept(item: Item, *more: Resource) -> Resource:
    return {
        "coding": [{"system": codes.LOINC, "code": item.loinc, "display": item.name}, *more],
        "text": item.name,
    }


def category(code: str) -> list[Resource]:
    return [{"coding": [{"system": codes.CATEGORY, "code": code}]}]


def plausible(item: Item, value: float) -> bool:
    low, high = codes.PLAUSIBLE.get((item.loinc, item.unit), (float("-inf"), float("inf")))
    return low <= value <= high


class ObservationBuilder:
    """Makes the Observations of one patient that were known at the moment; `dropped` counts the rest by reason."""

    def __init__(
        self, shift: Shift, dropped: Counter[str], encounter_of: Callable[[str | None, float], str | None]
    ) -> None:
        self._shift = shift
        self._dropped = dropped
        self._encounter_of = encounter_of

    def from_events(self, events: list[Event]) -> Iterator[Resource]:
        arterial = {e.at for e in events if e.item == codes.SPECIMEN_ITEM and (e.text or "").startswith("ART")}
        known = [e for e in events if self._shift.moment - HISTORY <= e.at <= self._shift.moment]
        self._dropped["later than the moment, or older than two years"] += len(events) - len(known)
        yield from self._laboratory(known, arterial)
        bedside = [e for e in known if e.at >= self._shift.moment - VITALS_HISTORY]
        yield from self._single_vitals(bedside)
        yield from self._pressures(bedside)
        yield from self._coma(bedside)
        yield from self._clinic(known)

    def _laboratory(self, events: Iterable[Event], arterial: set[float]) -> Iterator[Resource]:
        for event in events:
            item = codes.LAB_ITEMS.get(event.item)
            if event.item in codes.ARTERIAL_ITEMS and event.at in arterial:
                item = codes.ARTERIAL_ITEMS[event.item]
            if item is None or not self._acceptable(event, item):
                continue
            if event.at + TURNAROUND > self._shift.moment:
                self._dropped["laboratory: drawn, result not yet known"] += 1
                continue
            local = {"system": codes.MIMIC_LAB, "code": event.item}
            yield self._measured(
                "laboratory", concept(item, local), event, value=quantity(event.value or 0.0, item.unit)
            )

    def _single_vitals(self, events: Iterable[Event]) -> Iterator[Resource]:
        for event in events:
            item = codes.CHART_ITEMS.get(event.item)
            if item is not None and self._acceptable(event, item):
                local = {"system": codes.MIMIC_ITEM, "code": event.item}
                value = quantity(event.value or 0.0, item.unit)
                yield self._measured("vital-signs", concept(item, local), event, value=value)

    def _acceptable(self, event: Event, item: Item) -> bool:
        """Whether the value exists, is plausible, and carries a unit spelling that means the item's unit."""
        if event.value is None:
            self._dropped["no number"] += 1
            return False
        if event.unit != item.unit and event.unit not in codes.SAME_UNIT.get(item.unit, frozenset()):
            self._dropped[f"unit not understood: {event.item} in {event.unit!r}"] += 1
            return False
        if not plausible(item, event.value):
            self._dropped[f"implausible: {item.name}"] += 1
            return False
        return True

    def _pressures(self, events: Iterable[Event]) -> Iterator[Resource]:
        charted = {
            (e.item, e.at): e for e in events if e.item in {*codes.PRESSURE_PAIRS, *codes.PRESSURE_PAIRS.values()}
        }
        for (item, at), systolic in charted.items():
            diastolic = charted.get((codes.PRESSURE_PAIRS.get(item, ""), at))
            if diastolic is None:
                continue
            if self._acceptable(systolic, codes.SYSTOLIC) and self._acceptable(diastolic, codes.DIASTOLIC):
                yield self._panel(systolic, systolic.value or 0.0, diastolic.value or 0.0)

    def _panel(self, event: Event, systolic: float, diastolic: float) -> Resource:
        panel = self._measured("vital-signs", concept(codes.PRESSURE_PANEL), event)
        panel["component"] = [
            {"code": concept(codes.SYSTOLIC), "valueQuantity": quantity(systolic, "mm[Hg]")},
            {"code": concept(codes.DIASTOLIC), "valueQuantity": quantity(diastolic, "mm[Hg]")},
        ]
        return panel

    def _coma(self, events: Iterable[Event]) -> Iterator[Resource]:
        """The total only where all three parts were charted together and speech could be tested."""
        parts: dict[float, dict[str, Event]] = {}
        for event in events:
            if event.item in codes.COMA_ITEMS and event.value is not None and "ETT" not in (event.text or ""):
                parts.setdefault(event.at, {})[event.item] = event
        for charted in parts.values():
            if len(charted) == len(codes.COMA_ITEMS):
                total = sum(event.value or 0.0 for event in charted.values())
                event = charted["220739"]
                yield self._measured(
                    "vital-signs", concept(codes.COMA_TOTAL), event, value=quantity(total, "{score}")
                )

    def _clinic(self, events: Iterable[Event]) -> Iterator[Resource]:
        """Clinic measurements carry a day, no time; those of the moment's own day may lie after it: left out."""
        items = {"Weight (Lbs)": codes.WEIGHT_LB, "Height (Inches)": codes.HEIGHT_IN}
        today = local_date(self._shift.moment)
        for event in events:
            if event.naive_at.date() == today or event.item not in (*items, "Blood Pressure"):
                continue
            built = (
                self._clinic_pressure(event)
                if event.item not in items
                else self._clinic_size(event, items[event.item])
            )
            if built is not None:
                built["effectiveDateTime"] = self._shift.day(event.naive_at.date().isoformat())
                built.pop("encounter", None)
                yield built

    def _clinic_size(self, event: Event, item: Item) -> Resource | None:
        value = float(event.text or "nan")
        if not plausible(item, value):
            self._dropped[f"implausible: {item.name}"] += 1
            return None
        return self._measured("vital-signs", concept(item), event, value=quantity(value, item.unit))

    def _clinic_pressure(self, event: Event) -> Resource | None:
        systolic, _, diastolic = (event.text or "").partition("/")
        if not (systolic.isdigit() and diastolic.isdigit()):
            self._dropped["no number"] += 1
            return None
        return self._panel(event, float(systolic), float(diastolic))

    def _measured(self, kind: str, code: Resource, event: Event, *, value: Resource | None = None) -> Resource:
        resource: Resource = {
            "resourceType": "Observation",
            "status": "final",
            "category": category(kind),
            "code": code,
            "effectiveDateTime": self._shift.time(event.at),
        }
        encounter = self._encounter_of(event.stay, event.at)
        if encounter:
            resource["encounter"] = {"reference": encounter}
        if value is not None:
            resource["valueQuantity"] = value
        return resource

    def urine(self, sources: Iterable[Resource]) -> Iterator[Resource]:
        """Charted urine volumes; a volume entered after the moment was not known at it."""
        for source in sources:
            coding = source["code"]["coding"][0]
            amount = source.get("valueQuantity", {})
            at = seconds(source["effectiveDateTime"])
            if coding["code"] not in codes.URINE_ITEMS or amount.get("unit") != "ml":
                self._dropped[f"output that is not urine: {coding.get('display')}"] += 1
                continue
            if at > self._shift.moment or seconds(source["issued"]) > self._shift.moment:
                self._dropped["urine: charted after the moment"] += 1
                continue
            if not plausible(codes.URINE, amount["value"]):
                self._dropped["implausible: Urine output"] += 1
                continue
            local = {"system": codes.MIMIC_ITEM, "code": coding["code"], "display": coding["display"]}
            built: Resource = {
                "resourceType": "Observation",
                "status": "final",
                "category": category("vital-signs"),
                "code": concept(codes.URINE, local),
                "effectiveDateTime": self._shift.time(at),
                "issued": self._shift.time(seconds(source["issued"])),
                "valueQuantity": quantity(amount["value"], "mL"),
            }
            encounter = self._encounter_of(None, at)
            if encounter:
                built["encounter"] = {"reference": encounter}
            yield built

    def emergency(self, sources: Iterable[Resource]) -> Iterator[Resource]:
        """Vital signs of the emergency department; those without a value are left out."""
        for source in sources:
            at = seconds(source["effectiveDateTime"])
            if not self._shift.moment - HISTORY <= at <= self._shift.moment:
                self._dropped["later than the moment, or older than two years"] += 1
                continue
            built = self._emergency_vital(source, at)
            if built is not None:
                yield built

    def _emergency_vital(self, source: Resource, at: float) -> Resource | None:
        coding = source["code"]["coding"][0]
        item = Item(coding["code"], coding["display"], source.get("valueQuantity", {}).get("code", ""))
        built: Resource = {
            "resourceType": "Observation",
            "status": source["status"],
            "category": category("vital-signs"),
            "code": concept(item),
            "effectiveDateTime": self._shift.time(at),
        }
        encounter = self._encounter_of(None, at)
        if encounter:
            built["encounter"] = {"reference": encounter}
        parts = [p for p in source.get("component", []) if "value" in p.get("valueQuantity", {})]
        if "value" in source.get("valueQuantity", {}) and plausible(item, source["valueQuantity"]["value"]):
            return {**built, "valueQuantity": quantity(source["valueQuantity"]["value"], item.unit)}
        if len(parts) == 2:
            components = [
                {"code": p["code"], "valueQuantity": quantity(p["valueQuantity"]["value"], "mm[Hg]")}
                for p in parts
            ]
            return {**built, "component": components}
        self._dropped["emergency vital sign without a plausible value"] += 1
        return None
