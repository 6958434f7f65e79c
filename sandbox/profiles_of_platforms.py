"""Profiles of FHIR platforms and gateways, which hospitals put before or behind their EHR (sandbox/profiles.py).

Where the platform launches no apps itself, the launch is the embedded EHR's own: the profile is the FHIR and
authorization side.
"""

from __future__ import annotations

from sandbox.vendor import Known, NextLink, profile

MEDPLUM = profile(
    "medplum",
    "Medplum",
    "A FHIR base that ends with a slash, UUIDs, a patient or an encounter but never both, cursors, no total.",
    fhir_path=Known("/fhir/R4", "documented", "medplum.com/docs, ClientApplication $smart-launch"),
    slash_after_base=Known(True, "documented", "medplum.com/docs, ClientApplication $smart-launch"),
    issuer_path=Known("/", "memory", "medplum.com (no page read)"),
    ids=Known("uuid", "documented", "medplum.com/docs, ClientApplication $smart-launch"),
    sends_encounter=Known(False, "documented", "medplum.com/docs, ClientApplication $smart-launch"),
    default_page=Known(20, "memory", "medplum.com (no page read)"),
    largest_page=Known(1000, "documented", "medplum.com/docs, DEFAULT_MAX_SEARCH_COUNT"),
    next_link=Known(NextLink("_cursor"), "memory", "medplum.com/docs, paginated search (the form is from memory)"),
    sends_total=Known(False, "memory", "medplum.com/docs, SearchRequest.total (the default is from memory)"),
)

HEALTHLAKE = profile(
    "healthlake",
    "AWS HealthLake",
    "A data store in the path, an authorization server of the customer's that names no issuer, v1 scopes.",
    fhir_path=Known("/datastore/0f1e2d3c4b5a69788796a5b4c3d2e1f0/r4", "memory", "VN-34 (the path is from memory)"),
    login_host=Known("localhost", "documented", "VN-34"),
    issuer_path=Known("/oauth2/healthlake", "assumed", "VN-34 (the customer's choice; the path is our own)"),
    publishes_issuer=Known(False, "assumed", "VN-34 (metadata are what the customer enters)"),
    without_capabilities=Known(("permission-v2",), "documented", "VN-34, SMART_ON_FHIR_V1"),
    granted_syntax=Known("v1", "documented", "VN-34, SMART_ON_FHIR_V1"),
    ids=Known("uuid", "memory", "VN-34 (the form is from memory)"),
    default_page=Known(10, "memory", "VN-34 (from memory)"),
    largest_page=Known(100, "memory", "VN-34 (from memory)"),
    next_link=Known(NextLink("page"), "memory", "VN-34 (the form is from memory)"),
)

GOOGLE = profile(
    "google",
    "Google Cloud Healthcare API",
    "A store in the path, tokens from elsewhere, v1 scopes, patient context only, a total that is an estimate.",
    fhir_path=Known(
        "/v1/projects/aki/locations/europe-west3/datasets/ward/fhirStores/charts/fhir",
        "documented",
        "cloud.google.com/healthcare-api/docs, fhir.search",
    ),
    login_host=Known("localhost", "documented", "VN-35"),
    issuer_path=Known("/issuer", "assumed", "VN-35 (outside the product; the path is our own)"),
    without_capabilities=Known(
        ("permission-v2", "permission-user", "context-ehr-encounter"), "documented", "VN-35"
    ),
    granted_syntax=Known("v1", "documented", "VN-35"),
    sends_encounter=Known(False, "documented", "VN-35"),
    ids=Known("uuid", "memory", "VN-35 (the form is from memory)"),
    default_page=Known(100, "memory", "VN-35 (from memory)"),
    largest_page=Known(1000, "memory", "VN-35 (from memory)"),
    next_link=Known(NextLink("_page_token"), "memory", "VN-35 (the name is from memory)"),
    total_is_estimate=Known(True, "documented", "cloud.google.com/healthcare-api/docs, best practices for search"),
)

AZURE = profile(
    "azure",
    "Azure Health Data Services",
    "A SMART 1.0 sample before the FHIR service, sign-in at Entra ID, pages by `ct`, no total unless asked.",
    fhir_path=Known("/smart", "memory", "VN-36 (the path is from memory)"),
    login_host=Known("localhost", "documented", "VN-36"),
    issuer_path=Known("/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "memory", "VN-36 (the form is from memory)"),
    without_capabilities=Known(("permission-v2",), "documented", "VN-36"),
    granted_syntax=Known("v1", "documented", "VN-36"),
    ids=Known("uuid", "memory", "VN-36 (the form is from memory)"),
    default_page=Known(10, "memory", "VN-36 (from memory)"),
    largest_page=Known(1000, "memory", "VN-36 (from memory)"),
    next_link=Known(NextLink("ct"), "memory", "VN-36 (the name is from memory)"),
    sends_total=Known(False, "memory", "VN-36 (from memory)"),
)

REDOX = profile(
    "redox",
    "Redox",
    "A gateway's FHIR side: what the system behind it has, few types, notes only. The launch is this EHR's own.",
    fhir_path=Known("/fhir/R4/meadowbrook-general/Development", "memory", "VN-37 (the path is from memory)"),
    ids=Known("uuid", "assumed", "VN-37"),
    ignored_parameters=Known(("_sort",), "assumed", "VN-37"),
    sends_total=Known(False, "assumed", "VN-37"),
    absent_types=Known(
        ("RiskAssessment", "ServiceRequest", "Communication", "MedicationAdministration", "ImagingStudy"),
        "assumed",
        "VN-37 (coverage is that of the system behind)",
    ),
    creatable=Known(("DocumentReference",), "assumed", "VN-37 (coverage is that of the system behind)"),
)
