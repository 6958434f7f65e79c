"""Requests edited by hand, tokens spoilt on purpose, and the same call from a command line."""

import base64
import html
import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sandbox.cds_signing import FLAWS
from tests.builders.cds_listener import Listener
from tests.builders.smart_app import FHIR, SmartApp

PATIENT = "10000032"
COMPOSED = {"patient": PATIENT, "service": "patient-view"}


def written(ehr: SmartApp, **choices: Any) -> str:
    answer = ehr.http.get("/bench/request", query_string=COMPOSED | choices)
    assert answer.status_code == 200
    return html.unescape(re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.S)[1])


def send(ehr: SmartApp, body: str, **form: str) -> str:
    return html.unescape(ehr.http.post("/bench/request", query_string=COMPOSED, data={"body": body, **form}).text)


def claims(token: str) -> dict[str, Any]:
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def is_signed(ehr: SmartApp, token: str) -> bool:
    keys = KeySet.import_key_set(ehr.http.get("/fhir/.well-known/jwks.json").json)
    try:
        jwt.decode(token, keys, algorithms=["ES384"])
    except JoseError:
        return False
    return True


def test_nothing_is_sent_before_it_was_edited(ehr: SmartApp, listener: Listener) -> None:
    body = json.loads(written(ehr))
    assert body["hook"] == "patient-view"
    assert body["fhirAuthorization"]["access_token"] == "(redacted)"
    assert listener.heard == []


def test_an_edited_request_is_sent_as_it_stands_with_a_token_of_its_own(ehr: SmartApp, listener: Listener) -> None:
    page = send(ehr, written(ehr).replace("patient-view", "patient-look").replace("\n", "\r\n"))
    body = listener.body()
    assert body["hook"] == "patient-look"
    token = body["fhirAuthorization"]["access_token"]
    chart = ehr.http.get(f"{FHIR}/Patient/{PATIENT}", headers={"Authorization": f"Bearer {token}"})
    assert chart.status_code == 200
    assert token not in page
    assert "Look at the kidneys" in page


@pytest.mark.parametrize("text", ["", "{", "[]", '"hook"', "null"])
def test_what_is_no_request_is_sent_too(ehr: SmartApp, listener: Listener, text: str) -> None:
    page = send(ehr, text)
    assert listener.raw[-1] == text.encode()
    assert "What was said" in page


def test_a_form_of_another_page_sends_nothing(ehr: SmartApp, listener: Listener) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    answer = ehr.http.post("/bench/request", query_string=COMPOSED, data={"body": "{}"}, headers=foreign)
    assert answer.status_code == 403
    assert listener.heard == []


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if flaw])
def test_each_flaw_spoils_one_thing_about_the_token(ehr: SmartApp, listener: Listener, flaw: str) -> None:
    send(ehr, "{}")
    send(ehr, "{}", flaw=flaw)
    good, spoilt = (token for _, token, _ in listener.heard)
    if flaw == "missing":
        assert spoilt == ""
        return
    changed = {name for name in claims(good) if claims(good)[name] != claims(spoilt)[name]} - {"iat", "exp"}
    assert (
        changed
        == {
            "signature": {"jti"},
            "unsigned": {"jti"},
            "expired": {"jti"},
            "audience": {"jti", "aud"},
            "issuer": {"jti", "iss"},
            "repeated": set(),
        }[flaw]
    )
    assert (claims(spoilt)["exp"] < claims(good)["iat"]) is (flaw == "expired")
    assert is_signed(ehr, good)
    assert is_signed(ehr, spoilt) is (flaw not in ("signature", "unsigned"))


def test_the_command_fetches_a_body_and_a_token_and_sends_them_to_the_service(
    ehr: SmartApp, listener: Listener
) -> None:
    page = html.unescape(ehr.http.get("/bench", query_string={**COMPOSED, "other_name": "o'clock $(x)"}).text)
    command = re.search(r'id="as-curl">(.*?)</pre>', page, re.S)[1]
    words = shlex.split(command.replace("\\\n", " "))
    body_address, service_address = (word for word in words if word.startswith("http"))
    token_address = re.search(r"curl -sS '([^']+)'\)", command)[1]
    parts = urlsplit(body_address)
    assert "o'clock" not in command
    body = ehr.http.get(f"{parts.path}?{parts.query}").json
    assert body["fhirAuthorization"]["access_token"] != "(redacted)"
    token = ehr.http.get(token_address.partition("127.0.0.1:9090")[2]).text
    assert claims(token)["aud"] == service_address


def test_a_hook_this_ehr_does_not_know_is_refused_in_words(ehr: SmartApp, listener: Listener) -> None:
    listener.services = [{"id": "booking", "hook": "appointment-book", "description": "A test."}]
    answer = ehr.http.get("/bench/request.json", query_string=COMPOSED)
    assert (answer.status_code, answer.text) == (
        409,
        "This EHR does not fire appointment-book for this patient.\n",
    )
    assert "This EHR does not fire appointment-book" in ehr.http.get("/bench", query_string=COMPOSED).text


def test_an_app_without_services_is_named(ehr: SmartApp, listener: Listener) -> None:
    listener.services = []
    answer = ehr.http.get("/bench/token", query_string=COMPOSED)
    assert (answer.status_code, "it offers none" in answer.text) == (502, True)
