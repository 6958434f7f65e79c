"""Attacks on the id_token, each refused by the check that names it (SL-41..47; hardening rows 10 and 12)."""

import base64
import json
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from launch.errors import IdentityRejected, PatientUserRefused
from launch.id_token import Expected, Identity, verify_id_token
from launch.jwks import FetchedKeys
from tests.builders.fake_ehr import FakeEhr
from tests.builders.registrations import local_registration

NONCE = "nonce-of-this-launch"


@pytest.fixture
def fake() -> FakeEhr:
    return FakeEhr(base_url="http://127.0.0.1:9090")


@pytest.fixture
def verify(fake: FakeEhr, clock):
    def run(token: str, **changes: Any) -> Identity:
        keys = FetchedKeys(fake.jwks, clock)
        expected = Expected(issuer=fake.fhir_base, nonce=NONCE, now=clock())
        held = local_registration(fake.base_url, **changes)
        return verify_id_token(token, registration=held, keys=keys, expected=expected)

    return run


def _signed(claims: dict[str, Any], key: Any, **header: Any) -> str:
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jwt.encode(header, claims, key, algorithms=[header["alg"]], registry=registry)


def _claims(fake: FakeEhr, clock) -> dict[str, Any]:
    token = fake.id_token(nonce=NONCE, now=clock())
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_a_good_token_names_the_user_relative_to_the_fhir_base(fake, clock, verify) -> None:
    found = verify(fake.id_token(nonce=NONCE, now=clock()))
    assert found == Identity(issuer=fake.fhir_base, subject="clinician-7", fhir_user="Practitioner/7")


def test_rs256_is_accepted_as_every_openid_server_may_use_it(fake, clock, verify) -> None:
    token = _signed(_claims(fake, clock), fake.rsa_key, alg="RS256", kid="ehr-rsa")
    assert verify(token).fhir_user == "Practitioner/7"


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"iss": "https://evil.test/fhir"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["aki-sentinel", "another"]}, "azp"),
        ({"aud": ["aki-sentinel", "another"], "azp": "another"}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_000_000_000}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "9999999999"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": 99_999_999_999}, "iat"),
        ({"iat": None}, "iat"),
        ({"nbf": 99_999_999_999}, "nbf"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
    ],
)
def test_a_wrong_claim_is_refused_by_name(fake, clock, verify, claims: dict[str, Any], check: str) -> None:
    with pytest.raises(IdentityRejected, match=check):
        verify(fake.id_token(now=clock(), **{"nonce": NONCE, **claims}))


def test_several_audiences_are_fine_when_we_are_the_authorized_party(fake, clock, verify) -> None:
    token = fake.id_token(nonce=NONCE, now=clock(), aud=["other", "aki-sentinel"], azp="aki-sentinel")
    assert verify(token).subject == "clinician-7"


def test_a_minute_of_clock_difference_is_forgiven_and_two_are_not(fake, clock, verify) -> None:
    token = fake.id_token(nonce=NONCE, now=clock())
    clock.advance(seconds=300 + 59)
    assert verify(token)
    clock.advance(seconds=2)
    with pytest.raises(IdentityRejected, match="exp"):
        verify(token)


def _unsigned(fake: FakeEhr, clock, alg: str) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': alg})}.{part(_claims(fake, clock))}."


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "", "ES256K", "EdDSA", "PS256"])
def test_an_algorithm_off_the_list_is_refused_before_any_key_is_looked_at(fake, clock, verify, alg: str) -> None:
    with pytest.raises(IdentityRejected, match=r"alg|format"):
        verify(_unsigned(fake, clock, alg))


def test_a_public_key_used_as_hmac_secret_is_refused(fake, clock, verify) -> None:
    secret = OctKey.import_key(fake.rsa_key.as_pem(private=False).hex())
    token = _signed(_claims(fake, clock), secret, alg="HS256", kid="ehr-rsa")
    with pytest.raises(IdentityRejected, match="alg"):
        verify(token)


def test_a_key_carried_in_the_token_itself_is_refused(fake, clock, verify) -> None:
    own = ECKey.generate_key("P-384")
    token = _signed(_claims(fake, clock), own, alg="ES384", jwk=own.as_dict(private=False))
    with pytest.raises(IdentityRejected, match="header"):
        verify(token)


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_a_key_address_in_the_token_is_refused(fake, clock, verify, name: str) -> None:
    token = _signed(_claims(fake, clock), fake.key, alg="ES384", kid="ehr-1", **{name: "https://evil.test/k"})
    with pytest.raises(IdentityRejected, match="header"):
        verify(token)


