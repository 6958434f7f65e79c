"""The apps registered with the embedded EHR, in the shape authlib asks for."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from authlib.oauth2.rfc6749 import ClientMixin
from pydantic import SecretStr

from sandbox.scopes import ScopeSet
from sandbox.settings import ClientRegistration, SandboxSettings

PRODUCT_NAME = "AKI Sentinel"
BACKEND_SCOPES = "system/*.rs"


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # authlib ships no types
    """A registration with the checks authlib calls."""

    def __init__(self, registration: ClientRegistration) -> None:
        self.registration = registration
        self.client_id = registration.client_id
        self.allowed_scopes = ScopeSet.parse(registration.scopes)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """SMART apps name their redirect URI in every request; there is no default."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        """What is not allowed is dropped, never refused; an empty grant is legal (SL-27)."""
        return str(ScopeSet.parse(scope).narrowed_to(self.allowed_scopes))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.registration.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        expected = self.registration.client_secret
        if expected is None:
            return False
        return hmac.compare_digest(expected.get_secret_value().encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  # authlib's signature
        return self.registration.auth_method == method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.registration.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.registration.grant_types


class Clients:
    """All registrations by client id."""

    def __init__(self, registrations: Iterable[ClientRegistration]) -> None:
        self._clients = {item.client_id: RegisteredClient(item) for item in registrations}

    def get(self, client_id: str | None) -> RegisteredClient | None:
        return self._clients.get(client_id or "")

    def all(self) -> tuple[RegisteredClient, ...]:
        return tuple(self._clients.values())

    def launch_urls(self) -> frozenset[str]:
        urls = (client.registration.launch_url for client in self._clients.values())
        return frozenset(url for url in urls if url)


def product_registrations(settings: SandboxSettings, basic_secret: SecretStr) -> tuple[ClientRegistration, ...]:
    """The product under its three ways of client authentication, and testers' own clients after it."""
    app = settings.app_url
    redirect_uris = (f"{app}/callback",)
    launch_url = f"{app}/launch"
    jwks_uri = f"{app}/.well-known/jwks.json"
    return (
        ClientRegistration(
            client_id="aki-sentinel",
            name=PRODUCT_NAME,
            auth_method="private_key_jwt",
            redirect_uris=redirect_uris,
            launch_url=launch_url,
            jwks_uri=jwks_uri,
        ),
        ClientRegistration(
            client_id="aki-sentinel-basic",
            name=f"{PRODUCT_NAME} (shared secret)",
            auth_method="client_secret_basic",
            redirect_uris=redirect_uris,
            launch_url=launch_url,
            client_secret=basic_secret,
        ),
        ClientRegistration(
            client_id="aki-sentinel-public",
            name=f"{PRODUCT_NAME} (public)",
            auth_method="none",
            redirect_uris=redirect_uris,
            launch_url=launch_url,
        ),
        ClientRegistration(
            client_id="aki-sentinel-backend",
            name=f"{PRODUCT_NAME} (backend services)",
            auth_method="private_key_jwt",
            jwks_uri=jwks_uri,
            scopes=BACKEND_SCOPES,
            grant_types=("client_credentials",),
        ),
        *settings.extra_clients,
    )
