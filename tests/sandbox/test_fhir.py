"""The FHIR server over HTTP: access, paging, negotiation, create, errors, simulated faults."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fhirclient.models.bundle import Bundle
from fhirclient.models.capabilitystatement import CapabilityStatement
from fhirclient.models.operationoutcome import OperationOutcome

from sandbox.faults import FAULTS, Faults
from tests.builders.records import BASE, OTHER_PATIENT, PATIENT, FhirWorld, StubAccess, fhir_world

CREATININE = "Observation?code=http://loinc.org|2160-0"
RISK = {
    "resourceType": "RiskAssessment",
    "status": "final",
    "subject": {"reference": f"Patient/{PATIENT}"},
    "prediction": [{"outcome": {"text": "AKI"}, "probabilityDecimal": 37.0}],
}


@pytest.fixture
def world() -> FhirWorld:
    return fhir_world()


def assert_outcome(answer: Any, status: int, code: str | None = None) -> None:
    assert answer.status_code == status, answer.get_data(as_text=True)[:300]
    assert answer.mimetype == "application/fhir+json"
    OperationOutcome(answer.json)
    if code:
        assert answer.json["issue"][0]["code"] == code


# --- metadata ------------------------------------------------------------------------------------------------


def test_metadata_needs_no_token_and_names_the_oauth_endpoints(world: FhirWorld) -> None:
    answer = world.client.get("/fhir/metadata")
    CapabilityStatement(answer.json)
    security = answer.json["rest"][0]["security"]
    uris = {e["url"]: e["valueUri"] for e in security["extension"][0]["extension"]}
    assert uris == {"authorize": "https://ehr.example/auth/authorize", "token": "https://ehr.example/auth/token"}
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"


def test_metadata_promises_only_what_a_search_understands(world: FhirWorld) -> None:
    statement = world.client.get("/fhir/metadata").json
    for resource in statement["rest"][0]["resource"]:
        for parameter in resource["searchParam"]:
            value = "2026" if parameter["type"] == "date" else PATIENT
            answer = world.get(f"{resource['type']}?{parameter['name']}={value}", Prefer="handling=strict")
            assert answer.status_code == 200, (resource["type"], parameter["name"])


# --- access --------------------------------------------------------------------------------------------------


def test_without_a_token_everything_but_metadata_is_401(world: FhirWorld) -> None:
    for path in ("Patient", f"Patient/{PATIENT}", "Observation/_search", "Nothing", "", "a/b/c"):
        answer = world.client.get(f"/fhir/{path}")
        if path == "Observation/_search":
            answer = world.client.post(f"/fhir/{path}")
        assert_outcome(answer, 401, "login")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_scopes_are_held_per_type_and_interaction(world: FhirWorld) -> None:
    world.bearer = StubAccess(scopes={"Observation": ("search",), "Patient": ("read",)})
    some_id = "obs-10005817-00001"
    assert world.get(CREATININE).status_code == 200
    assert world.get(f"Patient/{PATIENT}").status_code == 200
    assert_outcome(world.get(f"Observation/{some_id}"), 403, "forbidden")
    assert_outcome(world.get("Patient"), 403, "forbidden")
    assert_outcome(world.get("Condition"), 403, "forbidden")
    assert_outcome(world.post("RiskAssessment", RISK), 403, "forbidden")


def test_another_patient_can_be_neither_read_nor_searched(world: FhirWorld) -> None:
    assert_outcome(world.get(f"Patient/{OTHER_PATIENT}"), 404, "not-found")
    assert_outcome(world.get(f"Observation/obs-{OTHER_PATIENT}-00001"), 404, "not-found")
    for query in (
        f"patient={OTHER_PATIENT}",
        f"patient=Patient/{OTHER_PATIENT}",
        f"subject=Patient/{OTHER_PATIENT}",
        f"patient={PATIENT},{OTHER_PATIENT}",
        f"patient={PATIENT}&subject={OTHER_PATIENT}",
        f"patient={BASE}/Patient/{OTHER_PATIENT}",
        "patient:Patient=" + OTHER_PATIENT,
    ):
        assert_outcome(world.get(f"Observation?{query}"), 403, "forbidden")


def test_a_stranger_and_a_missing_resource_look_the_same(world: FhirWorld) -> None:
    stranger, missing = world.get(f"Patient/{OTHER_PATIENT}"), world.get("Patient/nobody")
    assert (stranger.status_code, stranger.json) == (missing.status_code, missing.json)


@pytest.mark.parametrize(
    "type_", ["Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "Procedure"]
)
def test_a_search_without_patient_stays_with_the_launch_patient(world: FhirWorld, type_: str) -> None:
    entries = world.get(f"{type_}?_count=200").json["entry"]
    subjects = {
        e["resource"].get("subject", {}).get("reference", f"Patient/{e['resource']['id']}") for e in entries
    }
    assert subjects == {f"Patient/{PATIENT}"}


def test_a_page_link_gives_no_right_to_another_token(world: FhirWorld) -> None:
    first = world.get(f"Observation?patient={PATIENT}&_count=10").json
    world.bearer = replace(world.bearer, patient_id=OTHER_PATIENT)
    answer = world.follow(first)
    assert_outcome(answer, 403, "forbidden")


def test_a_bearer_without_a_patient_must_name_one(world: FhirWorld) -> None:
    world.bearer = StubAccess(patient_id=None)
    assert_outcome(world.get("Observation"), 400, "too-costly")
    assert world.get(f"Observation?patient={OTHER_PATIENT}&_count=1").json["total"] > 0
    assert world.get(f"Patient/{OTHER_PATIENT}").status_code == 200


def test_the_signed_in_clinician_can_be_read(world: FhirWorld) -> None:
    assert world.get("Practitioner/moreau-claire").json["name"][0]["family"] == "Moreau"
    assert_outcome(world.get("Practitioner/nobody"), 404)


# --- searching and paging ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["Observation?_count=37", "Observation?_sort=-date&_count=50", "MedicationRequest"]
)
def test_paging_to_the_end_misses_and_repeats_nothing(world: FhirWorld, query: str) -> None:
    pages = world.every_page(query)
    ids = [id_ for page in pages for id_ in page]
    total = world.get(query).json["total"]
    assert len(ids) == len(set(ids)) == total
    assert len(pages) > 1
    assert len({len(page) for page in pages[:-1]}) == 1


def test_default_page_is_50_and_the_self_link_shows_what_was_used(world: FhirWorld) -> None:
    bundle = world.get("Observation?category=laboratory&flavour=mild&_sort=-date").json
    Bundle(bundle)
    assert len(bundle["entry"]) == 50
    self_link = next(link["url"] for link in bundle["link"] if link["relation"] == "self")
    assert self_link == f"{BASE}/Observation?category=laboratory&_sort=-date&_count=50"


def test_next_links_name_no_parameter_and_end_after_the_last_page(world: FhirWorld) -> None:
    bundle = world.get(f"{CREATININE}&_count=200").json
    assert {link["relation"] for link in bundle["link"]} == {"self"}
    following = world.get(f"{CREATININE}&_count=1").json["link"]
    url = next(link["url"] for link in following if link["relation"] == "next")
    assert url.startswith(f"{BASE}/Observation?_page=")
    assert "2160" not in url


def test_post_search_answers_as_get_does(world: FhirWorld) -> None:
    got = world.get(f"{CREATININE}&_sort=-date").json
    posted = world.client.post(
        "/fhir/Observation/_search",
        data={"code": "http://loinc.org|2160-0", "_sort": "-date"},
        headers={"Authorization": "Bearer t"},
    ).json
    assert posted["entry"] == got["entry"]


def test_post_search_wants_a_form(world: FhirWorld) -> None:
    assert_outcome(world.post("Observation/_search", {"code": "2160-0"}), 415)


def test_a_search_that_finds_nothing_is_an_empty_searchset(world: FhirWorld) -> None:
    bundle = world.get("Observation?code=none").json
    assert (bundle["type"], bundle["total"]) == ("searchset", 0)
    assert "entry" not in bundle


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_only_the_total_can_be_asked_for(world: FhirWorld, query: str) -> None:
    bundle = world.get(f"{CREATININE}&{query}").json
    assert bundle["total"] > 0
    assert "entry" not in bundle


def test_entries_can_be_read_at_their_full_url(world: FhirWorld) -> None:
    for entry in world.get(f"{CREATININE}&_count=3").json["entry"]:
        answer = world.get(entry["fullUrl"].removeprefix(BASE + "/"))
        assert answer.json == entry["resource"]
        assert answer.headers["ETag"] == 'W/"1"'


def test_strict_handling_is_honoured(world: FhirWorld) -> None:
    assert_outcome(world.get("Observation?flavour=mild", Prefer="handling=strict"), 400, "not-supported")
    assert world.get("Observation?flavour=mild", Prefer="handling=lenient").status_code == 200


# --- protocol ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Nothing", 404),
        ("GET", "Patient/x/y/z", 404),
        ("GET", "", 404),
        ("PUT", f"Patient/{PATIENT}", 405),
        ("DELETE", f"Patient/{PATIENT}", 405),
        ("PATCH", "Observation", 405),
        ("GET", "Observation/_search", 405),
        ("POST", "Patient", 405),
        ("GET", "Observation?_page=nonsense", 410),
        ("GET", "Observation?date=soon", 400),
        ("GET", "Observation?_format=application/fhir%2Bxml", 406),
    ],
)
def test_refusals_are_operation_outcomes(world: FhirWorld, method: str, path: str, status: int) -> None:
    answer = world.client.open(f"/fhir/{path}", method=method, json={}, headers={"Authorization": "Bearer t"})
    assert_outcome(answer, status)


def test_a_client_that_takes_no_json_gets_406(world: FhirWorld) -> None:
    assert_outcome(world.get(f"Patient/{PATIENT}", Accept="application/fhir+xml"), 406)
    assert world.get(f"Patient/{PATIENT}", Accept="application/json;q=0.5, text/html").status_code == 200
    assert world.get(f"Patient/{PATIENT}?_format=json", Accept="text/html").status_code == 200


def test_an_unchanged_resource_is_304(world: FhirWorld) -> None:
    assert world.get(f"Patient/{PATIENT}", **{"If-None-Match": 'W/"1"'}).status_code == 304


def test_a_browser_app_of_any_origin_may_call(world: FhirWorld) -> None:
    preflight = world.client.options("/fhir/Observation", headers={"Origin": "https://app.example"})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers


# --- create --------------------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "RiskAssessment": RISK,
    "ServiceRequest": {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal"},
    "Communication": {"resourceType": "Communication", "status": "completed"},
    "DocumentReference": {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "QUtJ"}}],
    },
    "Observation": {"resourceType": "Observation", "status": "preliminary", "code": {"text": "AKI risk"}},
    "Condition": {"resourceType": "Condition", "code": {"text": "Acute kidney injury"}},
}
IDENTIFIER = {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:7f1c0f8e-6f7e-5d8e-9f3a-0d9f3c1f2a10"}
SUBJECT = {"subject": {"reference": f"Patient/{PATIENT}"}}


@pytest.mark.parametrize("type_", BODIES)
def test_what_is_created_can_be_read_and_found(world: FhirWorld, type_: str) -> None:
    body = {**BODIES[type_], "subject": {"reference": f"Patient/{PATIENT}"}}
    answer = world.post(type_, body)
    assert answer.status_code == 201, answer.json
    location = answer.headers["Location"]
    assert location == f"{BASE}/{type_}/{answer.json['id']}/_history/1"
    assert world.get(location.removeprefix(BASE + "/")).json == answer.json
    assert answer.json["id"] in world.ids(f"{type_}?_id={answer.json['id']}")
    assert answer.json["meta"]["lastUpdated"] == "2026-03-29T12:45:00.000+00:00"


@pytest.mark.parametrize("type_", BODIES)
def test_what_was_created_is_found_by_its_identifier(world: FhirWorld, type_: str) -> None:
    body = {**BODIES[type_], **SUBJECT, "identifier": [IDENTIFIER]}
    made = world.post(type_, body)
    assert made.status_code == 201, made.json
    wanted = f"{IDENTIFIER['system']}|{IDENTIFIER['value']}"
    assert world.ids(f"{type_}?patient={PATIENT}&identifier={wanted}") == [made.json["id"]]
    assert world.ids(f"{type_}?patient={PATIENT}&identifier={wanted}0") == []


def test_a_conditional_create_makes_one_and_returns_it_again(world: FhirWorld) -> None:
    condition = f"identifier={IDENTIFIER['system']}|{IDENTIFIER['value']}"
    body = {**RISK, "identifier": [IDENTIFIER]}
    first = world.post("RiskAssessment", body, **{"If-None-Exist": condition})
    again = world.post("RiskAssessment", body, **{"If-None-Exist": condition})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]


@pytest.mark.parametrize(
    ("condition", "status"),
    [("method:missing=true", 412), ("_count=3", 412), ("invented=1", 400), ("_id=none", 201)],
)
def test_a_conditional_create_that_is_not_clear_creates_nothing(
    world: FhirWorld, condition: str, status: int
) -> None:
    for _ in range(2):
        world.post("RiskAssessment", RISK)
    assert world.post("RiskAssessment", RISK, **{"If-None-Exist": condition}).status_code == status
    assert world.get("RiskAssessment").json["total"] == (3 if status == 201 else 2)


def code_of(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"clinicalStatus": code_of("condition-clinical", "active")}, 201),
        ({"clinicalStatus": None}, 422),
        ({"code": None}, 422),
        ({"verificationStatus": code_of("condition-ver-status", "entered-in-error")}, 422),
    ],
)
def test_a_problem_is_added_to_the_list_when_it_says_enough(
    world: FhirWorld, change: dict[str, Any], status: int
) -> None:
    problem = {
        **BODIES["Condition"],
        **SUBJECT,
        "category": [code_of("condition-category", "problem-list-item")],
        "clinicalStatus": code_of("condition-clinical", "active"),
        **change,
    }
    assert world.post("Condition", {k: v for k, v in problem.items() if v is not None}).status_code == status


def test_prefer_says_what_comes_back(world: FhirWorld) -> None:
    minimal = world.post("RiskAssessment", RISK, Prefer="return=minimal")
    assert (minimal.status_code, minimal.data) == (201, b"")
    assert minimal.headers["Location"]
    told = world.post("RiskAssessment", RISK, Prefer="return=OperationOutcome")
    assert told.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"resourceType": "Observation"}, 400),
        ({"subject": None}, 422),
        ({"subject": {"reference": f"Patient/{OTHER_PATIENT}"}}, 422),
        ({"subject": {"reference": "Group/1"}}, 422),
        ({"subject": {"display": "somebody"}}, 422),
        ({"status": None}, 422),
        ({"status": "superb"}, 422),
        ({"status": "entered-in-error"}, 422),
        ({"prediction": "soon"}, 422),
        ({"prediction": [{"probabilityDecimal": 137.0}]}, 422),
        ({"prediction": [{"probabilityDecimal": -1.0}]}, 422),
        ({"invented": True}, 422),
    ],
)
def test_what_cannot_be_created_is_refused_and_not_kept(world: FhirWorld, change: Any, status: int) -> None:
    body = {key: value for key, value in (RISK | change).items() if value is not None}
    assert_outcome(world.post("RiskAssessment", body), status)
    assert world.get("RiskAssessment").json["total"] == 0


def test_a_refusal_names_the_element_but_not_its_value(world: FhirWorld) -> None:
    answer = world.post("RiskAssessment", {**RISK, "comment": "Mrs Canary has AKI"})
    assert_outcome(answer, 422, "structure")
    assert "Canary" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{", "application/fhir+json", 400),
        (b"[]", "application/fhir+json", 400),
        (b'{"a": NaN}', "application/fhir+json", 400),
        (b"[" * 100_000, "application/fhir+json", 400),
        (b"\xff\xfe", "application/json", 400),
        (json.dumps({"x": "y" * 1_100_000}).encode(), "application/json", 413),
    ],
)
def test_bodies_that_are_no_resource_are_refused(
    world: FhirWorld, data: bytes, content_type: str, status: int
) -> None:
    headers = {"Authorization": "Bearer t", "Content-Type": content_type}
    assert_outcome(world.client.post("/fhir/RiskAssessment", data=data, headers=headers), status)


# --- simulated faults ----------------------------------------------------------------------------------------


def test_every_fault_is_off_at_start_and_says_what_it_does() -> None:
    assert [value for _, value in Faults().switches()] == [None] * len(FAULTS)
    for fault in FAULTS:
        assert fault.description.endswith(".")
        assert fault.title[0].isupper()
        assert fault.default in fault.choices


def test_an_unknown_fault_or_value_is_refused() -> None:
    faults = Faults()
    with pytest.raises(KeyError):
        faults.turn_on("gremlins")
    with pytest.raises(ValueError, match="slow"):
        faults.turn_on("slow", "86400")


def test_slow_waits_that_long(world: FhirWorld) -> None:
    world.faults.turn_on("slow", "10")
    world.get(CREATININE)
    assert world.pauses == [10.0]


@pytest.mark.parametrize(("seconds", "waited"), [(None, [5.0]), ("20", [20.0])])
def test_one_type_can_be_slow_alone(world: FhirWorld, seconds: str | None, waited: list[float]) -> None:
    world.faults.turn_on("slow_type", "Observation")
    if seconds:
        world.faults.turn_on("slow", seconds)
    world.get("Condition")
    world.get(CREATININE)
    assert world.pauses == waited


def test_a_protected_chart_is_refused_with_the_vendors_code(world: FhirWorld) -> None:
    world.faults.turn_on("break_the_glass", "4131")
    answer = world.get(CREATININE)
    assert_outcome(answer, 403, "forbidden")
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "4131"


@pytest.mark.parametrize(("name", "status"), [("unavailable", 503), ("forbidden", 403), ("broken", 500)])
def test_a_refusing_fault_hits_its_type_only(world: FhirWorld, name: str, status: int) -> None:
    world.faults.turn_on(name, "Condition")
    assert_outcome(world.get("Condition"), status)
    assert world.get(CREATININE).status_code == 200
    world.faults.turn_off(name)
    assert world.get("Condition").status_code == 200


def test_login_page_is_html_with_200(world: FhirWorld) -> None:
    world.faults.turn_on("login_page", "any")
    answer = world.get(CREATININE)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")


def test_cut_off_is_not_json(world: FhirWorld) -> None:
    world.faults.turn_on("cut_off")
    with pytest.raises(json.JSONDecodeError):
        json.loads(world.get(CREATININE).get_data())


def test_unsorted_drops_the_order_and_admits_it(world: FhirWorld) -> None:
    sorted_ids = world.ids(f"{CREATININE}&_sort=-date")
    world.faults.turn_on("unsorted")
    bundle = world.get(f"{CREATININE}&_sort=-date").json
    assert [e["resource"]["id"] for e in bundle["entry"]] == sorted_ids[::-1]
    assert "_sort" not in bundle["link"][0]["url"]


def test_repeats_shows_the_last_entry_again_on_the_next_page(world: FhirWorld) -> None:
    world.faults.turn_on("repeats")
    pages = world.every_page(f"{CREATININE}&_count=5")
    assert [page[0] for page in pages[1:]] == [page[-1] for page in pages[:-1]]


def test_outcome_entry_is_marked_as_one(world: FhirWorld) -> None:
    world.faults.turn_on("outcome_entry")
    last = world.get(CREATININE).json["entry"][-1]
    assert (last["resource"]["resourceType"], last["search"]["mode"]) == ("OperationOutcome", "outcome")


def test_foreign_next_points_elsewhere(world: FhirWorld) -> None:
    world.faults.turn_on("foreign_next")
    links = world.get(f"{CREATININE}&_count=1").json["link"]
    hosts = {link["relation"]: link["url"].split("/")[2] for link in links}
    assert hosts == {"self": "ehr.example", "next": "records.other-hospital.example"}


def test_page_2_fails_after_a_good_first_page(world: FhirWorld) -> None:
    world.faults.turn_on("page_2_fails")
    first = world.get(f"{CREATININE}&_count=1")
    assert first.status_code == 200
    assert_outcome(world.follow(first.json), 500, "exception")


def test_bad_unit_spoils_the_newest_creatinine_and_not_the_store(world: FhirWorld) -> None:
    query = f"{CREATININE}&_sort=-date"
    before = world.get(query).json["entry"]
    world.faults.turn_on("bad_unit")
    units = [e["resource"]["valueQuantity"]["unit"] for e in world.get(query).json["entry"]]
    assert units == ["foo"] + ["mg/dL"] * (len(units) - 1)
    world.faults.reset()
    assert world.get(query).json["entry"] == before


def test_foreign_patient_mixes_one_observation_in(world: FhirWorld) -> None:
    world.faults.turn_on("foreign_patient")
    subjects = [e["resource"]["subject"]["reference"] for e in world.get(CREATININE).json["entry"]]
    assert len(set(subjects)) == 2
    assert sum(subject != f"Patient/{PATIENT}" for subject in subjects) == 1
