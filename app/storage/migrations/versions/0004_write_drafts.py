"""Resources shown to a clinician for writing to the EHR, and what became of them."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "write_draft",
        sa.Column("id", sa.String(43), primary_key=True),
        sa.Column("launch_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_write_draft_launch_id", "write_draft", ["launch_id"])
    op.create_index("ix_write_draft_expires_at", "write_draft", ["expires_at"])


def downgrade() -> None:
    op.drop_table("write_draft")
