"""The authorization request (SL-17..30; RFC 6749, RFC 7636)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from launch.discovery import SmartConfiguration
from launch.pending import PendingLaunch
from launch.registry import EhrRegistration

_ENTROPY_BYTES: Final = 32  # 256 bits; as PKCE verifier 43 characters, the shortest RFC 7636 allows
LONGEST_URL_CHARS: Final = 2000

Level = Literal["patient", "user"]
"""Whose data a launch asks for: one patient's, or all that its user may see (SL-24)."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Where to send the browser, and what to keep until it is back."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    pending: PendingLaunch
    prefers_post: bool = False

    @property
    def by_form(self) -> bool:
        """Whether to POST: the site asks for it, or the address may be cut off on its way (SL-21)."""
        return self.prefers_post or len(self.url) > LONGEST_URL_CHARS

    def as_form(self) -> tuple[str, list[tuple[str, str]]]:
        """The same request as a form: its target and its fields."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(query="")), parse_qsl(parts.query, keep_blank_values=True)


def authorization_request(
    registration: EhrRegistration,
    configuration: SmartConfiguration,
    *,
    iss: str,
    launch: str | None,
    scopes: Sequence[str],
    redirect_uri: str,
) -> AuthorizationRequest:
    """Build the request. `iss` is sent back as `aud` byte for byte (SL-18); PKCE S256 always (SL-15, SL-20)."""
    pending = PendingLaunch(
        ehr_id=registration.id,
        iss=iss,
        redirect_uri=redirect_uri,
        scopes=tuple(scopes),
        code_verifier=secrets.token_urlsafe(_ENTROPY_BYTES),
        nonce=secrets.token_urlsafe(_ENTROPY_BYTES),
    )
    state = secrets.token_urlsafe(_ENTROPY_BYTES)
    url = prepare_grant_uri(
        configuration.authorization_endpoint,
        client_id=registration.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=list(scopes),
        state=state,
        aud=iss,
        launch=launch,
        nonce=pending.nonce if "openid" in scopes else None,
        code_challenge=create_s256_code_challenge(pending.code_verifier),
        code_challenge_method="S256",
    )
    prefers_post = registration.authorize_method == "post"
    return AuthorizationRequest(url=str(url), state=state, pending=pending, prefers_post=prefers_post)


def requested_scopes(
    registration: EhrRegistration, product_scopes: Sequence[str], *, standalone: bool, level: Level = "patient"
) -> tuple[str, ...]:
    """The registration's scopes or the product's, with the launch scope that fits (SL-23, SL-26).

    For a launch without a patient the registration's `patient/` scopes are asked for as `user/`, and nothing that
    obliges the EHR to choose a patient. `online_access` or `offline_access` only where the registration asks to
    refresh (SL-29).
    """
    wanted = registration.scopes if registration.scopes is not None else ("openid", "fhirUser", *product_scopes)
    others = {"launch", "launch/patient"}
    if level == "user":
        wanted = tuple(_for_the_user(scope) for scope in wanted)
        others.add("launch/encounter")
    asks_for_one = ("launch/patient",) if level == "patient" else ()
    launch_scope = asks_for_one if standalone else ("launch",)
    refresh = () if registration.refresh == "none" else (registration.refresh,)
    return tuple(dict.fromkeys((*launch_scope, *(scope for scope in wanted if scope not in others), *refresh)))


def _for_the_user(scope: str) -> str:
    return f"user/{scope.removeprefix('patient/')}" if scope.startswith("patient/") else scope
