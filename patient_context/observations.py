"""Observations -> measurements: one reading per value, every refusal with its reason, nothing repaired."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from model.analytes import Analyte
from model.errors import QuantityRefused
from model.sentences import Sentence
from patient_context.chart import Chart
from patient_context.codes import EGFR_CODES
from patient_context.lexicon import LOINC_SYSTEMS, KnownTest
from patient_context.measured import measured
from patient_context.plain_results import PlainResult
from patient_context.shapes import Json, Refused, codings, concept_text, first_code, objects
from patient_context.times import FhirTime, effective
from patient_context.values import canonical_value

_UNMAPPED: Final = "code-unknown"  # calls itself creatinine, in a code this site has not named
_CORRECTIONS: Final = frozenset({"amended", "corrected"})
_USABLE_STATUS: Final = frozenset({"final", *_CORRECTIONS})
_STATUS_SENTENCES: Final = {
    "entered-in-error": Sentence("It was entered in error."),
    "cancelled": Sentence("The test was cancelled."),
    "registered": Sentence("The result is not available yet."),
    "preliminary": Sentence("The result is preliminary."),
}
_CREATININE: Final = r"(?:\b(?:crea|kreat|créat)\w*|クレアチニン)"
_CREATININE_WORD: Final = re.compile(rf"(?i){_CREATININE}")
# "Creatinine [Mass/volume]" is a concentration, "Albumin/Creatinine" is not.
_NOT_A_CONCENTRATION: Final = re.compile(
    rf"(?i)urin|orina|尿|ratio|quotient|cociente|比|/\s*{_CREATININE}|{_CREATININE}\s*/|clear|クリアランス|gfr"
    "|kinase|キナーゼ|fluid|líquido|liquid[eo]|punkt|24|dialy|透析|albumin"
)


def add_observation(chart: Chart, resource: Json, source: str) -> None:
    """Read one Observation, with its components, into the chart."""
    try:
        tests = _tests_of(chart, resource)
        if not tests:
            return
        status = resource.get("status")
        if status != "final":
            _admit_status(chart, status, source)
        if "modifierExtension" in resource:
            chart.require_known_modifiers(resource)
        time = chart.time_of(effective(resource))
        if time.at > chart.latest_at:
            raise Refused("time-in-future", "It is dated in the future.")
    except Refused as refusal:
        _reject(chart, resource, source, refusal)
        return
    assumed = time.zone_assumed and not time.day_only
    available_at = _available_at(chart, resource.get("issued"), time)
    for holder, known in tests:
        try:
            if holder is not resource:
                chart.require_known_modifiers(holder)
            value, comparator = canonical_value(holder, known)
        except Refused as refusal:
            chart.reject(source, refusal, analyte=known.test.analyte, at=time.at)
            continue
        if assumed:
            chart.zones_assumed.append(source)
        analyte = known.test.analyte
        chart.measurements[analyte].append(
            measured(
                analyte, value, time.at, available_at, source, comparator, status == "preliminary", time.day_only
            )
        )


def _reject(chart: Chart, resource: Json, source: str, refusal: Refused) -> None:
    """With test and time, so that a creatinine newer than those used is not passed over in silence."""
    try:
        known = chart.lexicon.test_of(resource.get("code"))
        analyte = known.test.analyte if known is not None else None
    except Refused:
        analyte = None
    if refusal.code == _UNMAPPED:
        analyte = Analyte.CREATININE
    try:
        at = chart.time_of(effective(resource)).at
    except Refused:
        at = None
    chart.reject(source, refusal, analyte=analyte, at=at)


def add_plain(chart: Chart, plain: PlainResult, source: str) -> bool:
    """Read a plain result as `add_observation` would; False, with nothing done, where that one has more to say."""
    coded, quantity = plain.code.pairs(), plain.valueQuantity
    try:
        known = chart.lexicon.test_coded(coded)
        if known is None:
            _count_unread(chart, coded, plain.code.words())
            return True
        analyte = known.test.analyte
        time = chart.time_of(plain.effectiveDateTime)
        if analyte is Analyte.SAO2 or time.at > chart.latest_at:
            return False
        value = known.scale_in((quantity.system, quantity.code, quantity.unit)).to_canonical(quantity.value)
    except (Refused, QuantityRefused):
        return False
    if time.zone_assumed and not time.day_only:
        chart.zones_assumed.append(source)
    available_at = _available_at(chart, plain.issued, time)
    chart.measurements[analyte].append(
        measured(analyte, value, time.at, available_at, source, None, False, time.day_only)
    )
    return True


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
        code = resource.get("code")
        _count_unread(chart, codings(code), concept_text(code))
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


def _count_unread(chart: Chart, coded: Iterable[tuple[str, str]], words: str) -> None:
    """Count what is of no concern; list what calls itself creatinine but has no code we know (VN-15)."""
    if any(system in LOINC_SYSTEMS and code in EGFR_CODES for system, code in coded):
        chart.ignored["egfr"] += 1
        return
    if _CREATININE_WORD.search(words) and not _NOT_A_CONCENTRATION.search(words):
        raise Refused(
            _UNMAPPED, "It looks like a creatinine, but this site's registration does not know its code."
        )
    chart.ignored["observation-not-used"] += 1


def _admit_status(chart: Chart, status: Any, source: str) -> None:
    """Let a usable status pass, remembering a correction. Raises Refused for any other."""
    if isinstance(status, str):
        if status in _CORRECTIONS:
            chart.corrections.add(source)
        if status in _USABLE_STATUS or (status == "preliminary" and chart.reading.accept_preliminary):
            return
        if status in _STATUS_SENTENCES:
            raise Refused(status, _STATUS_SENTENCES[status])
    raise Refused("status-unknown", "Its status is missing or not understood.")
