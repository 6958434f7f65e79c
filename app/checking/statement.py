"""The CapabilityStatement against the one list of queries: can what this app asks be asked here?"""

from collections.abc import Iterator, Mapping
from typing import Any

import requests

from app.checking.findings import Finding, listed, note, ok, problem
from launch.discovery import get_json
from launch.errors import EhrUnavailable
from launch.registry import EhrRegistration
from patient_context.queries import QUERIES

_INDISPENSABLE = frozenset({"Patient", "Observation"})
_PATIENT_SEARCH = frozenset({"identifier", "family", "birthdate"})


def check_statement(registration: EhrRegistration, session: requests.Session) -> list[Finding]:
    """FHIR version, resource types, interactions and search parameters."""
    try:
        statement = get_json(session, f"{registration.iss.rstrip('/')}/metadata", registration.discovery_headers)
    except EhrUnavailable:
        statement = None
    if statement is None or statement.get("resourceType") != "CapabilityStatement":
        cure = "Not fatal: the app asks and sees. Some servers show it to signed-in callers only."
        return [note("fhir", "No CapabilityStatement could be read at /metadata.", cure)]
    version = str(statement.get("fhirVersion", "unknown"))[:20]
    if not version.startswith("4.0"):
        return [
            problem("fhir", f"The server speaks FHIR {version}; this app reads R4.", "Use its R4 base address.")
        ]
    offered = {str(each.get("type")): each for each in _resources(statement)}
    worklist = _worklist_findings(offered) if "worklist" in registration.choose_patient else ()
    return [ok("fhir", f"FHIR {version}."), *_type_findings(offered), *worklist]


def _type_findings(offered: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    absent = {query.resource_type for query in QUERIES} - offered.keys()
    if fatal := absent & _INDISPENSABLE:
        yield problem(
            "fhir", f"Not offered: {listed(fatal)}.", "Without them nothing can be said. Ask the vendor."
        )
    if others := absent - _INDISPENSABLE:
        yield note("fhir", f"Not offered: {listed(others)}.", "The page will show them as unknown.")
    lacking = sorted({gap for query in QUERIES if query.resource_type in offered for gap in _gaps(query, offered)})
    if lacking:
        yield note(
            "search",
            f"Search parameters this app uses and the EHR does not list: {', '.join(lacking)}.",
            "The app sorts and filters again by itself; try with --token and --patient whether the answers come.",
        )
    elif not absent:
        yield ok("search", "Every search this app makes is offered.")


def _worklist_findings(offered: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Can patients be searched for as the worklist does (`choose_patient`)?"""
    names = {each.get("name") for each in _objects(offered.get("Patient", {}).get("searchParam"))}
    if lacking := _PATIENT_SEARCH - names:
        yield note(
            "worklist",
            f"Patient search parameters the worklist uses and the EHR does not list: {listed(lacking)}.",
            'Try a search; where none succeeds, take "worklist" out of choose_patient in its entry.',
        )
    else:
        yield ok("worklist", "Patients can be searched for by identifier, and by family name and birth date.")


def _gaps(query: Any, offered: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if query.is_read:
        return
    listed_names = {each.get("name") for each in _objects(offered[query.resource_type].get("searchParam"))}
    wanted = {"patient"} | ({"code"} if query.codes else {"status"} if query.statuses else set())
    wanted |= {query.window_parameter} if query.window else set()
    for name in wanted - listed_names:
        yield f"{query.resource_type}.{name}"


def _resources(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for rest in _objects(statement.get("rest")):
        yield from _objects(rest.get("resource"))


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
