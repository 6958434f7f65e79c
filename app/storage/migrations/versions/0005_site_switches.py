"""What each site has switched: prediction and cards, live, in shadow or off."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "site_switch",
        sa.Column("ehr_id", sa.String(40), primary_key=True),
        sa.Column("part", sa.String(12), primary_key=True),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("switched_at", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("site_switch")
