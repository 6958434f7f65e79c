"""Who may call: CDS Hooks 2.0 requirements 195, 199, 201, 203, 205; CH-47 to CH-55; hardening rows 10 and 11."""

import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey

from cds_hooks.caller import Caller, CallerCheck
from cds_hooks.clients import CdsClient, CdsClientRegistry
from cds_hooks.errors import CallerRefused
from cds_hooks.keys import TrustedKeys, parse_public_keys
from cds_hooks.replay import TokensInMemory
from tests.builders.cds import (
    EHR,
    JKU,
    NOW,
    PUBLIC_URL,
    SERVICE_URL,
    FakeSession,
    claims,
    client,
    ec_key,
    public_jwks,
    rsa_key,
    segment,
    token,
)

ISSUED = int(NOW.timestamp())


class Gate:
    """A caller check with a fake network, to try tokens on."""

    def __init__(self, *clients: CdsClient, session: FakeSession | None = None, development: bool = False) -> None:
        registry = CdsClientRegistry(clients or (client(),), development=development)
        self.session = session or FakeSession()
        self.keys = TrustedKeys(registry.clients, lambda _: self.session)
        self.tokens = TokensInMemory()
        self.check = CallerCheck(registry, self.keys, self.tokens)

    def verify(self, text: str | None, *, later: timedelta = timedelta(), url: str = SERVICE_URL) -> Caller:
        """The caller of a call that is recorded, which uses up its token."""
        header = None if text is None else f"Bearer {text}"
        caller = self.check.verify(header, url=url, now=NOW + later)
        if caller.token is not None:
            self.tokens.remember(caller.token)
        return caller

    def reason(self, text: str | None, **how: Any) -> str:
        with pytest.raises(CallerRefused) as refused:
            self.verify(text, **how)
        return refused.value.reason


@pytest.mark.parametrize(("key", "alg"), [(ec_key(), "ES384"), (rsa_key(), "RS384")])
def test_both_recommended_algorithms_are_accepted(key: Any, alg: str) -> None:
    assert Gate().verify(token(key, alg)).client.ehr_id == "ehr-1"


