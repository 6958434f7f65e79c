"""The EHR's own pages."""

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.prepared_cases import FIRST_LOOKS
from tests.builders.smart_app import FHIR, SmartApp, new_smart_app

PATIENT = "10000032"


@pytest.fixture(scope="module")
def shared() -> SmartApp:
    return new_smart_app()


@pytest.fixture
def app() -> SmartApp:
    return new_smart_app()


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>([^<]+)<', page)


def test_the_list_shows_every_patient_with_a_launch_button(shared):
    page = shared.http.get("/").text
    assert len(names(page)) == 112
    assert f'href="/patients/{PATIENT}/app"' in page


def test_the_app_is_launched_without_a_patient_from_the_list(app):
    assert 'id="launch-without-patient"' in app.http.get("/").text
    sent = app.http.post("/launch")
    assert sent.status_code == 303
    address = urlsplit(sent.headers["Location"])
    asked = parse_qs(address.query)
    assert (address.path, asked["iss"]) == ("/launch/worklist", [FHIR])
    context = app.services.launches.look(asked["launch"][0])
    assert (context.practitioner_id, context.patient_id, context.encounter_id) == ("okafor-ada", None, None)


def test_search_finds_by_part_of_the_name_and_by_mrn(shared):
    assert names(shared.http.get("/?q=agnes+will").text) == ["Agnes Willow"]
    assert names(shared.http.get(f"/?q={PATIENT}").text) == ["Agnes Willow"]
    assert "No patient matches" in shared.http.get("/?q=zzzz").text


def test_search_finds_by_what_the_chart_holds_and_by_situation(shared):
    found = names(shared.http.get("/?q=vancomycin+with+piperacillin").text)
    assert 0 < len(found) < 20
    assert set(names(shared.http.get("/?q=on+dialysis").text)) == set(
        names(shared.http.get("/?category=dialysis").text)
    )


def test_a_newcomer_is_shown_where_to_begin_until_something_is_looked_for(shared):
    page = shared.http.get("/").text
    for look in FIRST_LOOKS:
        assert f'<a href="/patients/{look.record}">{look.title}</a>' in html.unescape(page)
    assert "Worth opening first" not in shared.http.get("/?q=agnes").text
    assert "Worth opening first" not in shared.http.get("/?category=stage_1").text


def test_what_is_said_of_the_first_looks_is_what_the_data_hold(shared):
    rows = {row.record_number: row for row in shared.http.application.extensions["ehr_store"].patients()}
    held = {look.record: (rows[look.record].category, set(rows[look.record].findings)) for look in FIRST_LOOKS}
    expected = {
        "10037861": (
            "stage_3",
            {"vancomycin with piperacillin-tazobactam", "41 active orders", "creatinine rising"},
        ),
        "10027445": ("aki_within_48_h", {"ACE inhibitor or ARB with diuretic"}),
        "10029291": ("dialysis", set()),
        "10001725": ("too_little_data", {"NSAID with diuretic"}),
        "10003400": ("recovering", {"creatinine falling"}),
        "10027602": ("no_aki", set()),
    }
    assert held.keys() == expected.keys()
    for record, (category, findings) in expected.items():
        assert held[record][0] == category
        assert findings <= held[record][1]


def test_patient_of_whom_much_is_said_holds_it_within_the_week_the_course_opens_on(shared):
    store = shared.http.application.extensions["ehr_store"]
    since = (store.now - timedelta(days=7)).date().isoformat()

    def names(kind, time):
        recent = (r for r in store.resources("10027602", kind) if str(r.get(time)) >= since)
        return [r.get("code", r.get("medicationCodeableConcept"))["text"] for r in recent]

    done = names("Procedure", "performedDateTime")
    assert sum("Arteriography" in name for name in done) == 2
    assert any("ventricular drain" in name for name in done)
    assert "Vancomycin" in names("MedicationAdministration", "effectiveDateTime")
    places = [
        p["location"]["display"] for e in store.resources("10027602", "Encounter") for p in e.get("location", [])
    ]
    assert any("Intensive Care" in place for place in places)


