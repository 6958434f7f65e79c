"""The token endpoint: code for tokens, refresh, backend grant, revocation (SL-33..39, 66, 70, 80).

authlib speaks the OAuth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import requests
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from launch.context import Tokens
from launch.errors import EhrMisconfigured, EhrUnavailable, PatientChanged, TokenRefused
from launch.keys import ClientKeys
from launch.pending import PendingLaunch
from launch.registry import EhrRegistration

ASSUMED_LIFE: Final = timedelta(minutes=5)  # where expires_in is absent: never assume an hour (SL-36)
_LONGEST_LIFE: Final = timedelta(hours=24)
_ERROR_CODES: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_AUTH_METHOD: Final = {
    "private_key_jwt": "private_key_jwt",
    "client_secret_basic": "client_secret_basic",
    "client_secret_post": "client_secret_post",
    "public": "none",
}


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """One EHR's token endpoint and how we prove who we are there."""

    url: str
    registration: EhrRegistration
    keys: ClientKeys
    session: requests.Session


class _OAuthError(Exception):
    """An OAuth error answer. Its description is dropped: it is the EHR's free text, and authlib's own class
    raises ValueError for characters outside ASCII."""

    def __init__(self, error: object = None, description: object = None) -> None:  # noqa: ARG002
        super().__init__()
        self.error = error if isinstance(error, str) and error in _ERROR_CODES else "unknown error"


class _Client(OAuth2Client):  # type: ignore[misc]  # authlib is untyped
    client_auth_class = OAuth2ClientAuth
    oauth_error_class = _OAuthError


class _Assertion(PrivateKeyJWT):  # type: ignore[misc]  # authlib is untyped
    """authlib places the assertion in the body; the signing is ours: a fresh `jti` and four minutes each time."""

    def __init__(self, endpoint: TokenEndpoint, now: datetime) -> None:
        super().__init__(endpoint.url)
        self._endpoint = endpoint
        self._now = now

    def sign(self, auth: Any, token_endpoint: str) -> str:  # noqa: ARG002
        """The assertion; `aud` is the exact token endpoint (SL-75)."""
        registration = self._endpoint.registration
        return self._endpoint.keys.sign_assertion(
            client_id=registration.client_id, audience=token_endpoint, alg=registration.signing_alg, now=self._now
        )


def exchange_code(
    endpoint: TokenEndpoint, *, code: str, pending: PendingLaunch, now: datetime
) -> Mapping[str, Any]:
    """The token response for an authorization code. Raises TokenRefused, EhrUnavailable, EhrMisconfigured."""
    return _ask(
        endpoint,
        now,
        grant_type="authorization_code",
        code=code,
        redirect_uri=pending.redirect_uri,
        code_verifier=pending.code_verifier,
    )


def refresh(endpoint: TokenEndpoint, tokens: Tokens, *, now: datetime, patient: str | None = None) -> Tokens:
    """New tokens for a refresh token, same scopes. A rotated refresh token replaces the old one (SL-66).

    Raises TokenRefused, EhrUnavailable, EhrMisconfigured; after TokenRefused the old refresh token is worthless.
    PatientChanged when the answer names another patient than `patient`, or one where the launch had none.
    """
    if tokens.refresh_token is None:
        raise TokenRefused("no refresh token")
    response = _ask(endpoint, now, grant_type="refresh_token", refresh_token=tokens.refresh_token)
    if response.get("patient", patient) != patient:
        raise PatientChanged
    renewed = read_tokens(response, requested=tokens.scopes, now=now)
    return Tokens(
        access_token=renewed.access_token,
        expires_at=renewed.expires_at,
        scopes=renewed.scopes,
        refresh_token=renewed.refresh_token or tokens.refresh_token,
    )


def client_credentials(endpoint: TokenEndpoint, scopes: Sequence[str], *, now: datetime) -> Tokens:
    """Tokens for the app itself, without a user (SMART Backend Services; SL-80). No refresh token is kept.

    Raises TokenRefused, EhrUnavailable, EhrMisconfigured.
    """
    response = _ask(endpoint, now, grant_type="client_credentials", scope=" ".join(scopes))
    granted = read_tokens(response, requested=frozenset(scopes), now=now)
    return replace(granted, refresh_token=None)


def revoke(endpoint: TokenEndpoint, revocation_url: str, tokens: Tokens, *, now: datetime) -> bool:
    """Ask the EHR to forget the tokens (RFC 7009; SL-70): the refresh token first, as it makes the others.

    Best effort: False when the EHR did not confirm. Never raises for what the EHR does.
    """
    kinds = (("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token))
    confirmed = [_revoked(endpoint, revocation_url, token, kind, now) for kind, token in kinds if token]
    return all(confirmed)


def _revoked(endpoint: TokenEndpoint, url: str, token: str, kind: str, now: datetime) -> bool:
    try:
        answer = _client(endpoint, now).revoke_token(url, token=token, token_type_hint=kind)
    except (_OAuthError, requests.RequestException, ValueError):
        return False
    return bool(answer.status_code == 200)


def read_tokens(response: Mapping[str, Any], *, requested: frozenset[str], now: datetime) -> Tokens:
    """Tokens of a token response. An absent `scope` means as requested (RFC 6749 5.1); an empty one means none."""
    access_token = response.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise EhrMisconfigured("access_token is missing")
    if str(response.get("token_type", "")).lower() != "bearer":
        raise EhrMisconfigured("token_type is not Bearer")
    scope, refresh_token = response.get("scope"), response.get("refresh_token")
    return Tokens(
        access_token=access_token,
        expires_at=now + _life(response.get("expires_in")),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else requested,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
    )


def _life(expires_in: object) -> timedelta:
    if isinstance(expires_in, str) and expires_in.isdecimal() and len(expires_in) < 10:
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not 0 < expires_in < 10**9:
        return ASSUMED_LIFE
    return min(timedelta(seconds=expires_in), _LONGEST_LIFE)


def _client(endpoint: TokenEndpoint, now: datetime) -> _Client:
    registration = endpoint.registration
    secret = registration.client_secret.get_secret_value() if registration.client_secret else None
    method = _AUTH_METHOD[registration.auth_method]
    client = _Client(
        endpoint.session,
        client_id=registration.client_id,
        client_secret=secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    client.register_client_auth_method(_Assertion(endpoint, now))
    return client


def _ask(endpoint: TokenEndpoint, now: datetime, **parameters: str) -> Mapping[str, Any]:
    try:
        response = _client(endpoint, now).fetch_token(endpoint.url, **parameters)
    except _OAuthError as error:
        raise TokenRefused(error.error) from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if 400 <= status < 500:
            raise TokenRefused(f"status {status}") from None
        raise EhrUnavailable(f"status {status}") from None
    except requests.RequestException as error:
        raise EhrUnavailable(type(error).__name__) from None
    except (ValueError, TypeError, RecursionError):
        raise EhrMisconfigured("token response is not usable JSON") from None
    return dict(response)