def test_a_token_signed_by_a_stranger_under_a_known_kid_is_refused(fake, clock, verify) -> None:
    token = _signed(_claims(fake, clock), ECKey.generate_key("P-384"), alg="ES384", kid="ehr-1")
    with pytest.raises(IdentityRejected, match="signature"):
        verify(token)


@pytest.mark.parametrize("kid", ["../../../etc/passwd", "' OR 1=1 --", "unknown"])
def test_an_unknown_kid_is_refused_whatever_it_looks_like(fake, clock, verify, kid: str) -> None:
    with pytest.raises(IdentityRejected, match="kid"):
        verify(_signed(_claims(fake, clock), fake.key, alg="ES384", kid=kid))


def test_the_key_of_another_algorithm_does_not_serve(fake, clock, verify) -> None:
    token = _signed(_claims(fake, clock), RSAKey.generate_key(2048), alg="RS256", kid="ehr-1")
    with pytest.raises(IdentityRejected, match="kid"):
        verify(token)


@pytest.mark.parametrize("kind", ["signature", "payload", "zero", "short"])
def test_a_changed_token_is_refused(fake, clock, verify, kind: str) -> None:
    header, payload, signature = fake.id_token(nonce=NONCE, now=clock()).split(".")
    changed = {
        "signature": f"{header}.{payload}.{signature[:-4]}AAAA",
        "payload": f"{header}.{payload[:-4]}AAAA.{signature}",
        "zero": f"{header}.{payload}.{base64.urlsafe_b64encode(bytes(96)).decode()}",
        "short": f"{header}.{payload}.AA",
    }[kind]
    with pytest.raises(IdentityRejected):
        verify(changed)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d.e", "é.b.c", "x" * 20_000, "e30.e30.e30"]
)
def test_what_is_no_token_is_refused(verify, token: str) -> None:
    with pytest.raises(IdentityRejected):
        verify(token)


def test_a_missing_nonce_is_accepted_only_where_the_registration_says_so(fake, clock, verify) -> None:
    token = _signed(
        {k: v for k, v in _claims(fake, clock).items() if k != "nonce"}, fake.key, alg="ES384", kid="ehr-1"
    )
    assert verify(token, allow_missing_nonce=True).subject == "clinician-7"
    with pytest.raises(IdentityRejected, match="nonce"):
        verify(token)


@pytest.mark.parametrize(
    ("fhir_user", "expected"),
    [
        ("Practitioner/7", "Practitioner/7"),
        ("PractitionerRole/a-1.B", "PractitionerRole/a-1.B"),
        ("http://127.0.0.1:9090/fhir/Person/9", "Person/9"),
        ("https://evil.test/fhir/Practitioner/7", None),
        ("http://127.0.0.1:9090/other/Practitioner/7", None),
        ("../../Practitioner/7", None),
        ("Device/7", None),
        ("Practitioner/", None),
        ("javascript:alert(1)", None),
        (7, None),
        (None, None),
    ],
)
def test_fhir_user_counts_only_when_relative_or_below_the_fhir_base(
    fake, clock, verify, fhir_user, expected
) -> None:
    assert verify(fake.id_token(nonce=NONCE, now=clock(), fhirUser=fhir_user)).fhir_user == expected


@pytest.mark.parametrize(
    "fhir_user", ["Patient/1", "http://127.0.0.1:9090/fhir/Patient/1", "https://x.test/Patient/1"]
)
def test_a_patient_may_not_use_this_app(fake, clock, verify, fhir_user: str) -> None:
    with pytest.raises(PatientUserRefused):
        verify(fake.id_token(nonce=NONCE, now=clock(), fhirUser=fhir_user))


def test_an_unresolved_user_is_still_named_for_the_audit_trail(fake, clock, verify) -> None:
    token = fake.id_token(nonce=NONCE, now=clock(), fhirUser=None, preferred_username="a.adams")
    assert verify(token).label == "a.adams"


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de-CH", "de-CH"),
        ("de_CH", "de_CH"),
        ("ja", "ja"),
        (None, None),
        ("", None),
        (7, None),
        (["de"], None),
        ("de;q=1", None),
        ("x" * 99, None),
        ("<b>", None),
    ],
)
def test_the_users_language_is_taken_from_a_plain_locale_only(fake, clock, verify, locale, expected) -> None:
    assert verify(fake.id_token(nonce=NONCE, now=clock(), locale=locale)).language == expected