def test_every_profile_shows_the_same_first_looks():
    epic = new_smart_app(profile="epic").http.get("/").text
    assert [look.title for look in FIRST_LOOKS if html.escape(look.title) not in epic] == []


def test_keys_are_replaced_from_the_settings_page(app):
    before = {key["kid"] for key in app.services.keys.public_jwks()["keys"]}
    answer = app.http.post("/settings/keys", follow_redirects=True)
    assert "New signing keys are in use" in answer.text
    assert not before & {key["kid"] for key in app.services.keys.public_jwks()["keys"]}


def test_the_list_filters_by_situation_and_sorts_by_creatinine(shared):
    page = shared.http.get("/?category=stage_3&sort=creatinine&order=down").text
    values = [float(text) for text in re.findall(r"<strong>([\d.]+)</strong> <span class=\"unit\">mg/dL", page)]
    assert values == sorted(values, reverse=True)
    assert 0 < len(values) < 112
    assert 'aria-sort="descending"' in page


@pytest.mark.parametrize(
    "query", ["sort=evil", "category=evil", "order=evil", "q=%3Cscript%3E", "q=" + "x" * 5000]
)
def test_strange_queries_show_a_list_and_echo_no_markup(shared, query):
    response = shared.http.get(f"/?{query}")
    assert response.status_code == 200
    assert "<script>" not in response.text


def test_the_chart_shows_results_orders_and_problems(shared):
    page = shared.http.get(f"/patients/{PATIENT}").text
    for words in ("Agnes Willow", "Creatinine", "Potassium", "Active orders", "Problems", "Launch AKI Sentinel"):
        assert words in page


def test_every_patient_has_a_chart(shared):
    for patient_id in re.findall(r'href="/patients/(\d+)"', shared.http.get("/").text):
        assert shared.http.get(f"/patients/{patient_id}").status_code == 200


def test_an_unknown_patient_is_a_404_page(shared):
    for path in ("/patients/nobody", "/patients/nobody/app", "/patients/nobody/cds"):
        assert shared.http.get(path).status_code == 404


def launch_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_the_frame_starts_a_launch_for_this_patient_and_clinician(app):
    page = app.http.get(f"/patients/{PATIENT}/app").text
    url = html.unescape(re.search(r'<iframe [^>]*src="([^"]+)"', page)[1])
    assert url.startswith("http://127.0.0.1:8080/launch?")
    sent = launch_of(url)
    assert sent["iss"] == FHIR
    context = app.services.launches.look(sent["launch"])
    assert context.patient_id == PATIENT
    assert context.encounter_id.startswith(f"enc-{PATIENT}")
    body = app.redeem(app.authorize(launch=sent["launch"])).json
    assert body["patient"] == PATIENT


def test_a_new_tab_gets_a_launch_of_its_own(app):
    first = app.http.post(f"/patients/{PATIENT}/launch")
    second = app.http.post(f"/patients/{PATIENT}/launch")
    assert first.status_code == 303
    assert launch_of(first.headers["Location"])["launch"] != launch_of(second.headers["Location"])["launch"]
    assert first.headers["Referrer-Policy"] == "no-referrer"


def test_the_app_is_asked_for_a_banner_only_where_the_ehr_shows_none(app):
    def needs_banner(launch):
        return app.redeem(app.authorize(launch=launch)).json["need_patient_banner"]

    def framed():
        page = app.http.get(f"/patients/{PATIENT}/app").text
        return launch_of(html.unescape(re.search(r'<iframe [^>]*src="([^"]+)"', page)[1]))["launch"]

    tab = launch_of(app.http.post(f"/patients/{PATIENT}/launch").headers["Location"])["launch"]
    assert needs_banner(tab) is True
    assert needs_banner(framed()) is False
    app.http.post("/settings", data={"banner_in_frame": "on"})
    assert app.services.changed_switches() == 1
    assert needs_banner(framed()) is True


