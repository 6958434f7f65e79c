"""What a clinician was shown and may have written: kept sealed, and sent at most once.

The preview stores the very resource it shows; the click names it. Of several clicks (a double click, a reload,
two workers) the database lets exactly one through.
"""

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Engine, delete, false, select, update
from sqlalchemy.orm import Session

from app.launched.sessions import Clock
from app.storage.encryption import SealedBox
from app.storage.tables import WriteDraftRow

State = Literal["draft", "writing", "written", "refused", "unconfirmed"]
_STATES: Final[dict[str, State]] = {state: state for state in get_args(State)}
_DRAFT_ID: Final = re.compile(r"[A-Za-z0-9_\-]{32}")  # as `keep` makes them
_KEPT_FOR: Final = timedelta(hours=12)
#: A worker that died while writing: nobody knows whether the EHR has it.
_LOST_AFTER: Final = timedelta(seconds=60)


class DraftMissing(Exception):
    """There is no such draft in this launch, or it is too old."""

    code = "write-draft-missing"


@dataclass(frozen=True, slots=True)
class Draft:
    """One resource, why it has this form, and what became of it."""

    id: str
    kind: str
    whose: str = field(repr=False)
    why_this_form: str
    resource: dict[str, Any] = field(repr=False)
    identifiable: bool = False
    same_as: str = ""
    state: State = "draft"
    reference: str | None = None
    verified: bool | None = None
    altered: tuple[str, ...] = ()
    existed: bool = False
    words: str = field(default="", repr=False)
    settled_at: datetime | None = None

    @property
    def may_be_sent(self) -> bool:
        """Again only where the EHR said no, or where a second copy would be found before it is made."""
        return self.state in ("draft", "refused") or (self.state == "unconfirmed" and self.identifiable)


class WriteDrafts:
    """Drafts of all launches."""

    def __init__(self, engine: Engine, box: SealedBox, clock: Clock) -> None:
        self._engine = engine
        self._box = box
        self._clock = clock

    def keep(
        self,
        launch_id: str,
        *,
        kind: str,
        whose: str,
        why_this_form: str,
        resource: dict[str, Any],
        identifiable: bool,
        same_as: str,
    ) -> Draft:
        """Store a new draft, and clear away old ones. `whose` names the patient on the page of the result."""
        draft = Draft(secrets.token_urlsafe(24), kind, whose, why_this_form, resource, identifiable, same_as)
        now = self._clock()
        with Session(self._engine) as db, db.begin():
            db.execute(delete(WriteDraftRow).where(WriteDraftRow.expires_at <= now))
            db.add(
                WriteDraftRow(
                    id=draft.id,
                    launch_id=launch_id,
                    state=draft.state,
                    sealed=self._seal(draft),
                    expires_at=now + _KEPT_FOR,
                )
            )
        return draft

    def open(self, draft_id: str, launch_id: str) -> Draft:
        """A draft of this launch. Raises DraftMissing."""
        if not _DRAFT_ID.fullmatch(draft_id):  # never asked of a database: PostgreSQL fails at a NUL
            raise DraftMissing
        with Session(self._engine) as db:
            row = db.get(WriteDraftRow, draft_id)
            if row is None or row.launch_id != launch_id or row.expires_at <= self._clock():
                raise DraftMissing
            return self._draft(row)

    def claim(self, draft: Draft) -> bool:
        """Whether this click is the one that sends it."""
        stale = WriteDraftRow.claimed_at.is_(None) | (WriteDraftRow.claimed_at <= self._clock() - _LOST_AFTER)
        held = (WriteDraftRow.state == "writing") & stale if draft.state == "unconfirmed" else false()
        mine = (WriteDraftRow.id == draft.id) & ((WriteDraftRow.state == draft.state) | held)
        with Session(self._engine) as db, db.begin():
            won = db.scalar(
                update(WriteDraftRow)
                .where(mine)
                .values(state="writing", claimed_at=self._clock())
                .returning(WriteDraftRow.id)
                .execution_options(synchronize_session=False)
            )
        return won is not None

    def settle(self, draft: Draft) -> None:
        """Keep what became of a claimed draft."""
        with Session(self._engine) as db, db.begin():
            db.execute(
                update(WriteDraftRow)
                .where(WriteDraftRow.id == draft.id)
                .values(state=draft.state, sealed=self._seal(draft))
            )

    def written_in(self, launch_id: str, kind: str) -> list[Draft]:
        """What this launch has written of a kind, oldest first."""
        of_launch = (WriteDraftRow.launch_id == launch_id) & (WriteDraftRow.state == "written")
        with Session(self._engine) as db:
            drafts = [self._draft(row) for row in db.scalars(select(WriteDraftRow).where(of_launch))]
        dated = [(d.settled_at, d) for d in drafts if d.kind == kind and d.settled_at]
        return [draft for _, draft in sorted(dated, key=lambda pair: pair[0])]

    def _seal(self, draft: Draft) -> bytes:
        return self._box.seal(msgspec.json.encode(draft), context=f"write_draft/{draft.id}")

    def _draft(self, row: WriteDraftRow) -> Draft:
        plain = self._box.open(row.sealed, context=f"write_draft/{row.id}")
        draft = msgspec.json.decode(plain, type=Draft)
        lost = row.state == "writing" and row.claimed_at and self._clock() - row.claimed_at > _LOST_AFTER
        return replace(draft, state=_STATES["unconfirmed" if lost else row.state])
