"""Holds the audit trail's end fast, checks the whole of it, and lets go of what is older than must be kept.

A chain alone does not show that its last lines were cut off. A daily anchor does: number and hash of a line, in
the database and in a file beside it, which belongs on another machine (a log collector, a backup, paper).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select
from sqlalchemy.orm import Session

from app.auditing.trail import FIRST_HASH, AuditEvent, append, chain_hash, last_place, rows_in_order
from app.storage.tables import AuditAnchorRow, AuditEventRow
from app.storage.turns import serialized

DAILY: Final = "daily"
PURGED: Final = "purged"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line of the chain that must be there, with this hash."""

    seq: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first line that does not hold, and why (a code)."""

    seq: int
    reason: str


class AnchorFileUnreadable(Exception):
    """The anchor file is there but holds a line that is no anchor."""


def verify(engine: Engine, anchor_file: Path | None = None) -> ChainBreak | None:
    """The first break of the chain or against an anchor, or None when all holds. Raises AnchorFileUnreadable."""
    with Session(engine) as db:
        anchors = db.scalars(select(AuditAnchorRow)).all()
    start = max((row for row in anchors if row.kind == PURGED), key=lambda row: row.seq, default=None)
    seq, previous = (start.seq, start.hash) if start else (0, FIRST_HASH)
    held = {row.seq: row.hash for row in anchors if row.kind == DAILY and row.seq > seq}
    filed = {anchor.seq: anchor.hash for anchor in _filed(anchor_file) if anchor.seq > seq}
    awaited = f'"{seq}:{previous}"' if start else None  # the purge's own line, further on in the chain
    for row in rows_in_order(engine):
        seq += 1
        if (broken := _misfit(row, seq, previous)) is not None:
            return ChainBreak(seq, broken)
        if held.pop(seq, row.hash) != row.hash or filed.pop(seq, row.hash) != row.hash:
            return ChainBreak(seq, "differs-from-anchor")
        if awaited is not None and '"action":"trail-purged"' in row.body and awaited in row.body:
            awaited = None
        previous = row.hash
    if held or filed:
        return ChainBreak(seq + 1, "end-cut-off")
    if awaited is not None:
        return ChainBreak((start.seq if start else 0) + 1, "start-cut-off")
    return None


def anchor_now(engine: Engine, now: datetime, anchor_file: Path | None) -> Anchor | None:
    """Hold the last line fast, in the database and in the file. None for an empty trail or one held already."""
    with serialized(engine) as connection:
        seq, digest = last_place(connection)
        known = connection.scalar(select(func.max(AuditAnchorRow.seq)))
        if seq == 0 or known == seq:
            return None
        row = {"seq": seq, "kind": DAILY, "hash": digest, "at": now}
        connection.execute(insert(AuditAnchorRow), row)
    anchor = Anchor(seq, digest, now)
    if anchor_file is not None:
        _write(anchor_file, anchor)
    return anchor


def purge_before(engine: Engine, before: datetime, *, now: datetime, who: str) -> int:
    """Let go of lines older than `before`, and write that down in the same transaction; how many went."""
    with serialized(engine) as connection:
        last = _last_before(connection, before)
        if last is None:
            return 0
        purged = AuditEvent("trail-purged", f"{last.seq}:{last.hash}", who=who)
        append(connection, purged, now)
        gone = connection.execute(delete(AuditEventRow).where(AuditEventRow.seq <= last.seq)).rowcount
        connection.execute(delete(AuditAnchorRow).where(AuditAnchorRow.seq <= last.seq))
        row = {"seq": last.seq, "kind": PURGED, "hash": last.hash, "at": now}
        connection.execute(insert(AuditAnchorRow), row)
    return gone


def set_aside_later_anchors(engine: Engine, anchor_file: Path, now: datetime) -> int:
    """After a restore: keep the filed anchors of lines the trail has, the whole file under another name; how many
    were set aside. Raises AnchorFileUnreadable."""
    filed = list(_filed(anchor_file))
    with engine.connect() as connection:
        last, _ = last_place(connection)
    later = [anchor for anchor in filed if anchor.seq > last]
    if later:
        anchor_file.rename(anchor_file.with_name(f"{anchor_file.name}.before-restore-{now:%Y%m%dT%H%M%S}"))
        for anchor in filed:
            if anchor.seq <= last:
                _write(anchor_file, anchor)
    return len(later)


def _last_before(connection: Connection, before: datetime) -> Row[int, str] | None:
    """The line before the first that must be kept: a clock that jumped never lets a younger line go."""
    kept = connection.scalar(select(func.min(AuditEventRow.seq)).where(AuditEventRow.at >= before))
    asked = select(AuditEventRow.seq, AuditEventRow.hash).order_by(AuditEventRow.seq.desc()).limit(1)
    return connection.execute(asked if kept is None else asked.where(AuditEventRow.seq < kept)).first()


def _misfit(row: AuditEventRow, seq: int, previous: str) -> str | None:
    if row.seq != seq:
        return "line-missing"
    if row.previous_hash != previous:
        return "chain-broken"
    if row.hash != chain_hash(previous, row.body):
        return "line-changed"
    return None if _moment_in(row.body) == row.at else "time-changed"


def _moment_in(body: str) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(body)["at"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError):
        return None


def _filed(path: Path | None) -> Iterator[Anchor]:
    if path is None or not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found = json.loads(line)
            yield Anchor(int(found["seq"]), str(found["hash"]), datetime.fromisoformat(found["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise AnchorFileUnreadable(path.name) from error


def _write(path: Path, anchor: Anchor) -> None:
    """Append one line and put it on the disk; the file is made readable by its owner only."""
    line = json.dumps({"seq": anchor.seq, "hash": anchor.hash, "at": anchor.at.astimezone(UTC).isoformat()})
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
