"""Cards shown and held back, and what became of them."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "cds_card",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ehr_id", sa.String(40), nullable=False),
        sa.Column("service_id", sa.String(40), nullable=False),
        sa.Column("topic", sa.String(40), nullable=True),
        sa.Column("indicator", sa.String(8), nullable=True),
        sa.Column("silence", sa.String(60), nullable=True),
        sa.Column("stage", sa.Integer(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("score_category", sa.String(16), nullable=True),
        sa.Column("model_sha256", sa.String(64), nullable=True),
        sa.Column("patient_ref", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=True),
    )
    op.create_index("ix_cds_card_at", "cds_card", ["at"])
    op.create_index("ix_cds_card_patient_ref_at", "cds_card", ["patient_ref", "at"])
    op.create_table(
        "cds_feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("card_uuid", sa.String(64), nullable=False),
        sa.Column("ehr_id", sa.String(40), nullable=False),
        sa.Column("service_id", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("outcome_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("matched", sa.Boolean(), nullable=False),
        sa.Column("reason_system", sa.String(200), nullable=True),
        sa.Column("reason_code", sa.String(200), nullable=True),
        sa.Column("suggestions", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
    )
    op.create_index("ix_cds_feedback_card_uuid", "cds_feedback", ["card_uuid"])
    op.create_index("ix_cds_feedback_received_at", "cds_feedback", ["received_at"])


def downgrade() -> None:
    op.drop_table("cds_feedback")
    op.drop_table("cds_card")
