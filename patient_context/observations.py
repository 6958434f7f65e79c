"""Observations -> measurements: one reading per value, every refusal with its reason, nothing repaired."""

import re
from datetime import datetime
from typing import Any, Final

from model.analytes import Analyte
from model.sentences import Sentence
from patient_context.chart import Chart
from patient_context.codes import EGFR_CODES
from patient_context.lexicon import LOINC_SYSTEMS, KnownTest
from patient_context.measured import measured
from patient_context.shapes import Json, Refused, codings, concept_text, first_code, objects
from patient_context.times import FhirTime, effective
from patient_context.values import canonical_value

_USABLE_STATUS: Final = frozenset({"final", "amended", "corrected"})
_STATUS_SENTENCES: Final = {
    "entered-in-error": Sentence("It was entered in error."),
    "cancelled": Sentence("The test was cancelled."),
    "registered": Sentence("The result is not available yet."),
    "preliminary": Sentence("The result is preliminary."),
}
_CREATININE_WORD: Final = re.compile(r"(?i)\b(?:crea|kreat|créat)", re.UNICODE)
_NOT_A_CONCENTRATION: Final = re.compile(r"(?i)urin|ratio|clear|/|gfr|kinase|fluid|24|dialy|albumin")


def add_observation(chart: Chart, resource: Json, source: str) -> None:
    """Read one Observation, with its components, into the chart."""
    try:
        tests = _tests_of(chart, resource)
        if not tests:
            return
        status = resource.get("status")
        if status != "final":
            _require_status(status, accept_preliminary=chart.reading.accept_preliminary)
        if "modifierExtension" in resource:
            chart.require_known_modifiers(resource)
        time = chart.time_of(effective(resource))
        if time.at > chart.latest_at:
            raise Refused("time-in-future", "It is dated in the future.")
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    assumed = time.zone_assumed and not time.day_only
    available_at = _available_at(chart, resource.get("issued"), time)
    for holder, known in tests:
        try:
            if holder is not resource:
                chart.require_known_modifiers(holder)
            value, comparator = canonical_value(holder, known)
        except Refused as refusal:
            chart.reject(source, refusal)
            continue
        if assumed:
            chart.zones_assumed.append(source)
        analyte = known.test.analyte
        chart.measurements[analyte].append(
            measured(
                analyte, value, time.at, available_at, source, comparator, status == "preliminary", time.day_only
            )
        )


def _available_at(chart: Chart, issued: Any, time: FhirTime) -> datetime:
    """When the result could be known: issue time, never before the sample.

    A result dated by day only and found in the chart was known by the end of that day or by now.
    """
    at = time.at
    if issued is not None:
        try:
            result = chart.time_of(issued)
            known_at = result.latest if result.day_only else result.at
            return known_at if known_at > at else at
        except Refused:
            pass
    return max(at, min(time.latest, chart.read_at)) if time.day_only else at


def _tests_of(chart: Chart, resource: Json) -> list[tuple[Json, KnownTest]]:
    """The values to read: the Observation's own and those of its components, each with what its code promises."""
    known = chart.lexicon.test_of(resource.get("code"))
    if known is not None and known.test.analyte is Analyte.SAO2:
        known = _saturation(chart, known, resource)
    found = [(resource, known)] if known is not None else []
    if "component" in resource:
        found = _with_components(chart, resource, found)
    if not found:
        _count_unread(chart, resource)
    return found


def _with_components(
    chart: Chart, resource: Json, found: list[tuple[Json, KnownTest]]
) -> list[tuple[Json, KnownTest]]:
    components = objects(resource["component"])
    if _is_bare_panel(resource, components):
        found = []
    tests = ((part, _part_test(chart, part, resource)) for part in components)
    return found + [(part, test) for part, test in tests if test is not None]


def _is_bare_panel(resource: Json, components: list[Json]) -> bool:
    return bool(components) and not any(name.startswith("value") for name in resource)


def _part_test(chart: Chart, part: Json, resource: Json) -> KnownTest | None:
    known = chart.lexicon.test_of(part.get("code"))
    return _saturation(chart, known, resource) if known is not None else None


def _saturation(chart: Chart, known: KnownTest, resource: Json) -> KnownTest:
    """Among vital signs 2708-6 is the pulse oximeter's saturation."""
    return chart.lexicon.by_pulse_oximeter(known) if _is_vital_sign(resource) else known


def _is_vital_sign(resource: Json) -> bool:
    return any(first_code(category) == "vital-signs" for category in objects(resource.get("category")))


def _count_unread(chart: Chart, resource: Json) -> None:
    """Count what is of no concern; list what calls itself creatinine but has no code we know (VN-15)."""
    code = resource.get("code")
    if any(system in LOINC_SYSTEMS and c in EGFR_CODES for system, c in codings(code)):
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