def test_a_card_link_keeps_its_query_and_carries_app_context_with_the_token(app):
    form = {"url": "http://127.0.0.1:8080/launch?view=kidney", "app_context": '{"card":"7"}'}
    sent = launch_of(app.http.post(f"/patients/{PATIENT}/launch", data=form).headers["Location"])
    assert sent["view"] == "kidney"
    assert "card" not in sent
    assert app.redeem(app.authorize(launch=sent["launch"])).json["appContext"] == '{"card":"7"}'


@pytest.mark.parametrize(
    "url", ["https://evil.example/launch", "http://127.0.0.1:8080/launch/../x", "javascript:alert(1)", "//x"]
)
def test_only_registered_launch_urls_are_opened(app, url):
    assert app.http.post(f"/patients/{PATIENT}/launch", data={"url": url}).status_code == 400
    assert app.http.post(f"/patients/{PATIENT}/app", data={"url": url}).status_code == 400


def test_the_clinician_chosen_in_the_browser_is_who_launches(app):
    app.http.post("/clinician", data={"practitioner": "tanaka-yui", "back": f"/patients/{PATIENT}"})
    sent = launch_of(app.http.post(f"/patients/{PATIENT}/launch").headers["Location"])
    assert app.services.launches.look(sent["launch"]).practitioner_id == "tanaka-yui"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/\n"])
def test_going_back_never_leaves_this_server(app, back):
    response = app.http.post("/clinician", data={"practitioner": "tanaka-yui", "back": back})
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    "path", [f"/patients/{PATIENT}/launch", f"/patients/{PATIENT}/app", "/clinician", "/settings"]
)
@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_forms_from_elsewhere_are_refused(app, path, headers):
    assert app.http.post(path, headers=headers).status_code == 403


def test_switches_and_faults_change_the_ehr_and_can_be_taken_back(app):
    form = {"short_tokens": "on", "fault-unavailable": "Condition", "fault-slow": "99", "fault-unsorted": "on"}
    assert app.http.post("/settings", data=form).status_code == 303
    assert app.services.switches.short_tokens
    assert not app.services.switches.banner_in_frame
    assert app.services.faults.value("unavailable") == "Condition"
    assert app.services.faults.value("slow") is None
    assert '<span class="count"' in app.http.get("/").text
    app.http.post("/settings", data={})
    assert app.services.changed_switches() == 0


def test_settings_name_the_apps_and_no_secret(app):
    page = app.http.get("/settings").text
    assert "aki-sentinel-basic" in page
    assert "a-secret-of-the-tests" not in page


@pytest.mark.parametrize(
    "path", ["/", f"/patients/{PATIENT}", f"/patients/{PATIENT}/app", "/settings", "/bench", "/nowhere"]
)
def test_pages_allow_no_inline_script_and_frame_only_the_app(shared, path):
    response = shared.http.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-src 'self' http://127.0.0.1:8080;" in policy
    assert "frame-ancestors 'self'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|<style", response.text)


def test_the_fhir_server_opens_with_a_launch_token_and_keeps_to_its_patient(app):
    body = app.redeem(app.authorize(launch=app.new_launch(patient_id=PATIENT))).json
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert app.http.get(f"/fhir/Patient/{PATIENT}", headers=headers).json["id"] == PATIENT
    assert app.http.get("/fhir/Patient/10001217", headers=headers).status_code == 404
    assert app.http.get(f"/fhir/Condition?patient={PATIENT}", headers=headers).status_code == 403
    assert app.http.get("/fhir/Practitioner/okafor-ada", headers=headers).status_code == 200
    for bad in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        assert app.http.get(f"/fhir/Patient/{PATIENT}", headers=bad).status_code == 401
