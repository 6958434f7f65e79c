"""Ways to spoil a chart, knowing what one looks like: what an EHR, a proxy or an attacker may send.

A mutation changes a Bundle in place. Those of `ANYWHERE` strike any member; the others know their target.
"""

import json
import random
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Mutation = Callable[[random.Random, Json], None]

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, -0.0, 1e308, -1e308, 10**400, 5e-324, float("nan"), float("inf"), "", " ",
    "\u0000", "null", "NaN",
    "\ud800", "𝔘" * 50, "x" * 5000, [], {}, [[]], [None], {"coding": None}, {"coding": [None, 3, {}]}, ["final"],
    {"reference": ["Patient/1"]}, {"value": {"value": 1}}, "Patient", "Bundle", "OperationOutcome",
    "../../Patient/1",
    "<script>alert(1)</script>", "' OR 1=1 --", "2160-0", "http://loinc.org",
)  # fmt: skip
TIMES: tuple[Any, ...] = (
    "2099", "2099-12", "2099-12-30", "2099-12-30T10:00", "2099-12-30T10:00:00", "2099-12-30T10:00Z",
    "2099-12-30T10:00:00.5Z",
    "2099-12-30T10:00:00+14:00", "2099-12-30T10:00:00+99:00", "2099-12-30T24:00:00Z", "2099-12-30T23:59:60Z",
    "2099-12-30T10:00:00.123456789+01:00", "2099-02-30T10:00:00Z", "2099-W52-1T10:00:00Z", "20991230T100000Z",
    "2099-12-30 10:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z", "2100-01-01T00:09:00Z",
    "2100-01-01T00:11:00Z",
    "2150-01-01T00:00:00Z", "12/30/2099", 1893456000, ["2099-12-30T10:00:00Z"], "٢٠٩٩-12-30T10:00:00Z",
)  # fmt: skip
UNITS = (
    "mg/dL", "umol/L", "µmol/L", "μmol/L", "mmol/L", "MG/DL", "mg/L", "g/L", "mEq/L", "meq/L", "K/uL", "mg/dl",
    "", " mg / dL ", "furlong",
    "%", "1", "mL", "kg", "[lb_av]", "Cel", "[degF]", "kPa", "{score}", "mg%", "umol", "10*3/uL",
)  # fmt: skip
CODES = (
    "2160-0", "38483-4", "14682-9", "35203-9", "2161-8", "11042-9", "9318-7", "98979-8", "33914-3", "2823-3",
    "3094-0", "3091-6",
    "22664-7", "9187-6", "29463-7", "8480-6", "85354-9", "2708-6", "59408-5", "12190-5", "4548-4", "2160-0 ",
    "2160–0", "",
)  # fmt: skip
SYSTEMS = (
    "http://loinc.org",
    "https://loinc.org",
    "http://loinc.org/",
    "urn:oid:2.16.840.1.113883.6.1",
    "LOINC",
    "urn:x",
    "",
)
STATUSES = (
    "final",
    "preliminary",
    "corrected",
    "amended",
    "entered-in-error",
    "cancelled",
    "registered",
    "unknown",
    "FINAL",
    "",
)
SUBJECTS = ("Patient/999", "Group/1", "#p", "urn:uuid:0", "Patient/", "https://other.example/fhir/Patient/1", "")


def _resources(bundle: Json) -> list[Json]:
    return [e["resource"] for e in bundle["entry"] if isinstance(e, dict) and isinstance(e.get("resource"), dict)]


def _observation(rnd: random.Random, bundle: Json) -> Json:
    found = [r for r in _resources(bundle) if r.get("resourceType") == "Observation"]
    return rnd.choice(found) if found else {}


def _quantity(rnd: random.Random, bundle: Json) -> Json:
    found = _observation(rnd, bundle).get("valueQuantity")
    return found if isinstance(found, dict) else {}


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        current = waiting.pop()
        members = current.items() if isinstance(current, dict) else enumerate(current)
        for key, inner in members:
            found.append((current, key))
            if isinstance(inner, dict | list):
                waiting.append(inner)
    return found


def _anywhere(rnd: random.Random, bundle: Json) -> tuple[Any, Any] | None:
    resources = _resources(bundle)
    places = _places(rnd.choice(resources)) if resources else []
    return rnd.choice(places) if places else None


def junk(rnd: random.Random, bundle: Json) -> None:
    """Put something of another kind in the place of a member."""
    if place := _anywhere(rnd, bundle):
        place[0][place[1]] = rnd.choice(JUNK)


def lost(rnd: random.Random, bundle: Json) -> None:
    """Drop a member."""
    if (place := _anywhere(rnd, bundle)) and isinstance(place[0], dict):
        del place[0][place[1]]


