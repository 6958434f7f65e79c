"""Encryption of what rests on disk: AES-256-GCM, the row it belongs to as associated data.

A sealed value moved to another row, table or meaning does not open. Where a row must be found again by a patient
it must not name, it holds a pseudonym: a keyed hash.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.configured.problems import ConfigurationError
from app.configured.settings import PREFIX, Settings

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_PSEUDONYM_DIGITS = 32
_AT_REST = b"aki-sentinel at rest v1"
_PSEUDONYMS = b"aki-sentinel pseudonyms v1"


class Undecipherable(Exception):
    """A sealed value does not open with any key in use: tampered with, moved, or sealed by a lost key."""


class SealedBox:
    """Seals with the first key, opens with any: that is how the master key is rotated."""

    def __init__(self, master_keys: Sequence[str]) -> None:
        if not master_keys:
            raise ValueError("at least one master key is needed")
        self._ciphers = [AESGCM(_derive(key, _AT_REST)) for key in master_keys]
        self._pseudonym_keys = [_derive(key, _PSEUDONYMS) for key in master_keys]

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Encrypt `plain`, bound to `context` (table and row)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._ciphers[0].encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt. Raises Undecipherable."""
        if sealed[:1] != _FORMAT:
            raise Undecipherable
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, body, context.encode())
            except (InvalidTag, ValueError):
                continue
        raise Undecipherable

    def is_newest(self, sealed: bytes, *, context: str) -> bool:
        """Whether a value was sealed with the first key. Raises Undecipherable for what is no sealed value."""
        if sealed[:1] != _FORMAT:
            raise Undecipherable
        try:
            self._ciphers[0].decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context.encode())
        except (InvalidTag, ValueError):
            return False
        return True

    def pseudonyms(self, identity: str) -> tuple[str, ...]:
        """HMAC-SHA-256 of an identity with each key, 32 hex digits: the first is written, all may be looked for.

        A master key that is taken out of use cuts the thread to what was written under it.
        """
        return tuple(
            hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]
            for key in self._pseudonym_keys
        )


def sealed_box(settings: Settings) -> SealedBox:
    """The box for the configured master key; in development one is made in the state folder on first start."""
    if settings.master_key is not None:
        return SealedBox([part.strip() for part in settings.master_key.get_secret_value().split(",")])
    if not settings.development:
        raise ConfigurationError([f"{PREFIX}MASTER_KEY: is needed"])
    return SealedBox([_development_key(settings.state_dir)])


def _derive(master_key: str, purpose: bytes) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
    return derivation.derive(master_key.encode())


def _development_key(state_dir: Path) -> str:
    """Read the key file, or make it: link() lets exactly one of several starting workers win."""
    path = state_dir / "master.key"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = state_dir / f".master.key.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()
