"""Launches without a patient: the patients opened from one share its token; its last search."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("launch_session", sa.Column("parent_id", sa.String(32), nullable=True))
    op.create_index("ix_launch_session_parent_id", "launch_session", ["parent_id"])
    op.create_table(
        "opened_patient",
        sa.Column("launch_id", sa.String(32), primary_key=True),
        sa.Column("parent_id", sa.String(32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_opened_patient_parent_id", "opened_patient", ["parent_id"])
    op.create_table(
        "patient_search",
        sa.Column("launch_id", sa.String(32), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("patient_search")
    op.drop_table("opened_patient")
    # A row of an opened patient may stay: its empty browser_hash fits no cookie, so the release before opens it to nobody.
    op.drop_index("ix_launch_session_parent_id", "launch_session")
    with op.batch_alter_table("launch_session") as table:
        table.drop_column("parent_id")
