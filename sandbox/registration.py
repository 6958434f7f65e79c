"""How an app has to be registered for each vendor profile: a table of its `ehrs.toml`, for demos and tests.

The names are those of the app's configuration file, which is its public face; none of its code is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cds_dialects import DIALECTS
from sandbox.dressing import local_code
from sandbox.security import origin_of
from sandbox.settings import SandboxSettings
from sandbox.vendor import VendorProfile

_CREATININE = ("2160-0", "38483-4")


def registration_table(settings: SandboxSettings) -> dict[str, Any]:
    """The `[[ehr]]` table for this EHR, with the quirks its profile needs and nothing more."""
    vendor = settings.vendor
    table: dict[str, Any] = {
        "id": "sandbox",
        "name": "Embedded EHR" if vendor.id == "standard" else f"Embedded EHR as {vendor.name}",
        "iss": settings.iss,
        "client_id": "aki-sentinel",
        "auth_method": "private_key_jwt",
        "signing_alg": "RS384" if vendor.dialect.algorithm == "RS384" else "ES384",
        "frame_ancestors": [settings.base_url],
        "networks": ["127.0.0.0/8", "::1/128"],
        "allow_http": True,
        **_choices(settings.vendor),
        **_launch_quirks(settings),
    }
    table["cds"] = _cds(settings)
    table["reading"] = {"time_zone": str(settings.time_zone), **_reading_quirks(vendor)}
    return table


def _choices(vendor: VendorProfile) -> dict[str, Any]:
    """Launches without a patient, where the vendor has scopes of its user."""
    return {} if "permission-user" in vendor.without_capabilities else {"choose_patient": ["ehr", "worklist"]}


def _launch_quirks(settings: SandboxSettings) -> dict[str, Any]:
    vendor = settings.vendor
    quirks: dict[str, Any] = {}
    if origin_of(settings.login_url) != origin_of(settings.base_url):
        quirks["trusted_origins"] = [origin_of(settings.login_url)]
    if vendor.issuer_path is not None and not vendor.publishes_issuer:
        quirks["id_token_issuer"] = settings.issuer
    if not vendor.echoes_nonce:
        quirks["allow_missing_nonce"] = True
    if vendor.launch_is_long and "authorize-post" not in vendor.without_capabilities:
        quirks["authorize_method"] = "post"
    return quirks


def _cds(settings: SandboxSettings) -> dict[str, Any]:
    """Every dialect of the bench may call: the longest token life of them all, and both algorithms."""
    table: dict[str, Any] = {
        "jku": settings.jwks_uri,
        "algorithms": sorted({dialect.algorithm for dialect in DIALECTS}),
        "max_token_life_seconds": max(dialect.token_life_seconds for dialect in DIALECTS),
    }
    if settings.cds_issuer != settings.iss:
        table["iss"] = settings.cds_issuer
    return table


def _reading_quirks(vendor: VendorProfile) -> dict[str, Any]:
    if vendor.local_codes is None:
        return {}
    return {"local_codes": {f"{vendor.local_codes}|{local_code(loinc)}": loinc for loinc in _CREATININE}}


def registration_toml(settings: SandboxSettings) -> str:
    """The whole `ehrs.toml` with this one EHR."""
    heading = f"# Written for the profile {settings.vendor.id} of the embedded EHR. Development only."
    return "\n".join([heading, "", "[[ehr]]", *_lines(registration_table(settings), "ehr")]) + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in table.items():
        if not isinstance(value, dict):
            yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if isinstance(value, dict):
            yield from ("", f"[{path}.{_key(name)}]", *_lines(value, f"{path}.{_key(name)}"))


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)


def _value(value: Any) -> str:
    """TOML's basic strings, booleans, numbers and arrays are spelled as in JSON."""
    return json.dumps(value)
