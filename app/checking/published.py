"""What the EHR publishes about its authorization server, against what the entry needs (SL-8..16, 34, 42)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin

import requests

from app.checking.findings import Finding, listed, note, ok, problem
from launch.discovery import SmartConfiguration, capability_configuration, get_json, smart_configuration
from launch.errors import EhrMisconfigured, EhrUnavailable
from launch.jwks import usable_keys
from launch.registry import EhrRegistration, origin_of
from launch.scopes import lists

_WELL_KNOWN: Final = "/.well-known/smart-configuration"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint")
_SKEW_NOTED_SECONDS: Final = 30
_SKEW_FATAL_SECONDS: Final = 60  # the leeway given to id_tokens
_CLIENT_CAPABILITY: Final = {
    "private_key_jwt": "client-confidential-asymmetric",
    "client_secret_basic": "client-confidential-symmetric",
    "public": "client-public",
}
_METHOD_NAME: Final = {"public": "none"}


@dataclass(frozen=True, slots=True)
class Published:
    """The smart-configuration as received, or the CapabilityStatement where there is none."""

    document: Mapping[str, Any]
    is_statement: bool = False


def read_published(
    registration: EhrRegistration, session: requests.Session, now: datetime
) -> tuple[list[Finding], Published | None]:
    """Fetch what the EHR publishes; the clock is read off the same answer."""
    base, headers = registration.iss.rstrip("/"), dict(registration.discovery_headers)
    try:
        answer = session.get(base + _WELL_KNOWN, headers={**headers, "Accept": "application/json"})
        document = get_json(session, base + _WELL_KNOWN, headers)
        statement = get_json(session, f"{base}/metadata", headers) if document is None else None
    except (requests.RequestException, EhrUnavailable) as error:
        return [
            problem(
                "discovery",
                f"The EHR does not answer usably ({getattr(error, 'detail', None) or type(error).__name__}).",
                "Try again; if it stays so, its server or a proxy before it is at fault.",
            )
        ], None
    findings = list(_clock(answer, now))
    if document is not None:
        return [ok("discovery", "The EHR publishes its SMART configuration."), *findings], Published(document)
    if statement is not None and statement.get("resourceType") == "CapabilityStatement":
        text = "There is no smart-configuration; the older way, by CapabilityStatement, is used (SMART 1)."
        return [note("discovery", text), *findings], Published(statement, is_statement=True)
    return [_no_ehr(answer), *findings], None


def _no_ehr(answer: requests.Response) -> Finding:
    kind = answer.headers.get("Content-Type", "").partition(";")[0] or "nothing"
    return problem(
        "discovery",
        f"This address is no SMART on FHIR server: it answers with status {answer.status_code} and {kind[:60]}.",
        "Give the FHIR base, for example https://ehr.example.org/fhir/r4, as the EHR sends it as `iss`.",
    )


def _clock(answer: requests.Response, now: datetime) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return
    seconds = round((theirs.replace(tzinfo=theirs.tzinfo or UTC) - now).total_seconds())
    text = f"The EHR's clock and ours differ by {abs(seconds)} s."
    if abs(seconds) <= _SKEW_NOTED_SECONDS:
        yield ok("clock", text)
    elif abs(seconds) <= _SKEW_FATAL_SECONDS:
        yield note("clock", text, "Above 60 s launches fail. Let both hosts follow a time server (NTP).")
    else:
        yield problem("clock", text, "Launches fail above 60 s. Let both hosts follow a time server (NTP).")


def configuration_of(registration: EhrRegistration, published: Published) -> SmartConfiguration | None:
    """The configuration as a launch would use it; None when it could not."""
    try:
        if published.is_statement:
            return capability_configuration(published.document, registration)
        return smart_configuration(published.document, registration)
    except EhrMisconfigured:
        return None


def check_endpoints(registration: EhrRegistration, published: Published) -> list[Finding]:
    """Are the addresses there, and at origins this registration trusts?"""
    if published.is_statement:
        try:
            capability_configuration(published.document, registration)
        except EhrMisconfigured as error:
            return [problem("endpoints", f"The CapabilityStatement is of no use: {error.detail}.", _ASK_VENDOR)]
        return [ok("endpoints", "Authorization and token endpoint are at trusted origins.")]
    found = list(_endpoint_problems(registration, published.document))
    return found or [ok("endpoints", "All published endpoints are at trusted origins.")]


_ASK_VENDOR: Final = "Ask the vendor whether SMART App Launch is switched on for this FHIR base."


def _endpoint_problems(registration: EhrRegistration, document: Mapping[str, Any]) -> Iterator[Finding]:
    untrusted: dict[str, list[str]] = {}
    for field in _ENDPOINTS:
        value = document.get(field)
        if not isinstance(value, str) or not value:
            if field in ("authorization_endpoint", "token_endpoint"):
                yield problem("endpoints", f"{field} is missing.", _ASK_VENDOR)
            continue
        address = urljoin(registration.iss.rstrip("/") + "/", value)
        if registration.trusts(address):
            continue
        try:
            untrusted.setdefault(origin_of(address), []).append(field)
        except ValueError:
            yield problem("endpoints", f"{field} is not a usable address.", _ASK_VENDOR)
    for origin, fields in sorted(untrusted.items()):
        yield problem(
            "endpoints",
            f"{listed(fields)} at {origin}, which this registration does not trust.",
            f'If it belongs to the EHR, add to its entry: trusted_origins = ["{origin}"]'
            + (" (and it must be https)" if origin.startswith("http:") else ""),
        )


def check_capabilities(registration: EhrRegistration, document: Mapping[str, Any]) -> Iterator[Finding]:
    """What the EHR says it can do: PKCE, launch, client authentication, scope syntax."""
    capabilities = _texts(document.get("capabilities"))
    yield _pkce(_texts(document.get("code_challenge_methods_supported")))
    needed = {"launch-ehr", "context-ehr-patient", _CLIENT_CAPABILITY.get(registration.auth_method, "launch-ehr")}
    if "worklist" in registration.choose_patient:
        needed |= {"launch-standalone", "permission-user"}
    if missing := needed - capabilities:
        cure = "Some servers leave them out; if launches fail, ask the vendor about these."
        yield note("capabilities", f"Not announced: {listed(missing)}.", cure)
    else:
        yield ok("capabilities", f"Announced: {listed(needed)}.")
    yield from _authentication(registration, document)
    syntax = registration.scope_syntax or ("v2" if "permission-v2" in capabilities else "v1")
    if f"permission-{syntax}" in capabilities:
        yield ok("scopes", f"Scopes are asked for in {syntax} syntax.")
    else:
        cure = 'If the EHR refuses the scopes, set scope_syntax = "v1" or "v2" in its entry.'
        yield note("scopes", f"Scopes are asked for in {syntax} syntax, which is not announced.", cure)


def _pkce(methods: frozenset[str]) -> Finding:
    if "S256" in methods:
        return ok("pkce", "PKCE with S256 is announced.")
    if methods:
        return problem(
            "pkce", f"PKCE only by {listed(methods)}; this app uses S256.", "The EHR must support S256."
        )
    return note(
        "pkce", "PKCE is not announced; it is sent all the same.", "SMART 2 asks the EHR to announce S256."
    )


def _authentication(registration: EhrRegistration, document: Mapping[str, Any]) -> Iterator[Finding]:
    methods = _texts(document.get("token_endpoint_auth_methods_supported"))
    method = _METHOD_NAME.get(registration.auth_method, registration.auth_method)
    if methods and method not in methods:
        yield problem(
            "authentication",
            f"The token endpoint accepts {listed(methods)}, not {method}.",
            "Register the app in one of these ways and set auth_method in its entry accordingly.",
        )
    algorithms = _texts(document.get("token_endpoint_auth_signing_alg_values_supported"))
    if registration.auth_method == "private_key_jwt" and algorithms and registration.signing_alg not in algorithms:
        yield problem(
            "authentication",
            f"The token endpoint accepts signatures by {listed(algorithms)}, not {registration.signing_alg}.",
            f'Set signing_alg = "{next(iter(sorted(algorithms & {"ES384", "RS384"})), "RS384")}" in its entry.',
        )


def check_scopes(document: Mapping[str, Any], wanted: tuple[str, ...]) -> Iterator[Finding]:
    """`scopes_supported` need not be complete (SL-16), so what it lacks is a note."""
    supported = _texts(document.get("scopes_supported"))
    missing = [scope for scope in wanted if supported and not lists(supported, scope)]
    if missing:
        cure = "Register the app for them. What is not granted is shown on the page as unknown."
        yield note("scopes", f"Not among the scopes the EHR lists: {listed(missing)}.", cure)


def check_keys(
    registration: EhrRegistration, configuration: SmartConfiguration, session: requests.Session
) -> list[Finding]:
    """Where the keys for id_tokens are, and whether any is usable (SL-42, SL-43)."""
    issuer = registration.id_token_issuer or configuration.issuer or registration.iss
    uri: Any = configuration.jwks_uri
    try:
        if uri is None and registration.trusts(issuer):
            uri = (get_json(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration") or {}).get(
                "jwks_uri"
            )
        if not isinstance(uri, str) or not registration.trusts(uri):
            cure = "Set id_token_issuer, and trusted_origins for where its keys are, in the entry."
            return [problem("identity", "Where the EHR's keys are is not known, or not trusted.", cure)]
        keys = usable_keys(get_json(session, uri) or {})
    except EhrUnavailable:
        return [
            problem("identity", "The EHR's keys cannot be fetched.", "Ask the EHR's people about its jwks_uri.")
        ]
    if not keys:
        cure = "The EHR must publish RSA (2048 bits or more) or EC keys for signatures."
        return [problem("identity", "The EHR's key set holds no usable key.", cure)]
    return [ok("identity", f"{len(keys)} usable keys; id_tokens are expected from {issuer}.")]


def _texts(value: object) -> frozenset[str]:
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
