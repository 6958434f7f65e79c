"""What a command line needs to check an EHR: which one is meant, and the guarded sessions to ask it with."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from app.checking.run import Tools
from app.configured.ehrs import EhrConfig, Ehrs, ehrs_from
from app.configured.problems import ConfigurationError
from app.configured.settings import Settings
from app.services import OutboundSessions
from app.storage.database import open_engine
from app.storage.encryption import sealed_box
from app.storage.signing_keys import StoredKeys
from launch.backend import BackendServices
from launch.context import Tokens
from launch.discovery import Discovery
from launch.errors import UnknownIssuer
from launch.keys import ClientKeys

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


def ehr_to_check(iss_or_id: str, ehrs: Ehrs, *, development: bool) -> EhrConfig:
    """The registered EHR with this id or address, else the address as a public client would meet it.

    Raises ValueError for what is neither.
    """
    for found in (ehrs.registry.by_id, ehrs.registry.by_iss):
        try:
            return ehrs.by_id(found(iss_or_id).id)
        except UnknownIssuer:
            continue
    if "://" not in iss_or_id:
        raise ValueError("is neither the id of a registered EHR nor an address")
    table = {"id": "unregistered", "name": "Not registered", "iss": iss_or_id, "client_id": "unregistered"}
    try:
        return single(table | {"auth_method": "public"} | local_settings(iss_or_id, development), development)
    except ConfigurationError as error:
        raise ValueError("; ".join(error.problems)) from None


def local_settings(iss: str, development: bool) -> dict[str, Any]:
    """What an EHR on this very host needs, in development only."""
    if not development:
        return {}
    parts = urlsplit(iss)
    plain = {"allow_http": True} if parts.scheme == "http" else {}
    return plain | ({"networks": ["127.0.0.0/8", "::1/128"]} if parts.hostname in _LOOPBACK_HOSTS else {})


def single(table: dict[str, Any], development: bool) -> EhrConfig:
    """One table as a registration of its own. Raises ConfigurationError, ValueError."""
    (config,) = ehrs_from({"ehr": [table]}, development=development)
    return config


def tools_for(config: EhrConfig, settings: Settings) -> Tools:
    """Guarded sessions for this EHR only."""
    outbound = OutboundSessions(Ehrs([config], development=settings.development), settings)
    return Tools(
        launch_session=outbound.for_launch(config.launch),
        fhir_session=outbound.for_fhir(config.id),
        now=_now(),
        ca_file=settings.outbound_ca_file,
        backend_tokens=(lambda: _backend_tokens(config, settings, outbound)) if config.launch.backend else None,
    )


def _backend_tokens(config: EhrConfig, settings: Settings, outbound: OutboundSessions) -> Tokens:
    store = StoredKeys(open_engine(settings.resolved_database_url), sealed_box(settings), _now)
    algorithm = config.launch.backend.signing_alg if config.launch.backend else "ES384"
    keys = ClientKeys.open(store, {algorithm}, clock=_now)
    discovery = Discovery(outbound.for_launch, _now)
    backend = BackendServices(keys, discovery, session_for=outbound.for_launch, clock=_now)
    return backend.tokens(config.launch)


def _now() -> datetime:
    return datetime.now(UTC)
