"""The EHR's signing keys: RS256 for id_tokens, ES384 and RS384 for CDS Hooks calls, published in one JWKS."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

_FILE_NAME = "signing-keys.json"


@dataclass(slots=True)
class SigningKeys:
    """Private keys, parsed once. Each is read and replaced whole."""

    id_token: RSAKey
    cds_hooks: ECKey
    cds_hooks_rsa: RSAKey

    def for_algorithm(self, algorithm: str) -> ECKey | RSAKey:
        """The key that signs CDS Hooks calls with ES384 or RS384."""
        return self.cds_hooks_rsa if algorithm == "RS384" else self.cds_hooks

    def rotate(self) -> None:
        """New keys in place of all, at once: the old `kid`s are gone, as after a vendor's emergency.

        What is kept on disk stays: the old keys are back after a restart, which is one more rotation to an app.
        """
        fresh = make_keys()
        self.id_token, self.cds_hooks, self.cds_hooks_rsa = fresh.id_token, fresh.cds_hooks, fresh.cds_hooks_rsa

    def public_jwks(self) -> dict[str, Any]:
        """Public members only."""
        keys = (self.id_token, self.cds_hooks, self.cds_hooks_rsa)
        return {"keys": [dict(key.as_dict(private=False)) for key in keys]}


def make_keys() -> SigningKeys:
    rsa = _rsa_key("RS256")
    ec = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, private=True, auto_kid=True)
    return SigningKeys(rsa, ec, _rsa_key("RS384"))


def _rsa_key(algorithm: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": algorithm}, private=True, auto_kid=True)


def load_or_make_keys(state_dir: Path | None) -> SigningKeys:
    """Keys that survive a restart when there is a place to keep them (readable by the owner only)."""
    if state_dir is None:
        return make_keys()
    path = state_dir / _FILE_NAME
    if path.exists():
        kept = json.loads(path.read_text("utf-8"))
        rsa = RSAKey.import_key(kept["cds_hooks_rsa"]) if "cds_hooks_rsa" in kept else _rsa_key("RS384")
        keys = SigningKeys(RSAKey.import_key(kept["id_token"]), ECKey.import_key(kept["cds_hooks"]), rsa)
        if "cds_hooks_rsa" in kept:
            return keys
    else:
        keys = make_keys()
    named: dict[str, ECKey | RSAKey] = {
        "id_token": keys.id_token,
        "cds_hooks": keys.cds_hooks,
        "cds_hooks_rsa": keys.cds_hooks_rsa,
    }
    write_private(path, json.dumps({name: key.as_dict(private=True) for name, key in named.items()}))
    return keys


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
