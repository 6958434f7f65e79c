"""A new entry of the registry: from answers to a checked table to the text appended to `ehrs.toml`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urljoin

from app.checking.cli_tools import local_settings, single
from app.checking.published import read_published
from app.checking.run import Tools
from app.configured.ehrs import EhrConfig, Ehrs
from app.configured.problems import ConfigurationError
from launch.errors import UnknownIssuer
from launch.registry import origin_of

_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint")
_READING: Final = "time_zone"


def table_of(answers: Mapping[str, str | None], *, development: bool) -> dict[str, Any]:
    """The entry for the answers given; what is usual is left out."""
    given = {name: value for name, value in answers.items() if value and name != _READING}
    given["id"] = given.pop("ehr_id", "")
    table: dict[str, Any] = {name: given[name] for name in ("id", "name", "iss", "client_id") if name in given}
    table |= {name: given[name] for name in ("auth_method", "client_secret_file") if name in given}
    table |= local_settings(str(given.get("iss", "")), development)
    return table | {"reading": {_READING: answers.get(_READING) or "UTC"}}


def config_of(table: dict[str, Any], ehrs: Ehrs, *, development: bool) -> EhrConfig:
    """The entry as the app would read it. Raises ConfigurationError, also when it is registered already."""
    config = single(table, development)
    for taken, what in ((ehrs.registry.by_id, config.id), (ehrs.registry.by_iss, config.launch.iss)):
        try:
            known = taken(what)
        except UnknownIssuer:
            continue
        raise ConfigurationError([f"{what} is registered already, as {known.id} ({known.name})"])
    return config


def other_origins(config: EhrConfig, tools: Tools) -> list[str]:
    """Origins the EHR publishes besides its own; each is for a person to trust, never for us."""
    _, published = read_published(config.launch, tools.launch_session, tools.now)
    if published is None or published.is_statement:
        return []
    values = [published.document.get(field) for field in _ENDPOINTS]
    found = {_origin(config, value) for value in values if isinstance(value, str)}
    return sorted(origin for origin in found if origin and origin not in config.launch.origins)


def _origin(config: EhrConfig, address: str) -> str | None:
    try:
        return origin_of(urljoin(config.launch.iss.rstrip("/") + "/", address))
    except ValueError:
        return None


def entry_text(table: Mapping[str, Any]) -> str:
    """The `[[ehr]]` table as TOML."""
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = ["[[ehr]]", *_lines(plain.items())]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[ehr.{name}]", *_lines(value.items())]
    return "\n".join(lines) + "\n"


def _lines(items: Iterable[tuple[str, Any]]) -> list[str]:
    """JSON's strings, lists and booleans are TOML's too."""
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in items]
