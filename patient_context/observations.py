"""Observations -> measurements: one reading per value, every refusal with its reason, nothing repaired."""

import re
from collections.abc import Mapping
from typing import Any, Final

from model.analytes import Analyte
from model.snapshot import Measurement
from patient_context.chart import Chart
from patient_context.codes import EGFR_CODES, LOINC, REFUSED_TESTS, TESTS, TestCode
from patient_context.shapes import Json, Refused, codings, concept_text, first_code, objects
from patient_context.times import FUTURE_TOLERANCE, FhirTime, effective_time, parse_time
from patient_context.values import canonical_value

_LOINC_SYSTEMS: Final = frozenset({LOINC, "urn:oid:2.16.840.1.113883.6.1"})
_USABLE_STATUS: Final = frozenset({"final", "amended", "corrected"})
_STATUS_SENTENCES: Final = {
    "entered-in-error": "It was entered in error.",
    "cancelled": "The test was cancelled.",
    "registered": "The result is not available yet.",
    "preliminary": "The result is preliminary.",
}
_CREATININE_WORD: Final = re.compile(r"(?i)\b(?:crea|kreat|créat)", re.UNICODE)
_NOT_A_CONCENTRATION: Final = re.compile(r"(?i)urin|ratio|clear|/|gfr|kinase|fluid|24|dialy|albumin")
_PULSE_OXIMETRY: Final = frozenset({Analyte.SPO2, Analyte.SAO2})


def add_observation(chart: Chart, resource: Json, source: str) -> None:
    """Read one Observation, with its components, into the chart."""
    try:
        tests = _tests_of(chart, resource)
        if not tests:
            return
        _require_status(resource.get("status"), accept_preliminary=chart.reading.accept_preliminary)
        chart.require_known_modifiers(resource)
        time = effective_time(resource, chart.reading.time_zone)
        if time.at > chart.read_at + FUTURE_TOLERANCE:
            raise Refused("time-in-future", "It is dated in the future.")
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    if time.zone_assumed and not time.day_only:
        chart.zones_assumed += 1
    for holder, test in tests:
        _add_value(chart, resource, holder, test, time, source)


def _add_value(chart: Chart, resource: Json, holder: Json, test: TestCode, time: FhirTime, source: str) -> None:
    try:
        if holder is not resource:
            chart.require_known_modifiers(holder)
        value, comparator = canonical_value(holder, test, chart.reading)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    measurement = Measurement(
        analyte=test.analyte,
        value=value,
        at=time.at,
        available_at=_available_at(chart, resource.get("issued"), time),
        source=source,
        comparator=comparator,
        preliminary=resource.get("status") == "preliminary",
        day_only=time.day_only,
    )
    chart.measurements.setdefault(test.analyte, []).append(measurement)


def _available_at(chart: Chart, issued: Any, time: FhirTime) -> Any:
    """When the result could be known: issue time, never before the sample.

    A result dated by day only and found in the chart was known by the end of that day or by now.
    """
    known_at = time.at if not time.day_only else max(time.at, min(time.latest, chart.read_at))
    if issued is None:
        return known_at
    try:
        return max(time.at, parse_time(issued, chart.reading.time_zone).latest)
    except Refused:
        return known_at


def _tests_of(chart: Chart, resource: Json) -> list[tuple[Json, TestCode]]:
    """The values to read: the Observation's own and those of its components, each with what its code promises."""
    test = _test_of(resource, resource, chart.reading.local_codes)
    found = [(resource, test)] if test is not None else []
    if "component" in resource:
        components = objects(resource["component"])
        if _is_bare_panel(resource, components):
            found = []
        tests = ((part, _test_of(part, resource, chart.reading.local_codes)) for part in components)
        found += [(part, test) for part, test in tests if test is not None]
    if not found:
        _count_unread(chart, resource)
    return found


def _is_bare_panel(resource: Json, components: list[Json]) -> bool:
    return bool(components) and not any(name.startswith("value") for name in resource)


def _test_of(holder: Json, resource: Json, local_codes: Mapping[str, str]) -> TestCode | None:
    """What the holder's codes promise together. Raises Refused for codes that must not be used or disagree."""
    test: TestCode | None = None
    for system, code in codings(holder.get("code")):
        loinc = code if system in _LOINC_SYSTEMS else local_codes.get(f"{system}|{code}")
        if loinc is None:
            continue
        if loinc in REFUSED_TESTS:
            raise Refused(*REFUSED_TESTS[loinc])
        other = TESTS.get(loinc)
        if other is not None and other != test:
            test = other if test is None else _agreed(test, other)
    if test is not None and test.analyte is Analyte.SAO2 and _is_vital_sign(resource):
        return TestCode(Analyte.SPO2)  # 2708-6 among vital signs is the pulse oximeter's
    return test


def _agreed(one: TestCode, other: TestCode) -> TestCode:
    """One test under two codes must be one analyte; where mass and moles are both named, the unit decides."""
    if {one.analyte, other.analyte} == _PULSE_OXIMETRY:  # the US Core profile sends both codes
        return TestCode(Analyte.SPO2)
    if one.analyte is not other.analyte or one.reported_as is not other.reported_as:
        raise Refused("code-ambiguous", "Its codes name different tests.")
    return TestCode(one.analyte, None, one.reported_as)


def _is_vital_sign(resource: Json) -> bool:
    return any(first_code(category) == "vital-signs" for category in objects(resource.get("category")))


def _count_unread(chart: Chart, resource: Json) -> None:
    """Count what is of no concern; list what calls itself creatinine but has no code we know (VN-15)."""
    code = resource.get("code")
    if any(system in _LOINC_SYSTEMS and c in EGFR_CODES for system, c in codings(code)):
        chart.ignored["egfr"] += 1
        return
    words = concept_text(code)
    if _CREATININE_WORD.search(words) and not _NOT_A_CONCENTRATION.search(words):
        raise Refused(
            "code-unknown", "It looks like a creatinine, but this site's registration does not know its code."
        )
    chart.ignored["observation-not-used"] += 1


def _require_status(status: Any, *, accept_preliminary: bool) -> None:
    if isinstance(status, str):
        if status in _USABLE_STATUS or (status == "preliminary" and accept_preliminary):
            return
        if status in _STATUS_SENTENCES:
            raise Refused(status, _STATUS_SENTENCES[status])
    raise Refused("status-unknown", "Its status is missing or not understood.")