ACCEPTED = {
    "aud as an array that names the service": {"aud": ["https://other.example.org", SERVICE_URL]},
    "nbf five minutes before iat (VN-8)": {"nbf": ISSUED - 300},
    "iat within the leeway": {"iat": ISSUED + 59, "exp": ISSUED + 200},
    "expired within the leeway": {"iat": ISSUED - 300, "exp": ISSUED - 59},
    "fractional times": {"iat": ISSUED + 0.5, "exp": ISSUED + 100.25},
    "unknown claims": {"fhirUser": "Practitioner/1", "https://x": {"y": [1]}},
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_proper_token_is_accepted(changes: dict[str, Any]) -> None:
    assert Gate().verify(token(**changes)).token is not None


WRONG_CLAIMS = {
    "aud of another service": ({"aud": f"{PUBLIC_URL}/cds-services/other"}, "aud-wrong"),
    "aud of the base": ({"aud": PUBLIC_URL}, "aud-wrong"),
    "aud with a trailing slash": ({"aud": f"{SERVICE_URL}/"}, "aud-wrong"),
    "aud as an object": ({"aud": {"url": SERVICE_URL}}, "aud-wrong"),
    "aud missing": ({"aud": ...}, "aud-wrong"),
    "iss of nobody we know": ({"iss": "https://evil.example.org"}, "iss-unknown"),
    "iss almost ours": ({"iss": f"{EHR}/"}, "iss-unknown"),
    "iss missing": ({"iss": ...}, "iss-missing"),
    "iss as an array": ({"iss": [EHR]}, "iss-missing"),
    "expired": ({"iat": ISSUED - 400, "exp": ISSUED - 61}, "expired"),
    "exp missing": ({"exp": ...}, "exp-or-iat-missing"),
    "iat missing": ({"iat": ...}, "exp-or-iat-missing"),
    "exp as text": ({"exp": str(ISSUED + 100)}, "exp-or-iat-missing"),
    "exp as true": ({"exp": True}, "exp-or-iat-missing"),
    "iat in the future": ({"iat": ISSUED + 61, "exp": ISSUED + 200}, "not-yet-valid"),
    "nbf in the future": ({"nbf": ISSUED + 61}, "not-yet-valid"),
    "nbf as text": ({"nbf": "soon"}, "not-yet-valid"),
    "a life longer than five minutes": ({"exp": ISSUED + 301}, "life-too-long"),
    "exp before iat": ({"iat": ISSUED + 30, "exp": ISSUED + 10}, "life-too-long"),
    "exp beyond any calendar": ({"exp": 10**30}, "life-too-long"),
    "exp beyond a double": ({"exp": 10**400}, "exp-or-iat-missing"),
    "jti missing": ({"jti": ...}, "jti-missing"),
    "jti empty": ({"jti": ""}, "jti-missing"),
    "jti as a number": ({"jti": 7}, "jti-missing"),
    "jti endless": ({"jti": "j" * 513}, "jti-missing"),
}


@pytest.mark.parametrize(("changes", "reason"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_wrong_claim_is_refused(changes: dict[str, Any], reason: str) -> None:
    assert Gate().reason(token(**changes)) == reason


def hmac_with_the_public_key() -> str:
    """The classic confusion: the RSA public key, which everybody has, used as an HMAC secret."""
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(claims())}"
    return f"{signed}.{segment(hmac.digest(rsa_key().as_pem(private=False), signed.encode(), 'sha256'))}"


def unsigned(alg: str) -> str:
    return f"{segment({'alg': alg, 'typ': 'JWT', 'kid': 'ec-1'})}.{segment(claims())}."


def resigned(header: dict[str, Any], signature: bytes | None = None) -> str:
    """A good token's payload and signature under another header, or with another signature."""
    _, payload, good = token().split(".")
    return f"{segment(header)}.{payload}.{good if signature is None else segment(signature)}"


OTHER_KEY = ECKey.generate_key("P-384", {"kid": "ec-1"}, private=True)
GOOD_HEADER = {"alg": "ES384", "typ": "JWT", "kid": "ec-1"}
FORGED = {
    "alg none": (lambda: unsigned("none"), "alg-refused"),
    "alg None with capitals": (lambda: unsigned("NoNe"), "alg-refused"),
    "alg HS256 keyed with the public key": (hmac_with_the_public_key, "alg-refused"),
    "alg missing": (lambda: resigned({"typ": "JWT", "kid": "ec-1"}), "alg-refused"),
    "alg as a list": (lambda: resigned({**GOOD_HEADER, "alg": ["ES384"]}), "alg-refused"),
    "ES256 where ES384 is wanted": (lambda: token(ec_key("P-256", "ec-256"), "ES256"), "alg-refused"),
    "PS384, which nobody allowed": (lambda: token(rsa_key(), "PS384"), "alg-refused"),
    "RS384 with an EC key's kid": (lambda: resigned({**GOOD_HEADER, "alg": "RS384"}), "key-does-not-fit-alg"),
    "another key under our kid": (lambda: token(OTHER_KEY), "signature-wrong"),
    "key embedded as jwk": (
        lambda: token(OTHER_KEY, header={"jwk": OTHER_KEY.as_dict(private=False)}),
        "signature-wrong",
    ),
    "key named by x5u": (
        lambda: token(OTHER_KEY, header={"x5u": "https://evil.example.org/c"}),
        "signature-wrong",
    ),
    "jku elsewhere": (
        lambda: token(OTHER_KEY, header={"jku": "https://evil.example.org/j"}),
        "jku-not-registered",
    ),
    "jku almost ours": (lambda: token(header={"jku": f"{JKU}?"}), "jku-not-registered"),
    "jku as a list": (lambda: resigned({**GOOD_HEADER, "jku": [JKU]}), "jku-not-registered"),
    "r = s = 0 (psychic signature)": (lambda: resigned(GOOD_HEADER, b"\0" * 96), "signature-wrong"),
    "signature of the wrong length": (lambda: resigned(GOOD_HEADER, b"\1" * 64), "signature-wrong"),
    "signature not base64": (lambda: token()[:-4] + "!!!!", "signature-wrong"),
    "payload changed after signing": (
        lambda: ".".join((token().split(".")[0], segment(claims(jti="x")), token().split(".")[2])),
        "signature-wrong",
    ),
    "typ missing": (lambda: resigned({"alg": "ES384", "kid": "ec-1"}), "typ-refused"),
    "typ of an access token": (lambda: resigned({**GOOD_HEADER, "typ": "at+jwt"}), "typ-refused"),
    "kid missing": (lambda: resigned({"alg": "ES384", "typ": "JWT"}), "kid-missing"),
    "kid unknown": (lambda: resigned({**GOOD_HEADER, "kid": "nobody"}), "kid-unknown"),
    "kid as a path": (lambda: resigned({**GOOD_HEADER, "kid": "../../dev/null"}), "kid-unknown"),
    "kid as SQL": (lambda: resigned({**GOOD_HEADER, "kid": "' OR 1=1 --"}), "kid-unknown"),
    "crit extension": (lambda: resigned({**GOOD_HEADER, "crit": ["b64"], "b64": False}), "crit-refused"),
    "five segments (JWE)": (lambda: "a.b.c.d.e", "not-a-jws"),
    "two segments": (lambda: "a.b", "not-a-jws"),
    "header not JSON": (lambda: f"{segment(b'x')}.{segment(claims())}.x", "token-unreadable"),
    "header a JSON list": (lambda: f"{segment([1])}.{segment(claims())}.x", "token-unreadable"),
    "payload with NaN": (lambda: f"{segment(GOOD_HEADER)}.{segment(b'{}NaN')}.x", "token-unreadable"),
    "payload nested deep": (lambda: f"{segment(GOOD_HEADER)}.{segment(b'[' * 4000)}.x", "token-unreadable"),
    "segment with a line break": (lambda: "\n" + token(), "token-unreadable"),
    "non-ASCII": (lambda: token() + "é", "not-a-jws"),
    "huge": (lambda: token(pad="x" * 9000), "token-too-large"),
    "empty": (lambda: "", "not-a-jws"),
}


@pytest.mark.parametrize(("forge", "reason"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_without_any_request(forge: Any, reason: str) -> None:
    gate = Gate()
    assert gate.reason(forge()) == reason
    assert gate.session.asked == []


@pytest.mark.parametrize("header", ["", "Basic dXNlcjpw", "Bearer", "Bearer ", "Token x.y.z", "x.y.z"])
def test_anything_but_a_bearer_token_is_refused(header: str) -> None:
    with pytest.raises(CallerRefused):
        Gate().check.verify(header, url=SERVICE_URL, now=NOW)


def test_a_call_without_a_token_is_refused() -> None:
    assert Gate().reason(None) == "no-token"


def test_a_token_works_once() -> None:
    gate, text = Gate(), token()
    gate.verify(text)
    assert gate.reason(text) == "jti-replayed"


def test_a_refused_token_does_not_use_up_its_jti() -> None:
    gate = Gate()
    gate.reason(token(jti="once", aud="https://elsewhere.example.org"))
    assert gate.verify(token(jti="once")).token.jti == "once"


def test_a_token_is_remembered_until_it_cannot_be_accepted_any_more() -> None:
    used = Gate().verify(token()).token
    assert used is not None
    assert used.expires_at == NOW + timedelta(seconds=360)


def test_one_issuers_token_is_not_anothers() -> None:
    gate = Gate(client(), client(ehr_id="ehr-2", iss="https://two.example.org", jwks=public_jwks(ec_key())))
    gate.verify(token(jti="same"))
    assert gate.verify(token(jti="same", iss="https://two.example.org")).client.ehr_id == "ehr-2"


def test_a_longer_life_is_accepted_only_where_registered() -> None:
    gate = Gate(client(max_token_life_seconds=900))
    assert gate.verify(token(exp=ISSUED + 900)).token is not None
    assert gate.reason(token(exp=ISSUED + 901)) == "life-too-long"


def test_an_audience_typed_by_hand_is_accepted_only_where_registered() -> None:
    assert Gate(client(audiences=[PUBLIC_URL])).verify(token(aud=PUBLIC_URL)).token is not None


def test_es256_is_accepted_only_where_registered() -> None:
    key = ec_key("P-256", "ec-256")
    gate = Gate(client(algorithms=["ES256"], jwks=public_jwks(key)))
    assert gate.verify(token(key, "ES256")).token is not None


def test_a_p256_key_never_verifies_es384() -> None:
    p256 = ec_key("P-256", "ec-1")
    assert Gate(client(jwks=public_jwks(p256))).reason(token()) == "key-does-not-fit-alg"


def test_an_algorithm_another_client_uses_is_refused_for_this_one() -> None:
    other = client(ehr_id="ehr-2", iss="https://two.example.org", algorithms=["RS256"])
    assert Gate(client(), other).reason(token(rsa_key(), "RS256")) == "alg-not-allowed-for-client"


def test_a_subject_is_checked_where_registered() -> None:
    gate = Gate(client(subject="aki-client"))
    assert gate.verify(token(sub="aki-client")).token is not None
    assert gate.reason(token(sub="another")) == "sub-wrong"


def test_clients_of_one_vendor_issuer_are_told_apart_by_tenant() -> None:
    vendor = "https://cds-hooks.vendor.example"
    gate = Gate(
        client(ehr_id="north", iss=vendor, tenant="n"),
        client(ehr_id="south", iss=vendor, tenant="s"),
    )
    assert gate.verify(token(iss=vendor, tenant="s")).client.ehr_id == "south"
    assert gate.reason(token(iss=vendor, tenant="x")) == "iss-unknown"
    assert gate.reason(token(iss=vendor)) == "iss-unknown"


def test_the_unauthenticated_client_exists_in_development_only_and_never_excuses_a_bad_token() -> None:
    gate = Gate(client(allow_unauthenticated=True), development=True)
    assert gate.verify(None) == Caller(gate.check._registry.clients[0], token=None)
    assert gate.reason("a.b.c") == "token-unreadable"


def remote_client() -> CdsClient:
    return client(jwks=None)


def publishing(*keys: Any) -> FakeSession:
    return FakeSession(answers={JKU: (200, json.dumps(public_jwks(*keys)).encode())})


def test_a_registered_key_set_is_fetched_once_for_many_calls() -> None:
    gate = Gate(remote_client(), session=publishing(ec_key()))
    for _ in range(3):
        gate.verify(token(header={"jku": JKU}))
    assert gate.session.asked == [JKU]


def test_a_storm_of_unknown_kids_costs_one_request_a_minute() -> None:
    gate = Gate(remote_client(), session=publishing(ec_key()))
    gate.verify(token())
    storm = [gate.reason(resigned({**GOOD_HEADER, "kid": f"k{n}"}), later=timedelta(seconds=n)) for n in range(50)]
    assert set(storm) == {"kid-unknown"}
    assert len(gate.session.asked) == 1
    gate.reason(resigned({**GOOD_HEADER, "kid": "later"}), later=timedelta(seconds=61))
    assert len(gate.session.asked) == 2


@pytest.mark.parametrize("seconds", [61, -600], ids=["later", "clock set back"])
def test_a_new_key_is_found_by_one_refetch(seconds: int) -> None:
    gate = Gate(remote_client(), session=publishing(rsa_key()))
    gate.verify(token(rsa_key(), "RS384"))
    gate.session.answers = publishing(rsa_key(), ec_key()).answers
    issued = ISSUED + seconds
    assert gate.verify(token(iat=issued, exp=issued + 200), later=timedelta(seconds=seconds)).token is not None


def test_known_keys_outlive_an_unreachable_key_set_for_a_day() -> None:
    gate = Gate(remote_client(), session=publishing(ec_key()))
    gate.verify(token())
    gate.session.answers = {}
    in_20_h, in_25_h = timedelta(hours=20), timedelta(hours=25)
    issued = int((NOW + in_20_h).timestamp())
    assert gate.verify(token(iat=issued, exp=issued + 60), later=in_20_h).token is not None
    issued = int((NOW + in_25_h).timestamp())
    assert gate.reason(token(iat=issued, exp=issued + 60), later=in_25_h) == "kid-unknown"


def test_a_withdrawn_key_stops_working_within_the_hour() -> None:
    gate = Gate(remote_client(), session=publishing(ec_key()))
    gate.verify(token())
    gate.session.answers = publishing(rsa_key()).answers
    issued = ISSUED + 3700
    assert gate.reason(token(iat=issued, exp=issued + 60), later=timedelta(seconds=3700)) == "kid-unknown"


BAD_KEY_SETS = {
    "not found": (404, b"{}"),
    "a login page": (200, b"<html>"),
    "a list": (200, b"[]"),
    "no keys": (200, b'{"keys": []}'),
    "keys not a list": (200, b'{"keys": {}}'),
    "entries of every wrong type": (200, b'{"keys": [null, 1, "x", [], {}, {"kty": "EC", "kid": "ec-1"}]}'),
    "too large": (200, b" " * 300_000),
    "nested deep": (200, b"[" * 100_000),
}


@pytest.mark.parametrize("answer", BAD_KEY_SETS.values(), ids=BAD_KEY_SETS.keys())
def test_an_unusable_key_set_is_a_refusal_not_a_failure(answer: tuple[int, bytes]) -> None:
    assert Gate(remote_client(), session=FakeSession(answers={JKU: answer})).reason(token()) == "kid-unknown"


def test_unfit_keys_are_left_out_of_a_key_set() -> None:
    good = ec_key().as_dict(private=False)
    twin = {**OTHER_KEY.as_dict(private=False), "kid": "twin"}
    unfit = [
        {**good, "kid": "for-encryption", "use": "enc"},
        {**ec_key().as_dict(private=True), "kid": "private"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {"kty": "RSA", "kid": "short", "e": "AQAB", "n": segment(b"\xff" * 128)},
        {name: value for name, value in good.items() if name != "kid"},
        twin,
        {**good, "kid": "twin"},
    ]
    assert set(parse_public_keys({"keys": [good, *unfit]})) == {"ec-1"}
