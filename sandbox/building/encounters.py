"""Stays of one patient as known at the moment: earlier ones closed, the current one open.

Source classes of whole admissions say how the patient came (EMER, OBSENC, AMB, SS). An admission that lasts
a day or contains intensive care is an inpatient stay whatever its origin: IMP. ICU is ACUTE, ED is EMER.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.building.timing import DAY, Shift, seconds

if TYPE_CHECKING:
    from sandbox.building.mimic import Source

Resource = dict[str, Any]
_CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_NAMES = {
    "IMP": "inpatient encounter",
    "ACUTE": "inpatient acute",
    "EMER": "emergency",
    "OBSENC": "observation encounter",
    "AMB": "ambulatory",
    "SS": "short stay",
}
_PARTS = {"EncounterICU": "Intensive care stay", "EncounterED": "Emergency department visit"}


class Encounters:
    """Builds Encounters and answers which one an order, result or procedure belongs to."""

    def __init__(self, source: Source, shift: Shift, wards: dict[str, str]) -> None:
        self._shift = shift
        self._wards = wards
        self.record = source.record
        whole = [e for e in source.files["Encounter"] if seconds(e["period"]["start"]) <= shift.moment]
        parts = [
            (e, kind)
            for kind in _PARTS
            for e in source.files[kind]
            if seconds(e["period"]["start"]) <= shift.moment
        ]
        self._intensive = {
            e["partOf"]["reference"].rpartition("/")[2] for e, kind in parts if kind == "EncounterICU"
        }
        ordered = sorted(
            [*((e, "") for e in whole), *parts], key=lambda pair: (pair[0]["period"]["start"], pair[0]["id"])
        )
        self._kinds = ordered
        self._ids = {e["id"]: f"enc-{source.record}-{n:02}" for n, (e, _) in enumerate(ordered, start=1)}
        self._by_stay = {e["identifier"][0]["value"]: e["id"] for e in whole}
        self._spans = [
            (seconds(e["period"]["start"]), seconds(e["period"]["end"]), e["id"])
            for e, _ in sorted(
                ordered, key=lambda pair: pair[1] == ""
            )  # parts first: they are the narrower answer
        ]
        self._ended = {
            e["id"]: e["period"]["end"] for e, _ in ordered if seconds(e["period"]["end"]) <= shift.moment
        }

    def reference(self, source_id: str) -> str | None:
        """The reference to a stay by its id in the source, if it had begun by the moment."""
        found = self._ids.get(source_id.rpartition("/")[2])
        return f"Encounter/{found}" if found else None

    def reference_at(self, stay: str | None, at: float) -> str | None:
        """The reference to the ICU stay, ED visit or admission around `at`; clinic results have none."""
        for start, end, source_id in self._spans:
            if start <= at <= end:
                return self.reference(source_id)
        return self.reference(self._by_stay.get(stay or "", ""))

    def ended_at(self, source_id: str) -> str | None:
        """The source's end of a stay that was over at the moment; None for the current stay and unknown ones."""
        return self._ended.get(source_id.rpartition("/")[2])

    def shifted_end(self, source_id: str) -> str | None:
        """When a closed stay ended, counted from the moment."""
        ended = self.ended_at(source_id)
        return self._shift.time(seconds(ended)) if ended else None

    def is_current(self, source_id: str) -> bool:
        key = source_id.rpartition("/")[2]
        return key in self._ids and key not in self._ended

    def resources(self) -> list[Resource]:
        return [self._build(source, kind) for source, kind in self._kinds]

    def _build(self, source: Resource, kind: str) -> Resource:
        code = self._class(source, kind)
        open_now = source["id"] not in self._ended
        built: Resource = {
            "resourceType": "Encounter",
            "id": self._ids[source["id"]],
            "identifier": [{k: v for k, v in i.items() if k in ("system", "value")} for i in source["identifier"]],
            "status": "in-progress" if open_now else "finished",
            "class": {"system": _CLASS, "code": code, "display": _NAMES.get(code, code)},
            "type": [{"text": _PARTS.get(kind, "Hospital admission")}],
            "period": self._period(source["period"]),
        }
        parent = self.reference(source.get("partOf", {}).get("reference", "")) if "partOf" in source else None
        if parent:
            built["partOf"] = {"reference": parent}
        places = [self._place(place) for place in source.get("location", [])]
        if any(places):
            built["location"] = [place for place in places if place]
        return built

    def _class(self, source: Resource, kind: str) -> str:
        code: str = source["class"]["code"]
        lasted = min(seconds(source["period"]["end"]), self._shift.moment) - seconds(source["period"]["start"])
        if kind == "" and (lasted >= DAY or source["id"] in self._intensive):
            return "IMP"
        return code

    def _place(self, place: Resource) -> Resource | None:
        name = self._wards.get(place["location"]["reference"].rpartition("/")[2])
        if not name or name == "Unknown" or seconds(place["period"]["start"]) > self._shift.moment:
            return None
        return {"location": {"display": name}, "period": self._period(place["period"])}

    def _period(self, period: Resource) -> Resource:
        built = {"start": self._shift.time(seconds(period["start"]))}
        if seconds(period["end"]) <= self._shift.moment:
            built["end"] = self._shift.time(seconds(period["end"]))
        return built
