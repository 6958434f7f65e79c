"""The tables. Changing one needs a migration (`app/storage/migrations/versions`); a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware instant, stored in UTC: SQLite keeps no offset of its own."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """TIMESTAMP WITH TIME ZONE where the database has it."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; without offset on SQLite. A naive time is a bug and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Back to an aware time in UTC."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table."""


class PendingLaunchRow(Base):
    """A launch sent to the EHR and not yet back. Holds hashes of `state` and cookie; the rest is sealed."""

    __tablename__ = "pending_launch"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    launch_id: Mapped[str] = mapped_column(String(32))
    ehr_id: Mapped[str] = mapped_column(String(40))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class LaunchSessionRow(Base):
    """One launch, one patient. Tokens and context are sealed; the cookie is kept as a hash only.

    A patient opened from a launch without one has that launch as `parent_id`, and neither cookie nor token of its
    own: `browser_hash` is empty.
    """

    __tablename__ = "launch_session"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    ehr_id: Mapped[str] = mapped_column(String(40), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Counts renewals of the token: who renews compares it, so one renewal never overwrites another."""
    renewing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """While a worker renews the token; the others wait. Runs out by itself if that worker dies."""
    parent_id: Mapped[str | None] = mapped_column(String(32), index=True)


class OpenedPatientRow(Base):
    """A patient opened from a launch without one, as the worklist shows it, sealed. `at`: last seen, or opened."""

    __tablename__ = "opened_patient"

    launch_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The patient's own launch; `parent_id` is the one it was opened from."""
    parent_id: Mapped[str] = mapped_column(String(32), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class PatientSearchRow(Base):
    """What the last search of a launch without a patient brought, sealed; never what was typed."""

    __tablename__ = "patient_search"

    launch_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class CdsJtiRow(Base):
    """A CDS caller's JWT already used (hash of issuer and jti), kept until an hour after the JWT has expired."""

    __tablename__ = "cds_jti"

    jti_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SigningKeyRow(Base):
    """A private key of the client, sealed. Keys of one algorithm form a chain: each is followed by one at most."""

    __tablename__ = "signing_key"
    __table_args__ = (UniqueConstraint("alg", "succeeds", name="one_successor_per_key"),)

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    alg: Mapped[str] = mapped_column(String(8))
    succeeds: Mapped[str] = mapped_column(String(64))
    """The `kid` of the key before; empty for the first."""
    signs_from: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditEventRow(Base):
    """One line of the audit trail; `hash` covers `previous_hash` and `body`, so no line can change or vanish."""

    __tablename__ = "audit_event"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    body: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditAnchorRow(Base):
    """A place of the chain held fast. `daily`: must still be there. `purged`: all up to here was let go."""

    __tablename__ = "audit_anchor"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobLeaseRow(Base):
    """Who runs a scheduled job now, until when at the latest, and when it last finished."""

    __tablename__ = "job_lease"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    held_until: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SiteStateRow(Base):
    """What was last seen of something that is audited when it changes, such as the configuration's digest."""

    __tablename__ = "site_state"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class WriteDraftRow(Base):
    """A resource shown for writing to an EHR, sealed. `state` decides who may send it."""

    __tablename__ = "write_draft"

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    launch_id: Mapped[str] = mapped_column(String(32), index=True)
    state: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SiteSwitchRow(Base):
    """What a site has switched: its prediction or its cards, live, in shadow or off; why, when and by whom."""

    __tablename__ = "site_switch"

    ehr_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    part: Mapped[str] = mapped_column(String(12), primary_key=True)
    mode: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200))
    who: Mapped[str] = mapped_column(String(80))
    switched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CdsCardRow(Base):
    """A card shown or held back, or a silence after an assessment. No clinical value but stage and score.

    `uuid` is the card's own, the same when a call is tried again. `topic` is empty where there was nothing to say,
    `silence` where the card was shown. `patient_ref` is a pseudonym: a keyed hash.
    """

    __tablename__ = "cds_card"
    __table_args__ = (Index("ix_cds_card_patient_ref_at", "patient_ref", "at"),)

    uuid: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ehr_id: Mapped[str] = mapped_column(String(40))
    service_id: Mapped[str] = mapped_column(String(40))
    topic: Mapped[str | None] = mapped_column(String(40))
    indicator: Mapped[str | None] = mapped_column(String(8))
    silence: Mapped[str | None] = mapped_column(String(60))
    stage: Mapped[int | None] = mapped_column(Integer)
    score: Mapped[float | None] = mapped_column(Float)
    score_category: Mapped[str | None] = mapped_column(String(16))
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    patient_ref: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[str | None] = mapped_column(String(256))


class CdsFeedbackRow(Base):
    """What became of a card. `id` is a digest of all of it but the comment, so that a repeat is stored once.

    `matched`: the card was known here when the feedback came. `sealed` is the user's comment.
    """

    __tablename__ = "cds_feedback"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    card_uuid: Mapped[str] = mapped_column(String(64), index=True)
    ehr_id: Mapped[str] = mapped_column(String(40))
    service_id: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(10))
    outcome_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    matched: Mapped[bool] = mapped_column(Boolean)
    reason_system: Mapped[str | None] = mapped_column(String(200))
    reason_code: Mapped[str | None] = mapped_column(String(200))
    suggestions: Mapped[str] = mapped_column(Text)
    """The accepted suggestions' uuids, separated by spaces."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class PredictionRow(Base):
    """One prediction: the first look at a patient after a creatinine became known, and what came of it.

    `id` is a digest of patient, head, landmark and model, so a second look stores nothing. `landmark_at` is when
    the newest creatinine was taken. `sealed` says in which tenth of the training patients each input lay, and
    nothing more exact; it is empty where the model came without tenths.
    """

    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_patient_ref_outcome", "patient_ref", "outcome"),
        Index("ix_prediction_ehr_id_predicted_at", "ehr_id", "predicted_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    ehr_id: Mapped[str] = mapped_column(String(40))
    patient_ref: Mapped[str] = mapped_column(String(32))
    predicted_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    landmark_at: Mapped[datetime] = mapped_column(UtcDateTime)
    head: Mapped[str] = mapped_column(String(12))
    probability: Mapped[float] = mapped_column(Float)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    category: Mapped[str] = mapped_column(String(16))
    model_sha256: Mapped[str] = mapped_column(String(64))
    recalibration: Mapped[str | None] = mapped_column(String(64))
    mode: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(8))
    refused_units: Mapped[int] = mapped_column(Integer)
    """Results of this chart whose unit was not understood or contradicted the code."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    outcome: Mapped[str] = mapped_column(String(16))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    died_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dialysis_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JudgedPredictionRow(Base):
    """What the last judgement said of a site and head: its newest month that could be judged, for the metrics."""

    __tablename__ = "judged_prediction"

    ehr_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    head: Mapped[str] = mapped_column(String(12), primary_key=True)
    month: Mapped[str] = mapped_column(String(7))
    judged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    predictions: Mapped[int] = mapped_column(Integer)
    known: Mapped[int] = mapped_column(Integer)
    alarms: Mapped[int] = mapped_column(Integer)
    """Of the last three months."""
    observed_over_expected: Mapped[float | None] = mapped_column(Float)
    auroc: Mapped[float | None] = mapped_column(Float)
    ppv: Mapped[float | None] = mapped_column(Float)
    alert_rate: Mapped[float | None] = mapped_column(Float)
