"""The CapabilityStatement: what this FHIR server can do, written from the same definitions that search uses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.definitions import ResourceDefinition, offered
from sandbox.profiles import STANDARD
from sandbox.vendor import VendorProfile

Resource = dict[str, Any]
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"


@dataclass(frozen=True, slots=True)
class SecurityUrls:
    """The authorization server's endpoints as clients see them; those that are None are not advertised."""

    authorize: str
    token: str
    revoke: str | None = None
    introspect: str | None = None
    manage: str | None = None


def capability_statement(
    base_url: str, urls: SecurityUrls | None, started_at: datetime, profile: VendorProfile = STANDARD
) -> Resource:
    """An `instance` statement of R4 4.0.1, with SMART's oauth-uris when `urls` are given."""
    rest: Resource = {"mode": "server", "resource": [_resource(d) for d in offered(profile).values()]}
    if urls is not None:
        rest["security"] = _security(urls)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": started_at.isoformat(),
        "kind": "instance",
        "software": {"name": "AKI Sentinel embedded EHR"},
        "implementation": {"description": "Embedded EHR for demonstration and testing", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
    }


def _security(urls: SecurityUrls) -> Resource:
    offered = {
        "authorize": urls.authorize,
        "token": urls.token,
        "revoke": urls.revoke,
        "introspect": urls.introspect,
        "manage": urls.manage,
    }
    return {
        "cors": True,
        "service": [
            {"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}], "text": "OAuth 2.0, SMART"}
        ],
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [{"url": name, "valueUri": uri} for name, uri in offered.items() if uri],
            }
        ],
    }


def _resource(definition: ResourceDefinition) -> Resource:
    interactions = ["read", "search-type", *(["create"] if definition.creatable else [])]
    return {
        "type": definition.type,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": definition.creatable,
        "referencePolicy": ["literal"],
        "searchParam": [{"name": p.name, "type": p.fhir_type} for p in definition.parameters.values()],
    }
