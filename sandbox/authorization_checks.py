"""What SMART asks of an authorization request beyond OAuth, as extensions of authlib's code grant."""

from __future__ import annotations

import re
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc7636 import CodeChallenge

from sandbox.scopes import ScopeSet
from sandbox.services import EhrServices

_ONCE_ONLY = ("aud", "launch", "nonce", "code_challenge", "code_challenge_method")
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class SmartChecks:
    """`state`, exact `aud`, PKCE and a live launch (SL-17..SL-19, SL-23)."""

    def __init__(self, services: EhrServices) -> None:
        self._services = services

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: Any, _result: Any) -> None:
        data = grant.request.payload.data
        for name in _ONCE_ONLY:
            if len(grant.request.payload.datalist.get(name, [])) > 1:
                raise InvalidRequestError(f"Multiple '{name}' in request.")
        if not data.get("state"):
            raise InvalidRequestError("Missing 'state' in request.")
        if data.get("aud") != self._services.settings.iss:
            raise InvalidRequestError("'aud' must be exactly the FHIR base of this server.")
        if data.get("code_challenge_method") != "S256" or not data.get("code_challenge"):
            raise InvalidRequestError("PKCE with 'code_challenge_method=S256' is required.")
        if not _S256_CHALLENGE.fullmatch(data["code_challenge"]):
            raise InvalidRequestError("'code_challenge' is no base64url SHA-256.")
        self._check_breadth(data.get("scope"))
        self._check_launch(grant.request, data)

    def _check_breadth(self, scope: str | None) -> None:
        """Some vendors refuse a wildcard that others trim (VN-22)."""
        vendor = self._services.settings.vendor
        if vendor.refuses_wildcard_scopes and any(s.resource_type == "*" for s in ScopeSet.parse(scope).resources):
            raise InvalidScopeError()

    def _check_launch(self, request: Any, data: Any) -> None:
        asked = "launch" in ScopeSet.parse(data.get("scope"))
        if asked and not data.get("launch"):
            raise InvalidRequestError("Scope 'launch' needs the 'launch' parameter.")
        if not data.get("launch"):
            return
        if not asked:
            raise InvalidRequestError("The 'launch' parameter needs the scope 'launch'.")
        if request.launch_context is None:
            raise InvalidRequestError("This launch is unknown, has expired or was used before.")


class S256Challenge(CodeChallenge):  # type: ignore[misc]  # authlib ships no types
    """PKCE without `plain`."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
