"""Diagnoses of earlier stays and procedures, with the code systems' own URIs."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.building import codes
from sandbox.building.encounters import Encounters
from sandbox.building.timing import DAY, Shift, local_date, seconds

Resource = dict[str, Any]
ICD_9 = "http://hl7.org/fhir/sid/icd-9-cm"
ICD_10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"


_TOLD_LATER = re.compile("consecutive hours", re.IGNORECASE)


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Diseases that do not go away: active whenever once coded. Others get no clinical status, as nobody knows it.
_LASTING_9 = _codes(
    "042 244 250 272 274 27541 29410 3320 3569 401 402 403 404 405 412 414 428 491 492 496 53081 571 585 V420 V451"
)
_LASTING_10 = _codes(
    "B20 D63 E03 E08 E10 E11 E13 E66 E78 G20 I10 I11 I12 I13 I25 I48 I50 J44 K219 K70 K74 M10 N18 Z940 Z992"
)


def dotted(code: str, *, icd_9: bool) -> str:
    """A diagnosis code with its dot: after three characters, for ICD-9 E-codes after four."""
    stem = 4 if icd_9 and code.startswith("E") else 3
    return f"{code[:stem]}.{code[stem:]}" if len(code) > stem else code


def condition(source: Resource, encounters: Encounters, dropped: Counter[str]) -> Iterator[Resource]:
    """A coded diagnosis of a stay that was over at the moment: coding happens at discharge."""
    stay = source["encounter"]["reference"]
    ended = encounters.ended_at(stay)
    if ended is None:
        dropped["diagnosis of the current or a later stay"] += 1
        return
    coding = source["code"]["coding"][0]
    icd_9 = coding["system"].endswith("icd9")
    lasting = coding["code"].startswith(_LASTING_9 if icd_9 else _LASTING_10)
    display = coding.get("display", "")
    built: Resource = {
        "resourceType": "Condition",
        "verificationStatus": _one("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "category": [_one("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")],
        "code": {
            "coding": [
                {
                    "system": ICD_9 if icd_9 else ICD_10,
                    "code": dotted(coding["code"], icd_9=icd_9),
                    "display": display,
                }
            ],
            "text": display,
        },
        "encounter": {"reference": encounters.reference(stay)},
        "recordedDate": encounters.shifted_end(stay),
    }
    if lasting:
        built["clinicalStatus"] = _one("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
    yield built


def _one(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def procedure(source: Resource, encounters: Encounters, shift: Shift, dropped: Counter[str]) -> Iterator[Resource]:
    """A procedure begun by the moment. Dialysis carries SNOMED CT beside the source's code."""
    coding = source["code"]["coding"][0]
    bedside = "performedPeriod" in source
    if bedside and coding["code"] not in codes.PROCEDURE_ITEMS:
        dropped["bedside procedure not shown (lines, cultures, calls)"] += 1
        return
    stay = source["encounter"]["reference"]
    if _TOLD_LATER.search(coding.get("display", "")) and encounters.is_current(stay):
        dropped["procedure of the current stay whose name tells how long it went on"] += 1
        return
    when = _bedside_time(source, shift) if bedside else _coded_time(source, shift)
    if when is None:
        dropped["procedure later than the moment"] += 1
        return
    encounter = encounters.reference(stay)
    built: Resource = {
        "resourceType": "Procedure",
        "status": "in-progress" if bedside and "end" not in when["performedPeriod"] else "completed",
        "code": {"coding": _procedure_codings(coding), "text": coding.get("display", coding["code"])},
        **when,
    }
    if encounter:
        built["encounter"] = {"reference": encounter}
    yield built


def _bedside_time(source: Resource, shift: Shift) -> Resource | None:
    start, end = (seconds(source["performedPeriod"][key]) for key in ("start", "end"))
    if start > shift.moment:
        return None
    period = {"start": shift.time(start)}
    if end <= shift.moment:
        period["end"] = shift.time(end)
    return {"performedPeriod": period}


def _coded_time(source: Resource, shift: Shift) -> Resource | None:
    """Coded procedures carry a day only, so one of the moment's own day may lie after it and is left out."""
    at = seconds(source["performedDateTime"])
    if at + DAY > shift.moment:
        return None
    return {"performedDateTime": shift.day(local_date(at).isoformat())}


def _procedure_codings(coding: Resource) -> list[Resource]:
    code, source_system = coding["code"], coding["system"]
    if source_system.endswith("procedure-icd9"):
        system, shown = ICD_9, f"{code[:2]}.{code[2:]}"
    elif source_system.endswith("procedure-icd10"):
        system, shown = ICD_10_PCS, code
    else:
        system, shown = codes.MIMIC_ITEM, code
    snomed = codes.DIALYSIS_ITEMS.get(code) or codes.DIALYSIS_ICD.get(code)
    first = [{"system": codes.SNOMED, "code": snomed[0], "display": snomed[1]}] if snomed else []
    return [*first, {"system": system, "code": shown, "display": coding.get("display", "")}]
