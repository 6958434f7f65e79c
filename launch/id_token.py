"""The user's identity from the id_token (OpenID Connect Core 3.1.3.7; SL-41..47)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from launch.errors import IdentityRejected, PatientUserRefused
from launch.jwks import IssuerKeys
from launch.registry import EhrRegistration, is_below

_LEEWAY_SECONDS: Final = 60
_MAX_TOKEN_CHARS: Final = 16_384
_MAX_HEADER_BYTES: Final = 4096
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,7}")
_KEY_IN_HEADER: Final = frozenset({"jwk", "jku", "x5u", "x5c"})
_FHIR_USER: Final = re.compile(
    r"(?:.*/)?(Patient|Practitioner|PractitionerRole|RelatedPerson|Person)/[A-Za-z0-9\-.]{1,64}(?:/_history/.+)?"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is signed in. `fhir_user` is relative ("Practitioner/7"), or None: not resolved (SL-45)."""

    issuer: str
    subject: str
    fhir_user: str | None = None
    name_claim: str | None = None
    language: str | None = None
    """The `locale` claim, such as "de-CH": what the user reads (OpenID Connect Core 5.1)."""

    @property
    def label(self) -> str:
        """The best name for the audit trail."""
        return self.fhir_user or self.name_claim or self.subject


@dataclass(frozen=True, slots=True)
class Expected:
    """What an id_token of one launch must say."""

    issuer: str
    nonce: str
    now: datetime


def verify_id_token(
    token: str, *, registration: EhrRegistration, keys: IssuerKeys, expected: Expected
) -> Identity:
    """Check signature, issuer, audience, times and nonce, and say who the user is.

    Raises IdentityRejected naming the failed check, PatientUserRefused for a patient's sign-in.
    """
    claims = _verified_claims(token, registration, keys)
    _check_times(claims, expected.now)
    _check_parties(claims, registration, expected)
    _check_nonce(claims, registration, expected)
    return _identity(claims, registration)


def _verified_claims(token: str, registration: EhrRegistration, keys: IssuerKeys) -> Mapping[str, Any]:
    if len(token) > _MAX_TOKEN_CHARS:
        raise IdentityRejected("size")
    registry = jws.JWSRegistry(algorithms=registration.id_token_algorithms, strict_check_header=False)
    registry.max_header_length = _MAX_HEADER_BYTES
    header = _header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in registration.id_token_algorithms:
        raise IdentityRejected("alg")
    if _KEY_IN_HEADER & header.keys() or not (kid is None or isinstance(kid, str)):
        raise IdentityRejected("header")
    key = keys.find(kid, str(algorithm))
    if key is None:
        raise IdentityRejected("kid")
    try:
        return jwt.decode(token, key, algorithms=[str(algorithm)], registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise IdentityRejected("signature") from None


def _header(token: str) -> Mapping[str, Any]:
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise IdentityRejected("format") from None
    if not isinstance(header, dict):
        raise IdentityRejected("format")
    return header


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """`exp` and `iat` are required; both within a minute of leeway."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()), leeway=_LEEWAY_SECONDS, exp={"essential": True}, iat={"essential": True}
    )
    try:
        registry.validate(dict(claims))
    except (JoseError, OverflowError) as error:
        raise IdentityRejected(getattr(error, "claim", None) or "exp or iat") from None


def _check_parties(claims: Mapping[str, Any], registration: EhrRegistration, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise IdentityRejected("iss")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if registration.client_id not in audiences:
        raise IdentityRejected("aud")
    azp = claims.get("azp")
    if azp != registration.client_id and (azp is not None or len(audiences) > 1):
        raise IdentityRejected("azp")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdentityRejected("sub")


def _check_nonce(claims: Mapping[str, Any], registration: EhrRegistration, expected: Expected) -> None:
    nonce = claims.get("nonce")
    if nonce is None and registration.allow_missing_nonce:
        return
    if nonce != expected.nonce:
        raise IdentityRejected("nonce")


def _identity(claims: Mapping[str, Any], registration: EhrRegistration) -> Identity:
    named = claims.get("fhirUser") or claims.get("profile")
    reference = None
    if isinstance(named, str) and (match := _FHIR_USER.fullmatch(named)):
        if match[1] == "Patient":
            raise PatientUserRefused
        reference = _relative(named, registration)
    name, locale = claims.get("preferred_username"), claims.get("locale")
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        fhir_user=reference,
        name_claim=name if isinstance(name, str) and name else None,
        language=locale if isinstance(locale, str) and _LANGUAGE.fullmatch(locale) else None,
    )


def _relative(named: str, registration: EhrRegistration) -> str | None:
    """`Practitioner/7` from a relative reference or one below the FHIR base; None for any other place (SL-44)."""
    if "://" not in named:
        return named if named.count("/") == 1 else None
    if not is_below(named, registration.iss):
        return None
    return "/".join(named.split("/")[-2:])
