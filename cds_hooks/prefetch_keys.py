"""Prefetch recognised by what it holds, for EHRs that name the keys themselves.

Epic never reads the discovery document: each site types its own prefetch keys (VN-3). A key of ours that is
absent is filled from whatever else was sent, when that visibly answers it. An empty Bundle under a strange
name answers nothing: nobody can tell what was asked.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cds_hooks.hook_request import Prefetch
from patient_context.bundles import Entry, is_bundle, unpack
from patient_context.codes import CREATININE_CODES, LOINC, TESTS
from patient_context.queries import PREFETCH_KEYS, QUERIES, SHOWN_ONLY
from patient_context.reading import SiteReading
from patient_context.results import Result

_CREATININE = frozenset(CREATININE_CODES)
_KEY_OF_TYPE = {
    query.resource_type: query.prefetch_key or query.key
    for query in QUERIES
    if query.resource_type != "Observation"
}
_KEY_OF_ANALYTE = {
    code: query.prefetch_key or query.key
    for query in QUERIES
    if query.resource_type == "Observation"
    for code in query.codes
}
_OURS = frozenset({*PREFETCH_KEYS, *(query.key for query in SHOWN_ONLY)})


def recognise(prefetch: Prefetch, reading: SiteReading, *, also_in_ours: bool) -> Prefetch:
    """The prefetch with absent keys of ours filled by content.

    `also_in_ours` looks below our own keys too (creatinine inside `labs`): a last resort for callers that give
    no access to the FHIR server, for the history asked for under that key is shorter.
    """
    absent = [key for key in PREFETCH_KEYS if key not in prefetch]
    if not absent and prefetch.keys() <= _OURS:
        return prefetch
    found: dict[str, list[Mapping[str, Any]]] = {key: [] for key in sorted(_OURS - prefetch.keys())}
    for name, value in prefetch.items():
        if value is not None and ((also_in_ours and absent) or name not in _OURS):
            for key in _answers(value, reading) & found.keys():
                found[key].append(value)
    return {**prefetch, **{key: _joined(values) for key, values in found.items() if values}}


def _joined(values: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(values) == 1:
        return values[0]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": value} for value in values]}


def _answers(value: Mapping[str, Any], reading: SiteReading) -> set[str]:
    """The keys of ours whose question this resource or Bundle visibly answers."""
    return {key for entry in _entries(value) if (key := _key_of(entry, reading)) is not None}


def _entries(value: Mapping[str, Any]) -> list[Entry]:
    return unpack(dict(value)).entries if is_bundle(value) else [Entry(dict(value))]


def _key_of(entry: Entry, reading: SiteReading) -> str | None:
    if isinstance(entry.resource, Result):
        concept = entry.resource.code
        return _key_of_codes(concept.pairs(), reading) if concept else None
    kind = entry.resource.get("resourceType")
    return _KEY_OF_TYPE.get(kind) if isinstance(kind, str) else None


def _key_of_codes(coded: Iterable[tuple[str, str]], reading: SiteReading) -> str | None:
    codes = {_loinc(system, code, reading) for system, code in coded}
    if codes & _CREATININE:
        return "creatinine"
    return next((_KEY_OF_ANALYTE[code] for code in sorted(codes & TESTS.keys()) if code in _KEY_OF_ANALYTE), None)


def _loinc(system: str, code: str, reading: SiteReading) -> str:
    return code if system == LOINC else reading.local_codes.get(f"{system}|{code}", "")