def wrapped(rnd: random.Random, bundle: Json) -> None:
    """A list where one belongs, or one where a list belongs."""
    if place := _anywhere(rnd, bundle):
        held = place[0][place[1]]
        place[0][place[1]] = held[0] if isinstance(held, list) and held else [held]


def moved(rnd: random.Random, bundle: Json) -> None:
    """Swap the values of two places of the chart."""
    one, other = _anywhere(rnd, bundle), _anywhere(rnd, bundle)
    if one and other:
        first, second = json.dumps(one[0][one[1]]), json.dumps(other[0][other[1]])
        one[0][one[1]] = json.loads(second)
        if other[1] in other[0] if isinstance(other[0], dict) else len(other[0]) > other[1]:
            other[0][other[1]] = json.loads(first)


def deep(rnd: random.Random, bundle: Json) -> None:
    """Nest a member deeply."""
    if place := _anywhere(rnd, bundle):
        nested: Any = 1
        for _ in range(rnd.choice((10, 100, 400))):
            nested = {"extension": [nested]}
        place[0][place[1]] = nested


def timed(rnd: random.Random, bundle: Json) -> None:
    """Spell a time oddly, or put it elsewhere."""
    observation = _observation(rnd, bundle)
    name = rnd.choice(("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"))
    observation.pop("effectiveDateTime", None)
    observation[name] = {"end": rnd.choice(TIMES)} if name == "effectivePeriod" else rnd.choice(TIMES)


def same_moment(rnd: random.Random, bundle: Json) -> None:
    """Give one result the time of another."""
    one, other = _observation(rnd, bundle), _observation(rnd, bundle)
    one["effectiveDateTime"] = other.get("effectiveDateTime")


def unit(rnd: random.Random, bundle: Json) -> None:
    """Another unit, coded, printed or both."""
    for name in rnd.choice((("unit",), ("code",), ("unit", "code"), ("unit", "code", "system"))):
        _quantity(rnd, bundle)[name] = rnd.choice(UNITS) if name != "system" else rnd.choice(SYSTEMS)


def swapped_unit(rnd: random.Random, bundle: Json) -> None:
    """The value in the other unit of creatinine under the same name."""
    quantity = _quantity(rnd, bundle)
    if isinstance(value := quantity.get("value"), int | float):
        quantity["value"] = value * rnd.choice((88.42, 1 / 88.42, 10, 0.1, -1, 1000))


def comparator(rnd: random.Random, bundle: Json) -> None:
    """A bound, or something that looks like one."""
    _quantity(rnd, bundle)["comparator"] = rnd.choice(("<", "<=", ">", ">=", "ad", "~", "", None, 3))


def coded(rnd: random.Random, bundle: Json) -> None:
    """Another test's code, in place of or beside the first."""
    observation = _observation(rnd, bundle)
    coding = {"system": rnd.choice(SYSTEMS), "code": rnd.choice(CODES)}
    held = observation.get("code")
    if isinstance(held, dict) and isinstance(held.get("coding"), list) and rnd.random() < 0.5:
        held["coding"].append(coding)
    else:
        observation["code"] = {"coding": [coding], "text": rnd.choice(("", "Creatinine", "Kreatinin i.S.", "x"))}


def status(rnd: random.Random, bundle: Json) -> None:
    """Another status."""
    _observation(rnd, bundle)["status"] = rnd.choice(STATUSES)


def modifier(rnd: random.Random, bundle: Json) -> None:
    """A modifier nobody knows."""
    resources = _resources(bundle)
    if resources:
        rnd.choice(resources)["modifierExtension"] = rnd.choice(
            ([{"url": "urn:not"}], ["x"], {"url": "u"}, [{}], 1)
        )


def foreign(rnd: random.Random, bundle: Json) -> None:
    """Somebody else's resource, or nobody's."""
    resources = [r for r in _resources(bundle) if r.get("resourceType") != "Patient"]
    if resources:
        rnd.choice(resources)["subject"] = rnd.choice(
            ({"reference": rnd.choice(SUBJECTS)}, {}, None, [], "Patient/1")
        )


def absent(rnd: random.Random, bundle: Json) -> None:
    """A reason for having no value, with or without one."""
    observation = _observation(rnd, bundle)
    observation["dataAbsentReason"] = rnd.choice(({"coding": [{"code": "error"}]}, {}, None, "unknown"))
    if rnd.random() < 0.5:
        observation.pop("valueQuantity", None)
        observation[rnd.choice(("valueString", "valueInteger", "valueCodeableConcept"))] = rnd.choice(
            ("1.2", 3, {})
        )


