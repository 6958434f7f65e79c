"""What the last judgement of the predictions came to, for the metrics."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "judged_prediction",
        sa.Column("ehr_id", sa.String(40), primary_key=True),
        sa.Column("head", sa.String(12), primary_key=True),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("judged_at", UtcDateTime(), nullable=False),
        sa.Column("predictions", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("alarms", sa.Integer(), nullable=False),
        sa.Column("observed_over_expected", sa.Float(), nullable=True),
        sa.Column("auroc", sa.Float(), nullable=True),
        sa.Column("ppv", sa.Float(), nullable=True),
        sa.Column("alert_rate", sa.Float(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("judged_prediction")
