"""Profiles of FHIR platforms and gateways, which hospitals put before or behind their EHR (sandbox/profiles.py).

Where the platform launches no apps itself, the launch is the embedded EHR's own: the profile is the FHIR and
authorization side.
"""

from __future__ import annotations

from sandbox.vendor import Fact, NextLink, VendorProfile

MEDPLUM = VendorProfile(
    "medplum",
    "Medplum",
    "A FHIR base that ends with a slash, UUIDs, a patient or an encounter but never both, cursors, no total.",
    fhir_path="/fhir/R4",
    slash_after_base=True,
    issuer_path="/",
    ids="uuid",
    sends_encounter=False,
    default_page=20,
    largest_page=1000,
    next_link=NextLink("_cursor"),
    sends_total=False,
    facts={
        "fhir_path": Fact("medplum.com/docs, ClientApplication $smart-launch", "documented"),
        "slash_after_base": Fact("medplum.com/docs, ClientApplication $smart-launch", "documented"),
        "issuer_path": Fact("medplum.com (no page read)", "memory"),
        "ids": Fact("medplum.com/docs, ClientApplication $smart-launch", "documented"),
        "sends_encounter": Fact("medplum.com/docs, ClientApplication $smart-launch", "documented"),
        "default_page": Fact("medplum.com (no page read)", "memory"),
        "largest_page": Fact("medplum.com/docs, DEFAULT_MAX_SEARCH_COUNT", "documented"),
        "next_link": Fact("medplum.com/docs, paginated search (the form is from memory)", "memory"),
        "sends_total": Fact("medplum.com/docs, SearchRequest.total (the default is from memory)", "memory"),
    },
)

HEALTHLAKE = VendorProfile(
    "healthlake",
    "AWS HealthLake",
    "A data store in the path, an authorization server of the customer's that names no issuer, v1 scopes.",
    fhir_path="/datastore/0f1e2d3c4b5a69788796a5b4c3d2e1f0/r4",
    login_host="localhost",
    issuer_path="/oauth2/healthlake",
    publishes_issuer=False,
    without_capabilities=("permission-v2",),
    granted_syntax="v1",
    ids="uuid",
    default_page=10,
    largest_page=100,
    next_link=NextLink("page"),
    facts={
        "fhir_path": Fact("VN-34 (the path is from memory)", "memory"),
        "login_host": Fact("VN-34", "documented"),
        "issuer_path": Fact("VN-34 (the customer's choice; the path is our own)", "assumed"),
        "publishes_issuer": Fact("VN-34 (metadata are what the customer enters)", "assumed"),
        "without_capabilities": Fact("VN-34, SMART_ON_FHIR_V1", "documented"),
        "granted_syntax": Fact("VN-34, SMART_ON_FHIR_V1", "documented"),
        "ids": Fact("VN-34 (the form is from memory)", "memory"),
        "default_page": Fact("VN-34 (from memory)", "memory"),
        "largest_page": Fact("VN-34 (from memory)", "memory"),
        "next_link": Fact("VN-34 (the form is from memory)", "memory"),
    },
)

GOOGLE = VendorProfile(
    "google",
    "Google Cloud Healthcare API",
    "A store in the path, tokens from elsewhere, v1 scopes, patient context only, a total that is an estimate.",
    fhir_path="/v1/projects/aki/locations/europe-west3/datasets/ward/fhirStores/charts/fhir",
    login_host="localhost",
    issuer_path="/issuer",
    without_capabilities=("permission-v2", "permission-user", "context-ehr-encounter"),
    granted_syntax="v1",
    sends_encounter=False,
    ids="uuid",
    default_page=100,
    largest_page=1000,
    next_link=NextLink("_page_token"),
    total_is_estimate=True,
    facts={
        "fhir_path": Fact("cloud.google.com/healthcare-api/docs, fhir.search", "documented"),
        "login_host": Fact("VN-35", "documented"),
        "issuer_path": Fact("VN-35 (outside the product; the path is our own)", "assumed"),
        "without_capabilities": Fact("VN-35", "documented"),
        "granted_syntax": Fact("VN-35", "documented"),
        "sends_encounter": Fact("VN-35", "documented"),
        "ids": Fact("VN-35 (the form is from memory)", "memory"),
        "default_page": Fact("VN-35 (from memory)", "memory"),
        "largest_page": Fact("VN-35 (from memory)", "memory"),
        "next_link": Fact("VN-35 (the name is from memory)", "memory"),
        "total_is_estimate": Fact("cloud.google.com/healthcare-api/docs, best practices for search", "documented"),
    },
)

AZURE = VendorProfile(
    "azure",
    "Azure Health Data Services",
    "A SMART 1.0 sample before the FHIR service, sign-in at Entra ID, pages by `ct`, no total unless asked.",
    fhir_path="/smart",
    login_host="localhost",
    issuer_path="/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
    without_capabilities=("permission-v2",),
    granted_syntax="v1",
    ids="uuid",
    default_page=10,
    largest_page=1000,
    next_link=NextLink("ct"),
    sends_total=False,
    facts={
        "fhir_path": Fact("VN-36 (the path is from memory)", "memory"),
        "login_host": Fact("VN-36", "documented"),
        "issuer_path": Fact("VN-36 (the form is from memory)", "memory"),
        "without_capabilities": Fact("VN-36", "documented"),
        "granted_syntax": Fact("VN-36", "documented"),
        "ids": Fact("VN-36 (the form is from memory)", "memory"),
        "default_page": Fact("VN-36 (from memory)", "memory"),
        "largest_page": Fact("VN-36 (from memory)", "memory"),
        "next_link": Fact("VN-36 (the name is from memory)", "memory"),
        "sends_total": Fact("VN-36 (from memory)", "memory"),
    },
)

REDOX = VendorProfile(
    "redox",
    "Redox",
    "A gateway's FHIR side: what the system behind it has, few types, notes only. The launch is this EHR's own.",
    fhir_path="/fhir/R4/meadowbrook-general/Development",
    ids="uuid",
    ignored_parameters=("_sort",),
    sends_total=False,
    absent_types=("RiskAssessment", "ServiceRequest", "Communication", "MedicationAdministration", "ImagingStudy"),
    creatable=("DocumentReference",),
    facts={
        "fhir_path": Fact("VN-37 (the path is from memory)", "memory"),
        "ids": Fact("VN-37", "assumed"),
        "ignored_parameters": Fact("VN-37", "assumed"),
        "sends_total": Fact("VN-37", "assumed"),
        "absent_types": Fact("VN-37 (coverage is that of the system behind)", "assumed"),
        "creatable": Fact("VN-37 (coverage is that of the system behind)", "assumed"),
    },
)
