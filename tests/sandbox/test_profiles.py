"""Each vendor profile does what its facts say, and says where every fact comes from."""

import base64
import json
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from sandbox.cds_dialects import DIALECTS
from sandbox.ids import id_shape
from sandbox.profiles import PROFILE_IDS, PROFILES, find_profile
from sandbox.registration import registration_table
from sandbox.vendor import BASIS_WORDS, VendorProfile
from tests.builders.smart_app import SmartApp, new_smart_app

RECORD = "10000032"
CREATININE = "http://loinc.org|2160-0"
SCOPES = "launch openid fhirUser patient/*.rs"
NARROW = "launch openid fhirUser " + " ".join(
    f"patient/{name}.rs" for name in ("Patient", "Observation", "Procedure", "MedicationRequest", "Medication")
)
FORMS = ("plain", "epic", "numeric", "uuid", "athena")


@dataclass
class Site:
    """One profile's EHR with a launched app."""

    profile: VendorProfile
    app: SmartApp
    response: dict[str, Any]

    @property
    def patient_id(self) -> str:
        return id_shape(self.profile.ids).outward(RECORD)

    def get(self, path: str, **headers: str) -> Any:
        bearer = {"Authorization": f"Bearer {self.response['access_token']}", "Accept": "application/fhir+json"}
        url = urlsplit(path)
        local = path if url.scheme == "" else f"{url.path}?{url.query}"
        local = local if local.startswith("/") else f"{self.profile.fhir_path}/{local}"
        return self.app.http.get(local, headers={**bearer, **headers})

    def search(self, type_: str, query: str = "") -> dict[str, Any]:
        found = self.get(f"{type_}?patient={self.patient_id}{query}")
        assert found.status_code == 200, found.text
        return dict(found.json)

    def id_token(self) -> Any:
        keys = KeySet.import_key_set(self.app.http.get(f"{self.profile.fhir_path}/.well-known/jwks.json").json)
        key = next(key for key in keys.keys if key.alg == "RS256")
        return jwt.decode(self.response["id_token"], key, algorithms=["RS256"])


