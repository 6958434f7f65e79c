"""Rotating what this app signs and seals with, without an EHR or a session noticing (SL-76, SL-77)."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import Engine, LargeBinary, select, update

from app.auditing.trail import AuditTrail
from app.cli import main
from app.launched.sessions import LaunchSessions, SessionMissing, cookie_name
from app.storage.database import open_engine
from app.storage.encryption import SealedBox, Undecipherable
from app.storage.resealing import SEALED, Resealed, reseal, unreadable
from app.storage.signing_keys import StoredKeys
from app.storage.tables import Base
from launch.context import LaunchContext, Tokens
from launch.keys import ClientKeys, KeysUnreadable, StoredKey, successor
from tests.builders.filled_tables import fill_tables
from tests.builders.registrations import MASTER_KEY


@pytest.fixture
def store(database: Engine, clock) -> StoredKeys:
    return StoredKeys(database, SealedBox([MASTER_KEY]), clock)


def _kids(keys: ClientKeys) -> list[str]:
    return [key["kid"] for key in keys.public_jwks()["keys"]]


def _signed_by(keys: ClientKeys, now: Any) -> str:
    token = keys.sign_assertion(client_id="c", audience="https://ehr/token", alg="ES384", now=now)
    return str(jwt.decode(token, KeySet.import_key_set(keys.public_jwks()), algorithms=["ES384"]).header["kid"])


def test_a_new_key_is_published_first_and_signs_only_after_the_overlap(store, clock) -> None:
    keys = ClientKeys.open(store, {"ES384"}, clock=clock)
    (old,) = _kids(keys)
    new = successor(store.load(), "ES384", signs_from=clock() + timedelta(hours=30))
    assert store.add(new)
    clock.advance(minutes=1)
    assert _kids(keys) == [old, new.kid]
    assert _signed_by(keys, clock()) == old
    clock.advance(hours=29, minutes=58)
    assert _signed_by(keys, clock()) == old
    clock.advance(minutes=1)
    assert _signed_by(keys, clock()) == new.kid
    store.remove(old)
    clock.advance(minutes=1)
    assert _kids(keys) == [new.kid]


def test_a_clock_set_back_to_before_the_first_key_signs_with_it_and_still_sees_a_rotation(store, clock) -> None:
    keys = ClientKeys.open(store, {"ES384"}, clock=clock)
    (first,) = _kids(keys)
    clock.advance(minutes=-10)
    assert _signed_by(keys, clock()) == first
    second = successor(store.load(), "ES384", signs_from=clock())
    assert store.add(second)
    clock.advance(minutes=1)
    assert _kids(keys) == [second.kid, first]


def test_of_two_rotations_at_once_one_wins(store, clock) -> None:
    ClientKeys.open(store, {"ES384"}, clock=clock)
    stored = store.load()
    made = [successor(stored, "ES384", signs_from=clock()) for _ in range(2)]
    assert [store.add(key) for key in made] == [True, False]


def test_a_store_that_does_not_answer_leaves_the_known_keys_in_use(store, clock) -> None:
    class Failing:
        def load(self) -> list[StoredKey]:
            raise KeysUnreadable

    keys = ClientKeys(ClientKeys.open(store, {"ES384"}, clock=clock)._stored, store=Failing(), clock=clock)
    before = _kids(keys)
    clock.advance(minutes=5)
    assert _kids(keys) == before
    assert _signed_by(keys, clock()) in before


def test_resealing_lets_the_old_master_key_go_while_sessions_and_keys_stay(database: Engine, clock) -> None:
    old, new = SealedBox(["o" * 32]), SealedBox(["n" * 32])
    both = SealedBox(["n" * 32, "o" * 32])
    StoredKeys(database, old, clock).add(successor([], "ES384", signs_from=clock()))
    lives = {"idle": timedelta(minutes=15), "absolute": timedelta(hours=8)}
    tokens = Tokens("at", clock() + timedelta(hours=1), frozenset())
    context = LaunchContext(ehr_id="local", fhir_base_url="https://ehr", patient="p1", tokens=tokens)
    session, ticket = LaunchSessions(database, old, clock, **lives).start(context)
    cookies = {cookie_name(session.id): ticket.secret}
    with pytest.raises(SessionMissing):
        LaunchSessions(database, new, clock, **lives).open(session.id, cookies)
    assert reseal(database, new) == Resealed(unreadable=2)
    assert reseal(database, both) == Resealed(anew=2)
    assert reseal(database, both) == Resealed(already=2)
    assert LaunchSessions(database, new, clock, **lives).open(session.id, cookies).access_token == "at"
    assert len(StoredKeys(database, new, clock).load()) == 1
    with pytest.raises(Undecipherable):
        StoredKeys(database, old, clock).load()


def test_no_column_that_may_hold_something_sealed_is_left_out_of_resealing() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    assert {str(table.sealed.expression) for table, _, _ in SEALED} == {
        f"{column.table.name}.{column.name}" for column in columns if isinstance(column.type, LargeBinary)
    }
    assert [context for _, _, context in SEALED] == [table.__tablename__ for table, _, _ in SEALED]


def test_every_kind_of_sealed_value_is_resealed_and_a_lost_one_is_counted_by_its_table(database: Engine) -> None:
    old, new, both = SealedBox(["o" * 32]), SealedBox(["n" * 32]), SealedBox(["n" * 32, "o" * 32])
    fill_tables(database, 1)
    with database.begin() as connection:
        for table, key, name in SEALED:
            sealed = old.seal(b"secret", context=f"{name}/{connection.scalar(select(key))}")
            connection.execute(update(table).values(sealed=sealed))
    assert unreadable(database, both) == {}
    assert unreadable(database, new) == {name: 1 for _, _, name in SEALED}
    assert reseal(database, both) == Resealed(anew=len(SEALED))
    assert unreadable(database, new) == {}


def test_a_pseudonym_names_nobody_and_is_found_again_while_a_master_key_is_replaced() -> None:
    old, both, new = SealedBox(["o" * 32]), SealedBox(["n" * 32, "o" * 32]), SealedBox(["n" * 32])
    (written,) = old.pseudonyms("ehr-1|p-1")
    assert len(written) == 32
    assert written in both.pseudonyms("ehr-1|p-1")
    assert both.pseudonyms("ehr-1|p-1")[0] == new.pseudonyms("ehr-1|p-1")[0] != written
    assert old.pseudonyms("ehr-1|p-2") != (written,)


@pytest.fixture
def installation(tmp_path: Path) -> dict[str, str]:
    registry = tmp_path / "ehrs.toml"
    registry.write_text("", encoding="utf-8")
    settings = {
        "development": "true",
        "ehrs_file": str(registry),
        "state_dir": str(tmp_path),
        "master_key": MASTER_KEY,
    }
    assert _run(settings, "db", "upgrade").exit_code == 0
    return settings


def _run(settings: dict[str, str], *arguments: str) -> Result:
    environment = {f"AKI_{name.upper()}": value for name, value in settings.items()}
    return CliRunner().invoke(main, list(arguments), env=environment)


def _listed(settings: dict[str, str]) -> list[tuple[str, str]]:
    rows = json.loads(_run(settings, "keys", "list", "--json").stdout)
    return [(row["kid"], row["state"]) for row in rows]


def test_the_commands_publish_then_retire_and_write_it_down(installation, tmp_path: Path) -> None:
    nothing = _run(installation, "keys", "rotate")
    assert nothing.exit_code == 1
    first = _run(installation, "keys", "rotate", "--alg", "ES384", "--now", "--json")
    assert first.exit_code == 0, first.output
    old = json.loads(first.stdout)["published"][0]["kid"]
    assert _listed(installation) == [(old, "signs")]
    rotated = _run(installation, "keys", "rotate", "--json")
    new = json.loads(rotated.stdout)["published"][0]["kid"]
    assert _listed(installation) == [(old, "signs"), (new, "next")]
    assert _run(installation, "keys", "retire", old).exit_code == 1
    again = _run(installation, "keys", "rotate")
    assert again.exit_code == 1
    assert "published already" in again.stderr
    assert _run(installation, "keys", "retire", new).exit_code == 0
    assert _run(installation, "keys", "rotate", "--now").exit_code == 0
    assert [state for _, state in _listed(installation)] == ["published", "signs"]
    assert _run(installation, "keys", "retire", old).exit_code == 0
    assert [state for _, state in _listed(installation)] == ["signs"]
    engine = open_engine(f"sqlite:///{tmp_path / 'aki.sqlite3'}")
    events = list(AuditTrail(engine, lambda: None).events())
    engine.dispose()
    outcomes = [event["outcome"] for event in events if event["action"] == "key-changed"]
    assert outcomes == ["published", "published", "retired", "published", "retired"]
    assert all('"d"' not in json.dumps(event) for event in events)


def test_the_commands_show_no_private_part_and_name_a_lost_master_key(installation) -> None:
    shown = _run(installation, "keys", "rotate", "--alg", "RS384", "--now", "--json").stdout
    assert not {"d", "p", "q"} & set(json.loads(shown)["published"][0])
    lost = _run({**installation, "master_key": "another master key of enough length"}, "keys", "list")
    assert lost.exit_code == 1
    assert "AKI_MASTER_KEY" in lost.stderr
    assert _run(installation, "keys", "retire", "unknown").exit_code == 1
    assert _run(installation, "keys", "reseal", "--json").exit_code == 0
