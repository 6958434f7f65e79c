"""The vendor profiles of the embedded EHR. VN and SL items: the standards checklist; VN-38 asks for this file.

A profile is a test double made of published facts, not the vendor's software: passing here is necessary, not
sufficient. `docs/embedded-ehr.md` lists them; `docs/vendors.md` says what it means for a hospital.
"""

from __future__ import annotations

from sandbox.profiles_of_platforms import AZURE, GOOGLE, HEALTHLAKE, MEDPLUM, REDOX
from sandbox.vendor import Known, NextLink, VendorProfile, profile

STANDARD = VendorProfile("standard", "Standard", "SMART App Launch 2.2 and FHIR R4 as specified.")

EPIC = profile(
    "epic",
    "Epic",
    "Opaque ids, no _sort, an issuer of its own, OperationOutcome entries, local codes before LOINC, RS384 hooks.",
    fhir_path=Known("/interconnect-fhir-oauth/api/FHIR/R4", "memory", "SL-8 (the path is from memory)"),
    issuer_path=Known("/interconnect-fhir-oauth/oauth2", "documented", "SL-42"),
    xml_without_accept=Known(True, "documented", "SL-9"),
    launch_is_long=Known(True, "documented", "VN-10, SL-5"),
    access_token_seconds=Known(3240, "documented", "SL-36"),
    token_type=Known("bearer", "documented", "SL-35"),
    token_extras=Known(
        {
            "__epic.dstu2.patient": "TnOZ.elPXC6zcBNFMcFA7A5KZbYxo2.4T-LylRk4GoW4B",
            "appointment": "eUxfY-YbLzz.kSVmBGzdVHQ3",
            "location": "ePSFH5jG2ixDGXkYgDtiGvA3",
            "loginDepartment": "e4W4rmGe9QzuGm2Dy4NBqVc0KDe6yGld6HW95UuN-Qd03",
        },
        "documented",
        "SL-39",
    ),
    fhir_user=Known("elsewhere", "documented", "SL-44"),
    ids=Known("epic", "memory", "VN-16 (the form is from memory)"),
    next_link=Known(NextLink("sessionID"), "assumed", "FH-3 (the form is our own)"),
    ignored_parameters=Known(("_sort", "_lastUpdated"), "live", "VN-11"),
    observation_needs_what=Known(True, "secondary", "VN-11, CH-10"),
    outcome_entries=Known(True, "documented", "VN-13, CH-18"),
    absent_types=Known(("RiskAssessment", "ImagingStudy"), "live", "VN-14 (ImagingStudy: assumed)"),
    creatable=Known(("Observation", "Condition", "Communication", "DocumentReference"), "live", "VN-14"),
    local_codes=Known("urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.0", "documented", "VN-15"),
    unit_is_text=Known(True, "memory", "VN-15"),
    drugs_by_reference=Known(True, "documented", "FH-11, CH-59"),
    cds_dialect=Known("epic", "documented", "VN-1..VN-8"),
    cds_issuer=Known("{fhir_base}/", "documented", "VN-8 (typed by hand)"),
)

EPIC_2023 = profile(
    "epic-2023",
    "Epic before August 2024",
    "As Epic, but it grants SMART v1 scopes whatever was asked, and one API is missing for this client.",
    like=EPIC,
    granted_syntax=Known("v1", "documented", "SL-25, VN-10"),
    without_capabilities=Known(("permission-v2",), "documented", "VN-10"),
    forbidden_types=Known(("Procedure",), "documented", "VN-4, SL-28"),
)

EPIC_UNMAPPED = profile(
    "epic-unmapped",
    "Epic without LOINC for creatinine",
    "As Epic, at a site that has mapped everything to LOINC but creatinine.",
    like=EPIC,
    unmapped_codes=Known(("2160-0", "38483-4"), "memory", "VN-15"),
)

ORACLE = profile(
    "oracle",
    "Oracle Health (Millennium)",
    "Tenant in the path, tokens of 570 seconds, the same id on two pages, an issuer per tenant.",
    fhir_path=Known("/r4/ec2458f2-1e24-41c8-b71b-0e701af7583d", "live", "VN-18"),
    login_host=Known("localhost", "live", "SL-42, VN-24"),
    issuer_path=Known("/tenants/ec2458f2-1e24-41c8-b71b-0e701af7583d", "live", "SL-42"),
    access_token_seconds=Known(570, "documented", "VN-23, SL-36"),
    refuses_wildcard_scopes=Known(True, "secondary", "VN-22"),
    token_extras=Known(
        {
            "tenant": "ec2458f2-1e24-41c8-b71b-0e701af7583d",
            "username": "portal",
            "user": "12742069",
        },
        "documented",
        "SL-39, SL-68",
    ),
    ids=Known("numeric", "memory", "VN-18 (the form is from memory)"),
    next_link=Known(NextLink("-pageContext"), "secondary", "VN-20"),
    repeats_across_pages=Known(1, "secondary", "VN-20"),
    order=Known("newest_first", "documented", "VN-20"),
    ignored_parameters=Known(("_sort",), "live", "CH-7"),
    sends_total=Known(False, "assumed", "VN-20 (total is optional in R4)"),
    absent_types=Known(("RiskAssessment", "ImagingStudy"), "live", "VN-25 (ImagingStudy: assumed)"),
    creatable=Known(("Observation", "Communication", "DocumentReference"), "live", "VN-25"),
    cds_dialect=Known("oracle", "documented", "VN-24"),
    cds_issuer=Known("https://cds-hooks.cerner.com", "documented", "VN-24, CH-50"),
)