def repeated(rnd: random.Random, bundle: Json) -> None:
    """The same resource again: as it is, in a later version, with another value, under another id."""
    resources = _resources(bundle)
    if not resources:
        return
    again = json.loads(json.dumps(rnd.choice(resources)))
    if again.get("resourceType") != "Patient" and rnd.random() < 0.5:
        again["id"] = f"again-{rnd.randrange(1000)}"
    if rnd.random() < 0.5:
        again["meta"] = {"versionId": rnd.choice(("2", "x", "9" * 30)), "lastUpdated": rnd.choice(TIMES)}
    if isinstance(quantity := again.get("valueQuantity"), dict) and rnd.random() < 0.5:
        quantity["value"] = rnd.choice((0.5, 2.5, 7, 120))
    bundle["entry"].insert(rnd.randrange(len(bundle["entry"]) + 1), {"resource": again})


def panel(rnd: random.Random, bundle: Json) -> None:
    """Put a result into a component, perhaps beside a broken one."""
    observation = _observation(rnd, bundle)
    part = {name: observation.get(name) for name in ("code", "valueQuantity")}
    observation["component"] = rnd.choice(([part], [part, {"code": 3}], [part, part], part, [[part]], [None]))
    if rnd.random() < 0.5:
        observation.pop("valueQuantity", None)


def strange_entry(rnd: random.Random, bundle: Json) -> None:
    """An entry that is not a resource, an outcome, another type, or a Bundle of its own."""
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": rnd.choice(("error", "warning"))}]}
    inner = {"resourceType": "Bundle", "entry": bundle["entry"][-2:]}
    entries = (None, {}, [], {"resource": None}, {"resource": []}, {"resource": warning},
    {"response": {"outcome": warning}},
               {"resource": {"resourceType": "Basic"}}, {"resource": {}}, {"resource": inner},
               {"resource": {"resourceType": ["Observation"]}}, {"fullUrl": 3,
               "resource": {"resourceType": "Observation"}})  # fmt: skip
    bundle["entry"].insert(rnd.randrange(len(bundle["entry"]) + 1), rnd.choice(entries))


def wrapping(rnd: random.Random, bundle: Json) -> None:
    """Say odd things on the Bundle itself."""
    name = rnd.choice(("type", "total", "link", "timestamp", "identifier"))
    links = [{"relation": "next", "url": "https://elsewhere.example/?page=2"}]
    bundle[name] = rnd.choice(
        ("searchset", "history", "batch-response", 10**9, -1, links, [None], {}, "2099-12-30")
    )


def medication(rnd: random.Random, bundle: Json) -> None:
    """Point to a drug that is contained, elsewhere, circular or missing."""
    orders = [r for r in _resources(bundle) if str(r.get("resourceType")).startswith("Medication")]
    if orders:
        order = rnd.choice(orders)
        order.pop("medicationCodeableConcept", None)
        order["contained"] = rnd.choice(
            ([{"resourceType": "Medication", "id": "d"}], [], None, "d", [{"id": "d", "code": 3}])
        )
        order["medicationReference"] = {
            "reference": rnd.choice(("#d", "#", "Medication/x", "Medication/../x", "urn:uuid:1"))
        }


ANYWHERE: tuple[Mutation, ...] = (junk, lost, wrapped, moved, deep)
TARGETED: tuple[Mutation, ...] = (
    timed, same_moment, unit, swapped_unit, comparator, coded, status, modifier, foreign, absent, repeated,
    panel, strange_entry,
    wrapping, medication,
)  # fmt: skip


def spoil(rnd: random.Random, bundle: Json) -> list[str]:
    """Apply one to five mutations; their names."""
    chosen = [
        rnd.choice(ANYWHERE if rnd.random() < 0.35 else TARGETED) for _ in range(rnd.choice((1, 1, 2, 3, 5)))
    ]
    for mutation in chosen:
        mutation(rnd, bundle)
    return [mutation.__name__ for mutation in chosen]


def spoil_bytes(rnd: random.Random, body: bytes) -> bytes:
    """What happens to bytes on their way: cut off, flipped, NaN, another charset, a web page in front."""
    at = rnd.randrange(1, len(body))
    return rnd.choice(
        (
            body[:at],
            body[:at] + bytes([rnd.randrange(256)]) + body[at + 1 :],
            body.replace(b'"value": 1', b'"value": NaN', 1),
            body.replace(b'"value": ', b'"value": 1e400, "value": ', 1),
            body.decode().encode("utf-16"),
            b"\xef\xbb\xbf" + body,
            b"<!doctype html>" + body,
            body + body[:at],
            body[:at] + b"[" * rnd.choice((10, 5000)) + body[at:],
        )
    )
