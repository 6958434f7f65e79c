"""Discovery documents: SMART configuration, OpenID configuration, JWKS and the style sheet for apps."""

from __future__ import annotations

from typing import Any

from sandbox.authorization_assertions import ASSERTION_ALGORITHMS
from sandbox.authorization_grants import AUTH_METHODS
from sandbox.scopes import CONTEXT_SCOPES
from sandbox.settings import SandboxSettings

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "sso-openid-connect",
)

CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser", "profile", "name")

SMART_STYLE: dict[str, str] = {
    "color_background": "#f5f7f8",
    "color_error": "#a4262c",
    "color_highlight": "#0f6a73",
    "color_modal_backdrop": "#10222b",
    "color_success": "#2c6e49",
    "color_text": "#1c2b33",
    "dim_border_radius": "4px",
    "dim_font_size": "15px",
    "dim_spacing_size": "16px",
    "font_family_body": "'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
    "font_family_heading": "'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
}


def smart_configuration(settings: SandboxSettings) -> dict[str, Any]:
    """`.well-known/smart-configuration` (SMART App Launch 2.2, conformance page)."""
    left_out = settings.vendor.without_capabilities
    document = {
        **_endpoints(settings),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": scopes_supported(),
        "code_challenge_methods_supported": ["S256"],
        "capabilities": [name for name in CAPABILITIES if name not in left_out],
    }
    if not settings.vendor.publishes_issuer:
        del document["issuer"]
    return document


def openid_configuration(settings: SandboxSettings) -> dict[str, Any]:
    """`.well-known/openid-configuration` below the FHIR base."""
    return {
        **_endpoints(settings),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": scopes_supported(),
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "fhirUser",
            "profile",
            "name",
        ],
        "code_challenge_methods_supported": ["S256"],
    }


def scopes_supported() -> list[str]:
    levels = ("patient", "user")
    v1 = [f"{level}/*.{access}" for level in levels for access in ("read", "write", "*")]
    v2 = [f"{level}/*.{access}" for level in levels for access in ("rs", "cruds")]
    return [*sorted(CONTEXT_SCOPES), *v1, *v2, "system/*.rs", "system/*.read"]


def _endpoints(settings: SandboxSettings) -> dict[str, Any]:
    return {
        "issuer": settings.issuer,
        "jwks_uri": settings.jwks_uri,
        "authorization_endpoint": settings.authorize_endpoint,
        "token_endpoint": settings.token_endpoint,
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint": settings.introspection_endpoint,
        "revocation_endpoint": settings.revocation_endpoint,
    }
