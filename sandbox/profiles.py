"""The vendor profiles of the embedded EHR. VN and SL items: the standards checklist; VN-38 asks for this file.

A profile is a test double made of published facts, not the vendor's software: passing here is necessary, not
sufficient. `docs/embedded-ehr.md` lists them; `docs/vendors.md` says what it means for a hospital.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.profiles_of_platforms import AZURE, GOOGLE, HEALTHLAKE, MEDPLUM, REDOX
from sandbox.vendor import Fact, NextLink, VendorProfile

STANDARD = VendorProfile("standard", "Standard", "SMART App Launch 2.2 and FHIR R4 as specified.")

EPIC = VendorProfile(
    "epic",
    "Epic",
    "Opaque ids, no _sort, an issuer of its own, OperationOutcome entries, local codes before LOINC, RS384 hooks.",
    fhir_path="/interconnect-fhir-oauth/api/FHIR/R4",
    issuer_path="/interconnect-fhir-oauth/oauth2",
    xml_without_accept=True,
    launch_is_long=True,
    access_token_seconds=3240,
    token_type="bearer",  # noqa: S106
    token_extras={
        "__epic.dstu2.patient": "TnOZ.elPXC6zcBNFMcFA7A5KZbYxo2.4T-LylRk4GoW4B",
        "appointment": "eUxfY-YbLzz.kSVmBGzdVHQ3",
        "location": "ePSFH5jG2ixDGXkYgDtiGvA3",
        "loginDepartment": "e4W4rmGe9QzuGm2Dy4NBqVc0KDe6yGld6HW95UuN-Qd03",
    },
    fhir_user="elsewhere",
    ids="epic",
    next_link=NextLink("sessionID"),
    ignored_parameters=("_sort", "_lastUpdated"),
    observation_needs_what=True,
    outcome_entries=True,
    absent_types=("RiskAssessment", "ImagingStudy"),
    creatable=("Observation", "Condition", "Communication", "DocumentReference"),
    local_codes="urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.0",
    unit_is_text=True,
    drugs_by_reference=True,
    cds_dialect="epic",
    cds_issuer="{fhir_base}/",
    facts={
        "fhir_path": Fact("SL-8 (the path is from memory)", "memory"),
        "issuer_path": Fact("SL-42", "documented"),
        "xml_without_accept": Fact("SL-9", "documented"),
        "launch_is_long": Fact("VN-10, SL-5", "documented"),
        "access_token_seconds": Fact("SL-36", "documented"),
        "token_type": Fact("SL-35", "documented"),
        "token_extras": Fact("SL-39", "documented"),
        "fhir_user": Fact("SL-44", "documented"),
        "ids": Fact("VN-16 (the form is from memory)", "memory"),
        "next_link": Fact("FH-3 (the form is our own)", "assumed"),
        "ignored_parameters": Fact("VN-11", "live"),
        "observation_needs_what": Fact("VN-11, CH-10", "secondary"),
        "outcome_entries": Fact("VN-13, CH-18", "documented"),
        "absent_types": Fact("VN-14 (ImagingStudy: assumed)", "live"),
        "creatable": Fact("VN-14", "live"),
        "local_codes": Fact("VN-15", "documented"),
        "unit_is_text": Fact("VN-15", "memory"),
        "drugs_by_reference": Fact("FH-11, CH-59", "documented"),
        "cds_dialect": Fact("VN-1..VN-8", "documented"),
        "cds_issuer": Fact("VN-8 (typed by hand)", "documented"),
    },
)

EPIC_2023 = replace(
    EPIC,
    id="epic-2023",
    name="Epic before August 2024",
    summary="As Epic, but it grants SMART v1 scopes whatever was asked, and one API is missing for this client.",
    granted_syntax="v1",
    without_capabilities=("permission-v2",),
    forbidden_types=("Procedure",),
    facts={
        **EPIC.facts,
        "granted_syntax": Fact("SL-25, VN-10", "documented"),
        "without_capabilities": Fact("VN-10", "documented"),
        "forbidden_types": Fact("VN-4, SL-28", "documented"),
    },
)

EPIC_UNMAPPED = replace(
    EPIC,
    id="epic-unmapped",
    name="Epic without LOINC for creatinine",
    summary="As Epic, at a site that has mapped everything to LOINC but creatinine.",
    unmapped_codes=("2160-0", "38483-4"),
    facts={**EPIC.facts, "unmapped_codes": Fact("VN-15", "memory")},
)

ORACLE = VendorProfile(
    "oracle",
    "Oracle Health (Millennium)",
    "Tenant in the path, tokens of 570 seconds, the same id on two pages, an issuer per tenant.",
    fhir_path="/r4/ec2458f2-1e24-41c8-b71b-0e701af7583d",
    login_host="localhost",
    issuer_path="/tenants/ec2458f2-1e24-41c8-b71b-0e701af7583d",
    access_token_seconds=570,
    refuses_wildcard_scopes=True,
    token_extras={
        "tenant": "ec2458f2-1e24-41c8-b71b-0e701af7583d",
        "username": "portal",
        "user": "12742069",
    },
    ids="numeric",
    next_link=NextLink("-pageContext"),
    repeats_across_pages=1,
    order="newest_first",
    ignored_parameters=("_sort",),
    sends_total=False,
    absent_types=("RiskAssessment", "ImagingStudy"),
    creatable=("Observation", "Communication", "DocumentReference"),
    cds_dialect="oracle",
    cds_issuer="https://cds-hooks.cerner.com",
    facts={
        "fhir_path": Fact("VN-18", "live"),
        "login_host": Fact("SL-42, VN-24", "live"),
        "issuer_path": Fact("SL-42", "live"),
        "access_token_seconds": Fact("VN-23, SL-36", "documented"),
        "refuses_wildcard_scopes": Fact("VN-22", "secondary"),
        "token_extras": Fact("SL-39, SL-68", "documented"),
        "ids": Fact("VN-18 (the form is from memory)", "memory"),
        "next_link": Fact("VN-20", "secondary"),
        "repeats_across_pages": Fact("VN-20", "secondary"),
        "order": Fact("VN-20", "documented"),
        "ignored_parameters": Fact("CH-7", "live"),
        "sends_total": Fact("VN-20 (total is optional in R4)", "assumed"),
        "absent_types": Fact("VN-25 (ImagingStudy: assumed)", "live"),
        "creatable": Fact("VN-25", "live"),
        "cds_dialect": Fact("VN-24", "documented"),
        "cds_issuer": Fact("VN-24, CH-50", "documented"),
    },
)

ATHENA = VendorProfile(
    "athena",
    "athenahealth",
    "An Okta authorization server at another host, ids with the practice in them, read-only.",
    fhir_path="/fhir/r4",
    login_host="localhost",
    issuer_path="/oauth2/aus2hfei6ookPyyCA297",
    ids="athena",
    fhir_user="relative",
    absent_types=("RiskAssessment", "MedicationAdministration", "ImagingStudy"),
    creatable=(),
    facts={
        "fhir_path": Fact("VN-27", "live"),
        "login_host": Fact("VN-27", "live"),
        "issuer_path": Fact("VN-27, SL-42", "live"),
        "ids": Fact("VN-27 (the form is from memory)", "memory"),
        "fhir_user": Fact("SL-44 (the vendor's form was not read)", "assumed"),
        "absent_types": Fact("VN-27 (ImagingStudy: assumed)", "live"),
        "creatable": Fact("VN-27", "live"),
    },
)

MEDITECH = VendorProfile(
    "meditech",
    "MEDITECH Expanse",
    "Nearly all read and search, few search parameters, pages by a `continue` parameter.",
    fhir_path="/v2/uscore/STU6",
    ids="uuid",
    default_page=30,
    largest_page=30,
    next_link=NextLink("continue"),
    ignored_parameters=("_sort", "_count"),
    sends_total=False,
    absent_types=("RiskAssessment", "Communication", "ServiceRequest", "ImagingStudy"),
    creatable=(),
    facts={
        "fhir_path": Fact("VN-30 (the path is our own)", "assumed"),
        "ids": Fact("VN-30", "assumed"),
        "default_page": Fact("VN-30 (the number is our own)", "assumed"),
        "largest_page": Fact("VN-30 (the number is our own)", "assumed"),
        "next_link": Fact("VN-30", "live"),
        "ignored_parameters": Fact("VN-30", "live"),
        "sends_total": Fact("VN-30 (total is optional in R4)", "assumed"),
        "absent_types": Fact("VN-30 (ImagingStudy: assumed)", "live"),
        "creatable": Fact("VN-30", "live"),
    },
)

VERADIGM = VendorProfile(
    "veradigm",
    "Veradigm and Altera",
    "Read-only FHIR; the user as a profile claim without a key id.",
    fhir_path="/open",
    without_capabilities=("authorize-post", "permission-v2"),
    granted_syntax="v1",
    fhir_user="profile",
    names_key=False,
    absent_types=("RiskAssessment", "ImagingStudy"),
    creatable=(),
    facts={
        "fhir_path": Fact("VN-29 (the path is our own)", "assumed"),
        "without_capabilities": Fact("SL-25", "assumed"),
        "granted_syntax": Fact("SL-25", "assumed"),
        "fhir_user": Fact("SL-45", "assumed"),
        "names_key": Fact("SL-43", "assumed"),
        "absent_types": Fact("VN-29 (ImagingStudy: assumed)", "documented"),
        "creatable": Fact("VN-29", "documented"),
    },
)

INTERSYSTEMS = VendorProfile(
    "intersystems",
    "InterSystems",
    "The authorization server is the hospital's own, at another host, and does not publish its issuer.",
    fhir_path="/csp/healthshare/demo/fhir/r4",
    login_host="localhost",
    issuer_path="/oauth2",
    publishes_issuer=False,
    ids="numeric",
    sends_encounter=False,
    facts={
        "fhir_path": Fact("VN-32", "memory"),
        "login_host": Fact("VN-32", "memory"),
        "issuer_path": Fact("VN-32, SL-42", "memory"),
        "publishes_issuer": Fact("SL-42", "assumed"),
        "ids": Fact("VN-32", "memory"),
        "sends_encounter": Fact("VN-32", "memory"),
    },
)

HAPI = VendorProfile(
    "hapi",
    "Smile CDR and HAPI",
    "Small pages whose next link is `_getpages` on the bare base; no total.",
    ids="numeric",
    default_page=20,
    next_link=NextLink("_getpages", on_base=True),
    sends_total=False,
    facts={
        "ids": Fact("VN-33", "memory"),
        "default_page": Fact("VN-33", "memory"),
        "next_link": Fact("VN-33", "memory"),
        "sends_total": Fact("VN-33", "memory"),
    },
)

SMART_LAUNCHER = VendorProfile(
    "smart-launcher",
    "SMART Health IT launcher",
    "Relative fhirUser, UUIDs, no encounter unless chosen, the launch settings inside the FHIR base's path.",
    fhir_path="/v/r4/sim/WzMsIiIsIiIsIkFVVE8iXQ/fhir",
    ids="uuid",
    fhir_user="relative",
    sends_encounter=False,
    facts={
        "fhir_path": Fact("SL-87 (the path is from memory)", "memory"),
        "ids": Fact("SL-87 (the form is from memory)", "memory"),
        "fhir_user": Fact("SL-44", "assumed"),
        "sends_encounter": Fact("SL-87", "documented"),
    },
)

SMART_1 = VendorProfile(
    "smart-1",
    "A SMART 1 server",
    "Endpoints in the CapabilityStatement only, v1 scopes, no expires_in, no nonce, no key id, no fhirUser.",
    publishes_smart_configuration=False,
    sends_expires_in=False,
    granted_syntax="v1",
    fhir_user="none",
    echoes_nonce=False,
    names_key=False,
    sends_total=False,
    facts={
        "publishes_smart_configuration": Fact("SL-11", "documented"),
        "sends_expires_in": Fact("SL-36", "documented"),
        "granted_syntax": Fact("SL-25", "documented"),
        "fhir_user": Fact("SL-45", "documented"),
        "echoes_nonce": Fact("SL-22, SL-41", "assumed"),
        "names_key": Fact("SL-43", "assumed"),
        "sends_total": Fact("FH-3", "assumed"),
    },
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
