"""Settings of the embedded EHR, from arguments or from the environment (`SANDBOX_*`)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sandbox.profiles import PROFILE_IDS, find_profile
from sandbox.vendor import VendorProfile

AuthMethod = Literal["private_key_jwt", "client_secret_basic", "none"]

LOOPBACK_HOST = "127.0.0.1"
USUAL_TOKEN_SECONDS = 3600

DEFAULT_SCOPES = (
    "openid fhirUser profile launch launch/patient launch/encounter online_access offline_access "
    "patient/*.cruds user/*.cruds"
)


def _without_trailing_slash(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must be an http or https URL")
    return url.rstrip("/")


def _known_profile(profile_id: str) -> str:
    if profile_id not in PROFILE_IDS:
        raise ValueError(f"must be one of {', '.join(PROFILE_IDS)}")
    return profile_id


Url = Annotated[str, AfterValidator(_without_trailing_slash)]


class ClientRegistration(BaseModel):
    """One app registered with the EHR. Redirect URIs are compared character by character."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(min_length=1)
    name: str = ""
    auth_method: AuthMethod
    redirect_uris: tuple[str, ...] = ()
    launch_url: str | None = None
    scopes: str = DEFAULT_SCOPES
    client_secret: SecretStr | None = None
    jwks_uri: str | None = None
    jwks: dict[str, Any] | None = None
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")

    @model_validator(mode="after")
    def _has_its_credential(self) -> ClientRegistration:
        if self.auth_method == "private_key_jwt" and not (self.jwks_uri or self.jwks):
            raise ValueError("private_key_jwt needs jwks_uri or jwks")
        if self.auth_method == "client_secret_basic" and self.client_secret is None:
            raise ValueError("client_secret_basic needs client_secret")
        return self


class SandboxSettings(BaseSettings):
    """Where the EHR and the app are, and how the authorization server behaves."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", frozen=True, extra="ignore")

    base_url: Url = "http://127.0.0.1:9090"
    app_url: Url = "http://127.0.0.1:8080"
    profile: Annotated[str, AfterValidator(_known_profile)] = "standard"
    """The vendor whose behaviour this EHR takes on (`sandbox.profiles`)."""
    patients_path: Path | None = None
    state_dir: Path | None = None
    """Where signing keys and the demo secret are kept between starts; in memory only when not set."""
    basic_client_secret: SecretStr | None = None
    extra_clients: tuple[ClientRegistration, ...] = ()
    access_token_seconds: int | None = Field(default=None, ge=1, le=86_400)
    """None: as the vendor's profile says, or an hour."""
    tenant: str | None = None
    time_zone: ZoneInfo = ZoneInfo("America/New_York")
    """The hospital's own time zone, in which its pages show times."""

    @property
    def vendor(self) -> VendorProfile:
        return find_profile(self.profile)

    @property
    def fhir_base(self) -> str:
        """The FHIR base, without a slash at its end."""
        return f"{self.base_url}{self.vendor.fhir_path}"

    @property
    def iss(self) -> str:
        """The FHIR base as launches name it, and the only `aud` accepted: character by character."""
        return f"{self.fhir_base}/" if self.vendor.slash_after_base else self.fhir_base

    @property
    def login_url(self) -> str:
        """The authorization server's address; some vendors' is another host than the FHIR server's."""
        parts = urlsplit(self.base_url)
        if self.vendor.login_host is None or parts.hostname != LOOPBACK_HOST:
            return self.base_url
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(LOOPBACK_HOST, self.vendor.login_host)))

    @property
    def issuer(self) -> str:
        """The `iss` of id_tokens."""
        path = self.vendor.issuer_path
        return self.iss if path is None else f"{self.login_url}{path}"

    @property
    def cds_issuer(self) -> str:
        """The `iss` of CDS Hooks tokens."""
        return self.vendor.cds_issuer.format(fhir_base=self.fhir_base)

    @property
    def access_token_life(self) -> timedelta:
        seconds = self.access_token_seconds or self.vendor.access_token_seconds or USUAL_TOKEN_SECONDS
        return timedelta(seconds=seconds)

    @property
    def authorize_endpoint(self) -> str:
        return f"{self.login_url}/auth/authorize"

    @property
    def token_endpoint(self) -> str:
        return f"{self.login_url}/auth/token"

    @property
    def revocation_endpoint(self) -> str:
        return f"{self.login_url}/auth/revoke"

    @property
    def introspection_endpoint(self) -> str:
        return f"{self.login_url}/auth/introspect"

    @property
    def jwks_uri(self) -> str:
        return f"{self.login_url}{self.vendor.fhir_path}/.well-known/jwks.json"
