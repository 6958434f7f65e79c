"""Observations -> measurements: one reading per value, every refusal with its reason, nothing repaired."""

import re
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET

from model.analytes import Analyte
from model.sentences import Sentence
from patient_context.chart import Chart
from patient_context.codes import EGFR_CODES
from patient_context.lexicon import LOINC_SYSTEMS, KnownTest
from patient_context.measured import measured
from patient_context.results import Concept, Part, Result
from patient_context.shapes import Refused
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


def add_observation(chart: Chart, result: Result, source: str) -> None:
    """Read one Observation, with its components, into the chart."""
    try:
        tests = _tests_of(chart, result)
        if not tests:
            return
        if result.status != "final":
            _admit_status(chart, result.status, source)
        if result.modifierExtension is not UNSET:
            chart.require_known(result.modifierExtension)
        time = chart.time_of(effective(result))
        if time.at > chart.latest_at:
            raise Refused("time-in-future", "It is dated in the future.")
    except Refused as refusal:
        _reject(chart, result, source, refusal)
        return
    assumed = time.zone_assumed and not time.day_only
    available_at = _available_at(chart, result.issued, time)
    for holder, known in tests:
        analyte = known.test.analyte
        try:
            if holder is not result and holder.modifierExtension is not UNSET:
                chart.require_known(holder.modifierExtension)
            value, comparator = canonical_value(holder, known)
        except Refused as refusal:
            chart.reject(source, refusal, analyte=analyte, at=time.at)
            continue
        if assumed:
            chart.zones_assumed.append(source)
        preliminary = result.status == "preliminary"
        chart.measurements[analyte].append(
            measured(analyte, value, time.at, available_at, source, comparator, preliminary, time.day_only)
        )


def _reject(chart: Chart, result: Result, source: str, refusal: Refused) -> None:
    """With test and time, so that a creatinine newer than those used is not passed over in silence."""
    try:
        known = chart.lexicon.test_of(result.code)
        analyte = known.test.analyte if known is not None else None
    except Refused:
        analyte = None
    if refusal.code == _UNMAPPED:
        analyte = Analyte.CREATININE
    try:
        at = chart.time_of(effective(result)).at
    except Refused:
        at = None
    chart.reject(source, refusal, analyte=analyte, at=at)


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


def _tests_of(chart: Chart, result: Result) -> list[tuple[Part, KnownTest]]:
    """The values to read: the Observation's own and those of its components, each with what its code promises."""
    known = _test_of(chart, result, result)
    found: list[tuple[Part, KnownTest]] = [] if known is None else [(result, known)]
    if result.component is not UNSET:
        found = _with_components(chart, result, result.component, found)
    if not found:
        _count_unread(chart, result.code)
    return found


def _with_components(
    chart: Chart, result: Result, components: list[Part], found: list[tuple[Part, KnownTest]]
) -> list[tuple[Part, KnownTest]]:
    is_bare_panel = bool(components) and result.value_name() is None
    tests = ((part, _test_of(chart, part, result)) for part in components)
    return [*([] if is_bare_panel else found), *((part, test) for part, test in tests if test is not None)]


def _test_of(chart: Chart, part: Part, result: Result) -> KnownTest | None:
    """What the code of a result, or of a part of it, promises. Among vital signs 2708-6 is a pulse oximeter's."""
    known = chart.lexicon.test_of(part.code)
    if known is not None and known.test.analyte is Analyte.SAO2 and _is_vital_sign(result):
        return chart.lexicon.pulse_oximetry
    return known


def _is_vital_sign(result: Result) -> bool:
    return any(category.first_code() == "vital-signs" for category in result.category)


def _count_unread(chart: Chart, code: Concept | None) -> None:
    """Count what is of no concern; list what calls itself creatinine but has no code we know (VN-15)."""
    coded, words = (code.pairs(), code.words()) if code is not None else ((), "")
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