ATHENA = profile(
    "athena",
    "athenahealth",
    "An Okta authorization server at another host, ids with the practice in them, read-only.",
    fhir_path=Known("/fhir/r4", "live", "VN-27"),
    login_host=Known("localhost", "live", "VN-27"),
    issuer_path=Known("/oauth2/aus2hfei6ookPyyCA297", "live", "VN-27, SL-42"),
    ids=Known("athena", "memory", "VN-27 (the form is from memory)"),
    fhir_user=Known("relative", "assumed", "SL-44 (the vendor's form was not read)"),
    absent_types=Known(
        ("RiskAssessment", "MedicationAdministration", "ImagingStudy"), "live", "VN-27 (ImagingStudy: assumed)"
    ),
    creatable=Known((), "live", "VN-27"),
)

MEDITECH = profile(
    "meditech",
    "MEDITECH Expanse",
    "Nearly all read and search, few search parameters, pages by a `continue` parameter.",
    fhir_path=Known("/v2/uscore/STU6", "assumed", "VN-30 (the path is our own)"),
    ids=Known("uuid", "assumed", "VN-30"),
    default_page=Known(30, "assumed", "VN-30 (the number is our own)"),
    largest_page=Known(30, "assumed", "VN-30 (the number is our own)"),
    next_link=Known(NextLink("continue"), "live", "VN-30"),
    ignored_parameters=Known(("_sort", "_count"), "live", "VN-30"),
    sends_total=Known(False, "assumed", "VN-30 (total is optional in R4)"),
    absent_types=Known(
        ("RiskAssessment", "Communication", "ServiceRequest", "ImagingStudy"),
        "live",
        "VN-30 (ImagingStudy: assumed)",
    ),
    creatable=Known((), "live", "VN-30"),
)

VERADIGM = profile(
    "veradigm",
    "Veradigm and Altera",
    "Read-only FHIR; the user as a profile claim without a key id.",
    fhir_path=Known("/open", "assumed", "VN-29 (the path is our own)"),
    without_capabilities=Known(("authorize-post", "permission-v2"), "assumed", "SL-25"),
    granted_syntax=Known("v1", "assumed", "SL-25"),
    fhir_user=Known("profile", "assumed", "SL-45"),
    names_key=Known(False, "assumed", "SL-43"),
    absent_types=Known(("RiskAssessment", "ImagingStudy"), "documented", "VN-29 (ImagingStudy: assumed)"),
    creatable=Known((), "documented", "VN-29"),
)

INTERSYSTEMS = profile(
    "intersystems",
    "InterSystems",
    "The authorization server is the hospital's own, at another host, and does not publish its issuer.",
    fhir_path=Known("/csp/healthshare/demo/fhir/r4", "memory", "VN-32"),
    login_host=Known("localhost", "memory", "VN-32"),
    issuer_path=Known("/oauth2", "memory", "VN-32, SL-42"),
    publishes_issuer=Known(False, "assumed", "SL-42"),
    ids=Known("numeric", "memory", "VN-32"),
    sends_encounter=Known(False, "memory", "VN-32"),
)

HAPI = profile(
    "hapi",
    "Smile CDR and HAPI",
    "Small pages whose next link is `_getpages` on the bare base; no total.",
    ids=Known("numeric", "memory", "VN-33"),
    default_page=Known(20, "memory", "VN-33"),
    next_link=Known(NextLink("_getpages", on_base=True), "memory", "VN-33"),
    sends_total=Known(False, "memory", "VN-33"),
)

SMART_LAUNCHER = profile(
    "smart-launcher",
    "SMART Health IT launcher",
    "Relative fhirUser, UUIDs, no encounter unless chosen, the launch settings inside the FHIR base's path.",
    fhir_path=Known("/v/r4/sim/WzMsIiIsIiIsIkFVVE8iXQ/fhir", "memory", "SL-87 (the path is from memory)"),
    ids=Known("uuid", "memory", "SL-87 (the form is from memory)"),
    fhir_user=Known("relative", "assumed", "SL-44"),
    sends_encounter=Known(False, "documented", "SL-87"),
)

SMART_1 = profile(
    "smart-1",
    "A SMART 1 server",
    "Endpoints in the CapabilityStatement only, v1 scopes, no expires_in, no nonce, no key id, no fhirUser.",
    publishes_smart_configuration=Known(False, "documented", "SL-11"),
    sends_expires_in=Known(False, "documented", "SL-36"),
    granted_syntax=Known("v1", "documented", "SL-25"),
    fhir_user=Known("none", "documented", "SL-45"),
    echoes_nonce=Known(False, "assumed", "SL-22, SL-41"),
    names_key=Known(False, "assumed", "SL-43"),
    sends_total=Known(False, "assumed", "FH-3"),
)

PROFILES: tuple[VendorProfile, ...] = (
    STANDARD,
    EPIC,
    EPIC_2023,
    EPIC_UNMAPPED,
    ORACLE,
    ATHENA,
    MEDITECH,
    VERADIGM,
    INTERSYSTEMS,
    HAPI,
    MEDPLUM,
    HEALTHLAKE,
    GOOGLE,
    AZURE,
    REDOX,
    SMART_LAUNCHER,
    SMART_1,
)
PROFILE_IDS = tuple(profile.id for profile in PROFILES)
_BY_ID = {profile.id: profile for profile in PROFILES}


def find_profile(profile_id: str) -> VendorProfile:
    """The profile of that id. Raises KeyError."""
    return _BY_ID[profile_id]
