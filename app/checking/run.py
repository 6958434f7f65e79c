"""All questions in order; a step that cannot be asked because an earlier one failed is skipped, and says so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import requests

from app.checking.connection import check_connection
from app.checking.findings import Finding, Report, ok, problem, skipped
from app.checking.patient_chart import ChartQuestion, check_chart
from app.checking.published import (
    Published,
    check_capabilities,
    check_endpoints,
    check_keys,
    check_scopes,
    configuration_of,
    read_published,
)
from app.checking.statement import check_statement
from app.configured.ehrs import EhrConfig
from launch.authorization import requested_scopes
from launch.context import Tokens
from launch.errors import LaunchError
from launch.registry import EhrRegistration
from patient_context.queries import ScopeSyntax, scopes
from patient_context.reader import FhirAccess


@dataclass(frozen=True, slots=True)
class Tools:
    """What the checks work with. `backend_tokens` is None where no backend client may be used."""

    launch_session: requests.Session
    fhir_session: requests.Session
    now: datetime
    ca_file: Path | None = None
    backend_tokens: Callable[[], Tokens] | None = None


def check_ehr(ehr: EhrConfig, tools: Tools, *, token: str | None = None, patient: str | None = None) -> Report:
    """Everything that can be found out about an EHR without a user; with a token and a patient, its data too."""
    registration = ehr.launch
    findings = check_connection(registration, ca_file=tools.ca_file, now=tools.now)
    if _stops(findings):
        return _report(ehr, [*findings, skipped("discovery", "Not asked: there is no connection.")])
    found, published = read_published(registration, tools.launch_session, tools.now)
    findings += found
    if published is None:
        return _report(ehr, [*findings, skipped("endpoints", "Not asked: nothing is published.")])
    findings += _about(ehr, published, tools)
    findings += check_statement(registration, tools.launch_session)
    findings += _data(ehr, tools, token, patient)
    return _report(ehr, findings)


def _about(ehr: EhrConfig, published: Published, tools: Tools) -> list[Finding]:
    registration = ehr.launch
    findings = check_endpoints(registration, published)
    configuration = configuration_of(registration, published)
    wanted: tuple[str, ...] = ()
    if not published.is_statement:
        findings += check_capabilities(registration, published.document)
    if configuration is not None:
        syntax = registration.scope_syntax or configuration.scope_syntax
        wanted = _scopes_asked_for(registration, syntax)
        findings += check_scopes(published.document, wanted)
    if configuration is not None and "openid" in wanted:
        findings += check_keys(registration, configuration, tools.launch_session)
    return findings


def _scopes_asked_for(registration: EhrRegistration, syntax: str) -> tuple[str, ...]:
    """By launches from a chart, and, where they are offered, by those without a patient."""
    spelling: ScopeSyntax = "v2" if syntax == "v2" else "v1"
    asked = requested_scopes(registration, scopes(spelling), standalone=False)
    if "worklist" not in registration.choose_patient:
        return asked
    without = requested_scopes(registration, scopes(spelling, "user"), standalone=True, level="user")
    return tuple(dict.fromkeys((*asked, *without)))


def _data(ehr: EhrConfig, tools: Tools, token: str | None, patient: str | None) -> list[Finding]:
    findings: list[Finding] = []
    if token is None and tools.backend_tokens is not None:
        try:
            token = tools.backend_tokens().access_token
            findings.append(ok("backend", "The backend client was given a token."))
        except LaunchError as error:
            cure = (
                "A matter of registration more than of keys: is the client registered for client_credentials, "
                "these system scopes, and our JWKS address?"
            )
            return [problem("backend", f"The backend client was refused a token ({error}).", cure)]
    if token is None or patient is None:
        return [
            *findings,
            skipped("chart", "No test patient was read: give --patient, and --token or [ehr.backend]."),
        ]
    access = FhirAccess(ehr.launch.iss.rstrip("/"), token)
    return findings + check_chart(ChartQuestion(ehr, access, patient, tools.fhir_session, tools.now))


def _stops(findings: list[Finding]) -> bool:
    return any(finding.status == "problem" for finding in findings)


def _report(ehr: EhrConfig, findings: list[Finding]) -> Report:
    return Report(ehr.launch.name, ehr.launch.iss, tuple(findings))
