"""`aki keys`: the keys this app proves itself with to EHRs, and the key that encrypts what rests on disk."""

import json
from datetime import datetime, timedelta
from typing import Any

import click

from app.auditing.trail import AuditEvent
from app.cli.installation import Installation, now, open_installation
from app.cli.problems import Problem
from launch.keys import KeysUnreadable, StoredKey, signing_key, successor
from launch.registry import SigningAlgorithm

_ALGORITHMS: tuple[SigningAlgorithm, ...] = ("ES384", "RS384")


@click.group()
def keys() -> None:
    """Rotate the keys this app signs with; EHRs read the public parts at /.well-known/jwks.json.

    \b
    aki keys list
    aki keys rotate            publish a new key now, sign with it in 30 hours
    aki keys retire KID        stop publishing an old key
    """


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List the published keys: which one signs, which one will, which ones are only still published.

    \b
    aki keys list
    """
    store = _store(open_installation())
    rows = [_row(key, stored, now()) for stored in [_load(store)] for key in stored]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['kid']}  {row['alg']}  {row['state']}  (signs from {row['signs_from'] or 'the start'})")
    if not rows:
        click.echo("No key yet: the first is made when the app starts.")


@keys.command("rotate")
@click.option("--alg", type=click.Choice(_ALGORITHMS), help="Only this algorithm; else each one in use.")
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 24 * 30),
    default=30,
    show_default=True,
    help="How long the new key is published before it signs; longer than any EHR keeps our key set.",
)
@click.option("--now", "at_once", is_flag=True, help="Sign with it at once: only when the old key has leaked.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(alg: SigningAlgorithm | None, overlap_hours: int, at_once: bool, as_json: bool) -> None:
    """Publish a new key now and sign with it after the overlap; running workers see it within a minute.

    \b
    aki keys rotate
    aki keys rotate --alg RS384 --overlap-hours 48
    aki keys rotate --now      the old key has leaked; retire it next
    """
    installation = open_installation()
    store = _store(installation)
    stored = _load(store)
    begun = now() + timedelta(hours=0 if at_once else overlap_hours)
    wanted = [alg] if alg else [each for each in _ALGORITHMS if any(key.alg == each for key in stored)]
    if not wanted:
        raise Problem("There is no key to rotate.", "Start the app once, or name one: aki keys rotate --alg ES384")
    made = [_succeed(store, stored, each, begun, at_once) for each in wanted]
    for key in made:
        installation.record(AuditEvent(action="key-changed", outcome="published", reference=key.kid))
    _tell(as_json, {"published": [_row(key, _load(store), now()) for key in made]}, _rotated_text(made, begun))


@keys.command("retire")
@click.argument("kid")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retire(kid: str, as_json: bool) -> None:
    """Stop publishing a key that signs no more, or withdraw one that has not begun to sign.

    \b
    aki keys retire 8Zx...
    """
    installation = open_installation()
    store = _store(installation)
    stored = _load(store)
    key = next((each for each in stored if each.kid == kid), None)
    if key is None:
        raise Problem("No published key has this kid.", "See: aki keys list")
    if signing_key(stored, key.alg, now()) == key:
        raise Problem("This key signs just now.", "Publish its successor first: aki keys rotate")
    installation.record(AuditEvent(action="key-changed", outcome="retired", reference=kid))
    store.remove(kid)
    _tell(as_json, {"retired": kid}, "Retired. Running workers stop publishing it within a minute.")


@keys.command("reseal")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reseal_all(as_json: bool) -> None:
    """Encrypt everything at rest anew with the first key of AKI_MASTER_KEY; then the others can be taken out.

    \b
    AKI_MASTER_KEY=new,old aki keys reseal
    """
    from app.storage.encryption import sealed_box
    from app.storage.resealing import reseal

    installation = open_installation()
    done = reseal(installation.engine, sealed_box(installation.settings))
    installation.record(AuditEvent(action="key-changed", outcome="resealed"))
    answer = {"sealed_anew": done.anew, "already": done.already, "unreadable": done.unreadable}
    _tell(as_json, answer, f"{done.anew} sealed anew, {done.already} were already.")
    if done.unreadable:
        raise Problem(
            f"{done.unreadable} stored values open with none of the keys in AKI_MASTER_KEY.",
            "Keep the older key in AKI_MASTER_KEY, after the new one, and run this again.",
        )


def _store(installation: Installation) -> Any:
    from app.storage.encryption import sealed_box
    from app.storage.signing_keys import StoredKeys

    return StoredKeys(installation.engine, sealed_box(installation.settings), now)


def _load(store: Any) -> list[StoredKey]:
    from app.storage.encryption import Undecipherable

    try:
        found: list[StoredKey] = store.load()
    except Undecipherable:
        raise Problem(
            "AKI_MASTER_KEY does not open the stored keys.", "Give the key they were sealed with."
        ) from None
    except KeysUnreadable as error:
        raise Problem("The database cannot be read.", "Check AKI_DATABASE_URL or AKI_STATE_DIR.") from error
    return found


def _succeed(
    store: Any, stored: list[StoredKey], alg: SigningAlgorithm, begun: datetime, at_once: bool
) -> StoredKey:
    waiting = [key for key in stored if key.alg == alg and key.signs_from and key.signs_from > now()]
    if waiting and not at_once:
        raise Problem(
            f"A new {alg} key is published already and signs from {_time(waiting[-1])}.",
            f"Wait for it, or withdraw it: aki keys retire {waiting[-1].kid}",
        )
    key = successor(stored, alg, signs_from=begun)
    if not store.add(key):
        raise Problem("Somebody else rotated this key just now.", "See: aki keys list")
    return key


def _row(key: StoredKey, stored: list[StoredKey], at: datetime) -> dict[str, Any]:
    if signing_key(stored, key.alg, at) == key:
        state = "signs"
    elif key.signs_from is not None and key.signs_from > at:
        state = "next"
    else:
        state = "published"
    return {"kid": key.kid, "alg": key.alg, "state": state, "signs_from": _time(key)}


def _time(key: StoredKey) -> str | None:
    return key.signs_from.isoformat(timespec="seconds") if key.signs_from else None


def _rotated_text(made: list[StoredKey], begun: datetime) -> str:
    lines = [f"Published {key.alg} key {key.kid}." for key in made]
    lines.append(
        f"It signs from {begun.isoformat(timespec='minutes')}. After that: aki keys list, aki keys retire."
    )
    return "\n".join(lines)


def _tell(as_json: bool, answer: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(answer, indent=2) if as_json else text)