@cache
def site(profile_id: str, scopes: str = NARROW) -> Site:
    profile = find_profile(profile_id)
    app = new_smart_app(profile=profile_id)
    launch = app.new_launch(patient_id=id_shape(profile.ids).outward(RECORD))
    launched = app.authorize(launch=launch, scope=scopes, aud=app.services.settings.iss)
    return Site(profile, app, app.redeem(launched).json)


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def said(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [e["resource"]["issue"][0] for e in bundle.get("entry", []) if e["search"]["mode"] == "outcome"]


def next_url(bundle: dict[str, Any]) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


@pytest.mark.parametrize("profile", PROFILES, ids=PROFILE_IDS)
def test_every_departure_names_its_source_and_nothing_else_does(profile: VendorProfile) -> None:
    assert set(profile.facts) == set(profile.departures())
    assert set(profile.facts) <= {field.name for field in fields(VendorProfile)}
    for fact in profile.facts.values():
        assert re.match(r"(VN|SL|CH|FH)-\d+|[a-z.]+\.com[ /]", fact.source)


@given(
    form=st.sampled_from(FORMS),
    kind=st.sampled_from(["obs", "dx", "proc", "rx", "given", "enc", "new", "med"]),
    record=st.from_regex(r"[0-9]{8}", fullmatch=True),
    number=st.from_regex(r"[0-9]{1,6}", fullmatch=True),
)
def test_ids_of_every_shape_are_fhir_ids_and_read_back(form: Any, kind: str, record: str, number: str) -> None:
    shape = id_shape(form)
    for stored in (record, f"{kind}-{record}-{number}"):
        shown = shape.outward(stored)
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", shown)
        assert shape.inward(shown) == stored


@given(form=st.sampled_from(FORMS), text=st.text(max_size=70))
def test_an_id_nobody_wrote_is_left_as_it_is_or_belongs_to_a_record(form: Any, text: str) -> None:
    shape = id_shape(form)
    read = shape.inward(text)
    assert read == text or shape.outward(read) == text


@pytest.mark.parametrize("profile_id", PROFILE_IDS)
def test_following_the_pages_brings_every_result_of_the_patient(profile_id: str) -> None:
    here = site(profile_id)
    bundle = here.search("Observation", "&category=laboratory&_count=40")
    ids = [resource["id"] for resource in resources(bundle)]
    while (url := next_url(bundle)) is not None:
        bundle = here.get(url).json
        ids += [resource["id"] for resource in resources(bundle)]
    total = site("standard").search("Observation", "&category=laboratory&_count=0")["total"]
    assert len(set(ids)) == total
    assert (len(ids) > total) is (here.profile.repeats_across_pages > 0)


@pytest.mark.parametrize("profile_id", PROFILE_IDS)
def test_ids_and_references_are_of_one_shape_everywhere(profile_id: str) -> None:
    here = site(profile_id)
    assert here.response["patient"] == here.patient_id
    order = resources(here.search("MedicationRequest"))[0]
    assert order["subject"]["reference"] == f"Patient/{here.patient_id}"
    assert here.get(f"MedicationRequest/{order['id']}").json == order


@pytest.mark.parametrize("profile_id", PROFILE_IDS)
def test_the_registration_it_writes_names_its_own_addresses(profile_id: str) -> None:
    settings = site(profile_id).app.services.settings
    table = registration_table(settings)
    assert table["iss"] == settings.iss
    assert table["cds"]["jku"] == settings.jwks_uri
    assert ("trusted_origins" in table) is (find_profile(profile_id).login_host is not None)


def test_epic_refuses_an_observation_search_that_says_not_what() -> None:
    refused = site("epic").get(f"Observation?patient={site('epic').patient_id}")
    assert refused.status_code == 400
    assert refused.json["resourceType"] == "OperationOutcome"


def test_epic_ignores_sort_and_says_so_among_the_results() -> None:
    here = site("epic")
    query = f"&code={CREATININE}"
    bundle = here.search("Observation", f"{query}&_sort=-date")
    assert resources(bundle) == resources(here.search("Observation", query))
    assert "_sort" in said(bundle)[0]["diagnostics"]
    assert "_sort" not in bundle["link"][0]["url"]


def test_epic_says_no_results_in_an_entry() -> None:
    bundle = site("epic").search("Observation", "&code=http://loinc.org|0-0")
    assert resources(bundle) == []
    assert said(bundle)[0]["details"]["coding"][0]["code"] == "4101"


def test_epic_writes_metadata_in_xml_unless_json_is_asked_for() -> None:
    http, path = site("epic").app.http, site("epic").profile.fhir_path
    plain = http.get(f"{path}/metadata")
    assert plain.mimetype == "application/fhir+xml"
    assert plain.text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<CapabilityStatement')
    assert http.get(f"{path}/metadata", headers={"Accept": "application/json"}).json["fhirVersion"] == "4.0.1"


def test_epic_puts_a_local_code_first_and_writes_units_as_text() -> None:
    result = resources(site("epic").search("Observation", f"&code={CREATININE}"))[0]
    assert [coding["system"] for coding in result["code"]["coding"]][:2] == [
        site("epic").profile.local_codes,
        "http://loinc.org",
    ]
    assert set(result["valueQuantity"]) == {"value", "unit"}


def test_a_site_without_loinc_for_creatinine_finds_it_by_its_own_code_only() -> None:
    here = site("epic-unmapped")
    assert resources(here.search("Observation", f"&code={CREATININE}")) == []
    [local] = [
        key
        for key, loinc in registration_table(here.app.services.settings)["reading"]["local_codes"].items()
        if loinc == "2160-0"
    ]
    assert resources(here.search("Observation", f"&code={local}"))


def test_epic_orders_point_to_a_medication_that_can_be_read() -> None:
    here = site("epic")
    order = resources(here.search("MedicationRequest"))[0]
    assert "medicationCodeableConcept" not in order
    medication = here.get(order["medicationReference"]["reference"]).json
    assert medication["code"]["text"] == order["medicationReference"]["display"]


def test_epic_token_response_is_in_its_own_words() -> None:
    here = site("epic")
    assert here.response["token_type"] == "bearer"
    assert here.response["expires_in"] == 3240
    assert "__epic.dstu2.patient" in here.response
    claims = here.id_token().claims
    assert claims["iss"] == "http://127.0.0.1:9090/interconnect-fhir-oauth/oauth2"
    assert not claims["fhirUser"].startswith(here.app.services.settings.fhir_base)
    assert len(here.app.new_launch()) > 700


def test_epic_of_before_grants_v1_scopes_and_forbids_what_the_client_lacks() -> None:
    here = site("epic-2023")
    assert "patient/Observation.read" in here.response["scope"].split()
    assert "patient/Observation.rs" not in here.response["scope"]
    assert here.get(f"Procedure?patient={here.patient_id}").status_code == 403


def test_oracle_tokens_are_short_pages_overlap_and_the_newest_comes_first() -> None:
    here = site("oracle")
    assert here.response["expires_in"] == 570
    first = here.search("Observation", "&category=laboratory&_count=10&_sort=date")
    assert "total" not in first
    times = [resource["effectiveDateTime"] for resource in resources(first)]
    assert times == sorted(times, reverse=True)
    second = here.get(next_url(first) or "").json
    assert resources(second)[0]["id"] == resources(first)[-1]["id"]


def test_oracle_refuses_a_wildcard_instead_of_trimming_it() -> None:
    app = new_smart_app(profile="oracle")
    launched = app.authorize(scope=SCOPES, aud=app.services.settings.iss)
    assert launched.answer["error"] == "invalid_scope"


def test_athena_signs_in_elsewhere_and_creates_nothing() -> None:
    here = site("athena")
    found = here.app.http.get(f"{here.profile.fhir_path}/.well-known/smart-configuration").json
    assert urlsplit(found["token_endpoint"]).hostname == "localhost"
    assert found["issuer"] == here.id_token().claims["iss"] != here.app.services.settings.fhir_base
    statement = here.get("metadata").json["rest"][0]["resource"]
    assert not [r["type"] for r in statement if {"code": "create"} in r["interaction"]]
    assert here.id_token().claims["fhirUser"] == "Practitioner/okafor-ada"


def test_meditech_pages_as_it_likes() -> None:
    bundle = site("meditech").search("Observation", "&category=laboratory&_count=200")
    assert len(resources(bundle)) == 30
    assert "?continue=" in (next_url(bundle) or "")


def test_hapi_links_stand_on_the_bare_base() -> None:
    here = site("hapi")
    url = next_url(here.search("Observation", "&category=laboratory")) or ""
    assert url.startswith(f"{here.app.services.settings.fhir_base}?_getpages=")


def test_a_smart_1_server_publishes_and_sends_the_least() -> None:
    here = site("smart-1")
    assert here.app.http.get("/fhir/.well-known/smart-configuration").status_code == 404
    security = here.get("metadata").json["rest"][0]["security"]
    assert {inner["url"] for inner in security["extension"][0]["extension"]} >= {"authorize", "token"}
    assert "expires_in" not in here.response
    token = here.id_token()
    assert not {"nonce", "fhirUser", "profile"} & token.claims.keys()
    header = here.response["id_token"].split(".")[0]
    assert "kid" not in json.loads(base64.urlsafe_b64decode(header + "=="))


def test_medplum_names_its_base_with_a_slash_and_takes_no_other_audience() -> None:
    app = new_smart_app(profile="medplum")
    assert app.services.settings.iss.endswith("/fhir/R4/")
    without = app.authorize(launch=app.new_launch(), scope=NARROW, aud=app.services.settings.fhir_base)
    assert without.answer["error"] == "invalid_request"
    assert "encounter" not in site("medplum").response


def test_google_estimates_the_total_until_the_last_page() -> None:
    here = site("google")
    bundle = here.search("Observation", "&category=laboratory&_count=40")
    total = site("standard").search("Observation", "&category=laboratory&_count=0")["total"]
    assert bundle["total"] == 41
    while (url := next_url(bundle)) is not None:
        bundle = here.get(url).json
    assert bundle["total"] == total


def test_a_gateway_holds_and_takes_what_the_system_behind_it_does() -> None:
    http, path = site("redox").app.http, site("redox").profile.fhir_path
    types = {r["type"]: r for r in http.get(f"{path}/metadata").json["rest"][0]["resource"]}
    assert "RiskAssessment" not in types
    assert [name for name, r in types.items() if {"code": "create"} in r["interaction"]] == ["DocumentReference"]


def test_an_unknown_profile_stops_the_start_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="epic, epic-2023"):
        new_smart_app(profile="epci")


def test_the_settings_page_says_what_departs_and_from_where_it_is_known() -> None:
    page = site("oracle").app.http.get("/settings").text
    assert "repeats_across_pages" in page
    assert "VN-20" in page


def test_the_document_lists_every_profile_and_dialect_as_they_are() -> None:
    text = (Path(__file__).parents[2] / "docs" / "embedded-ehr.md").read_text(encoding="utf-8")
    for profile in PROFILES:
        assert f"| `{profile.id}` | {profile.name} | {profile.summary} |" in text
    for dialect in DIALECTS:
        assert (
            f"| `{dialect.id}` | {dialect.name} | {dialect.algorithm} | {dialect.token_life_seconds} s |" in text
        )
    for word, meaning in BASIS_WORDS.items():
        assert f"| {word} | {meaning} |" in text
