"""What the model predicted, and what came of it."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "prediction",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("ehr_id", sa.String(40), nullable=False),
        sa.Column("patient_ref", sa.String(32), nullable=False),
        sa.Column("predicted_at", UtcDateTime(), nullable=False),
        sa.Column("landmark_at", UtcDateTime(), nullable=False),
        sa.Column("head", sa.String(12), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("recalibration", sa.String(64), nullable=True),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("refused_units", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("event_at", UtcDateTime(), nullable=True),
        sa.Column("died_at", UtcDateTime(), nullable=True),
        sa.Column("dialysis_at", UtcDateTime(), nullable=True),
    )
    op.create_index("ix_prediction_patient_ref_outcome", "prediction", ["patient_ref", "outcome"])
    op.create_index("ix_prediction_ehr_id_predicted_at", "prediction", ["ehr_id", "predicted_at"])
    op.create_index("ix_prediction_predicted_at", "prediction", ["predicted_at"])


def downgrade() -> None:
    op.drop_table("prediction")
