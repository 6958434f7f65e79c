"""The record of cards: each one shown or held back, and each silence after an assessment, with reason and score.

Written in the transaction of the audit trail, before the answer leaves; read again for the silence windows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, Engine, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.storage.encryption import SealedBox
from app.storage.tables import CdsCardRow, CdsFeedbackRow
from cds_hooks.case import Case
from cds_hooks.decision import CardKind, Indicator
from cds_hooks.errors import HistoryUnavailable
from cds_hooks.feedback import CardOutcome
from cds_hooks.record import CardShown, CdsEvent, ShownBefore

_MOST_REMEMBERED: Final = 200
_OVERRIDDEN: Final = (
    exists()
    .where(CdsFeedbackRow.card_uuid == CdsCardRow.uuid, CdsFeedbackRow.ehr_id == CdsCardRow.ehr_id)
    .where(CdsFeedbackRow.outcome == CardOutcome.OVERRIDDEN.value, CdsFeedbackRow.reason_code.is_not(None))
    .label("overridden")
)


class CardRecord:
    """Writes and reads `cds_card`. Patients are kept as pseudonyms."""

    def __init__(self, engine: Engine, box: SealedBox) -> None:
        self._engine = engine
        self._box = box
        dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._insert = dialect.insert(CdsCardRow).on_conflict_do_nothing(index_elements=["uuid"])

    def write(self, connection: Connection, event: CdsEvent) -> None:
        """Every card of a call; of a call tried again nothing, for its cards have the same uuids."""
        rows = list(self._rows(event))
        if rows:
            connection.execute(self._insert, rows)

    def shown_before(
        self, *, ehr_id: str, patient_id: str, user_id: str | None, since: datetime
    ) -> Sequence[ShownBefore]:
        """`cds_hooks.record.CardHistory`. Raises HistoryUnavailable."""
        card = CdsCardRow
        asked = (
            select(card.uuid, card.topic, card.indicator, card.stage, card.at, card.score, _OVERRIDDEN)
            .where(card.patient_ref.in_(self._box.pseudonyms(_identity(ehr_id, patient_id))))
            .where(card.at >= since, card.topic.is_not(None), card.silence.is_(None))
            .order_by(card.at.desc())
            .limit(_MOST_REMEMBERED)
        )
        if user_id is not None:
            asked = asked.where(card.user_id == user_id)
        try:
            with self._engine.connect() as connection:
                found = connection.execute(asked).all()
        except SQLAlchemyError as problem:
            raise HistoryUnavailable from problem
        return [
            ShownBefore(
                one.uuid,
                CardKind(one.topic),
                Indicator(one.indicator),
                one.stage,
                one.at,
                one.score,
                one.overridden,
            )
            for one in found
        ]

    def _rows(self, event: CdsEvent) -> Iterator[dict[str, Any]]:
        if event.case is None or event.patient_id is None:
            return
        common = self._common(event, event.case, event.patient_id)
        for shown in event.cards:
            yield {**common, **_of_card(shown), "silence": None}
        for withheld in event.withheld:
            yield {**common, **_of_card(withheld.card), "silence": withheld.reason}
        if not event.cards and not event.withheld:
            yield {
                **common,
                "uuid": _silence_uuid(event),
                "topic": None,
                "indicator": None,
                "silence": event.reason,
            }

    def _common(self, event: CdsEvent, case: Case, patient_id: str) -> Mapping[str, Any]:
        return {
            "at": event.at,
            "ehr_id": event.ehr_id,
            "service_id": event.service_id,
            "stage": case.stage,
            "score": case.score,
            "score_category": case.score_category,
            "model_sha256": event.model_sha256,
            "patient_ref": self._box.pseudonyms(_identity(event.ehr_id, patient_id))[0],
            "user_id": event.user_id,
        }


def _identity(ehr_id: str, patient_id: str) -> str:
    return f"{ehr_id}|{patient_id}"


def _of_card(card: CardShown) -> dict[str, str]:
    return {"uuid": card.uuid, "topic": card.kind.value, "indicator": card.indicator.value}


def _silence_uuid(event: CdsEvent) -> str:
    call = "|".join((event.ehr_id, event.service_id, event.hook_instance or "", event.patient_id or ""))
    return str(uuid5(NAMESPACE_URL, f"{call}#silence"))
