"""A site's recalibration overlay as a file: signed when it is made, verified when it is used (ADR 0013).

The file holds the overlay in plain JSON beside an Ed25519 signature over its canonical form. The key that counts
is the one the site's policy names, never one the file brings along.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from model.assess import RiskPredictor
from model.errors import ModelError
from model.policy import SitePolicy
from model.recalibration import Recalibration, RecalibrationRefused, recalibrated, recalibration_from_json
from model.risk import RiskModel
from model.sentences import Sentence

MAX_BYTES = 1_000_000
_PURPOSE = b"aki-sentinel recalibration\n"  # so that a signature made for anything else never fits


def site_model(model: RiskPredictor | ModelError, policy: SitePolicy, folder: Path) -> RiskPredictor | ModelError:
    """The model as a site's policy wants it: as it is, recalibrated, or refused with the cause.

    A relative path is taken from `folder`, where `ehrs.toml` is.
    """
    if policy.recalibration is None or policy.recalibration_key is None or not isinstance(model, RiskModel):
        return model
    try:
        return recalibrated(model, read_overlay(folder / policy.recalibration, policy.recalibration_key))
    except RecalibrationRefused as refused:
        return refused


def recalibration_problem(
    model: RiskPredictor | ModelError, policy: SitePolicy, folder: Path, today: date
) -> str | None:
    """Why the overlay that a policy names gives no risk today, or None."""
    found = site_model(model, policy, folder)
    if isinstance(found, RecalibrationRefused):
        return f"{found} ({found.reason})"
    if isinstance(found, RiskModel) and found.expires_on is not None and found.expires_on < today:
        return f"This site's recalibration ended on {found.expires_on.isoformat()}. (expired)"
    return None


def read_overlay(path: Path, public_key: str) -> Recalibration:
    """A verified overlay. Raises RecalibrationRefused."""
    try:
        with path.open("rb") as file:
            held = json.loads(file.read(MAX_BYTES))
        overlay, signature = held["recalibration"], _decoded(held["signature"])
        signed = _canonical(overlay)
    except OSError as problem:
        raise RecalibrationRefused(
            "missing", Sentence("This site's recalibration file cannot be read.")
        ) from problem
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise RecalibrationRefused("malformed", Sentence("This site's recalibration is malformed.")) from problem
    try:
        public_key_from(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError) as problem:
        raise RecalibrationRefused(
            "tampered",
            Sentence("This site's recalibration was changed after it was signed, or signed with another key."),
        ) from problem
    return recalibration_from_json(overlay, sha256=hashlib.sha256(signed).hexdigest())


def signed_text(overlay: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """The file of an overlay, signed."""
    signature = _encoded(key.sign(_canonical(overlay)))
    return json.dumps({"recalibration": overlay, "signature": signature}, indent=1, ensure_ascii=False) + "\n"


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half, as `recalibration_key` takes it."""
    return _encoded(key.public_key().public_bytes_raw())


def public_key_from(text: str) -> Ed25519PublicKey:
    """The key that a policy names. Raises ValueError."""
    return Ed25519PublicKey.from_public_bytes(_decoded(text))


def _canonical(overlay: Any) -> bytes:
    text = json.dumps(overlay, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _PURPOSE + text.encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, TypeError) as problem:
        raise ValueError("not base64url") from problem
