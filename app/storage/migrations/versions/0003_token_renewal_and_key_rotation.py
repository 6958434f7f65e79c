"""Renewing a launch's token once across workers; signing keys that follow one another."""

import sqlalchemy as sa
from alembic import op

from app.storage.tables import UtcDateTime

revision = "0003"
down_revision = "0002"

# Of each algorithm the last key whose time has come: the first may be retired, the next not yet fetched by an EHR.
_MARK_THE_KEY_THAT_SIGNS_NOW = """
UPDATE signing_key SET active = 1 WHERE kid IN (
  SELECT kid FROM (
    SELECT kid, row_number() OVER (
      PARTITION BY alg ORDER BY signs_from > CURRENT_TIMESTAMP, signs_from DESC, created_at DESC
    ) AS place FROM signing_key
  ) AS ordered WHERE place = 1
)
"""


def upgrade() -> None:
    with op.batch_alter_table("launch_session") as table:
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("renewing_until", UtcDateTime(), nullable=True))
    op.drop_index("one_active_key_per_alg", "signing_key")
    with op.batch_alter_table("signing_key") as table:
        table.add_column(sa.Column("succeeds", sa.String(64), nullable=False, server_default=""))
        table.add_column(sa.Column("signs_from", UtcDateTime(), nullable=True))
    op.execute("UPDATE signing_key SET signs_from = created_at")
    op.execute("UPDATE signing_key SET succeeds = kid WHERE active <> 1")
    with op.batch_alter_table("signing_key") as table:
        table.alter_column("signs_from", existing_type=UtcDateTime(), nullable=False)
        table.alter_column("succeeds", existing_type=sa.String(64), server_default=None)
        table.create_unique_constraint("one_successor_per_key", ["alg", "succeeds"])
        table.drop_column("active")


def downgrade() -> None:
    with op.batch_alter_table("signing_key") as table:
        table.add_column(sa.Column("active", sa.Integer(), nullable=False, server_default="0"))
    op.execute(_MARK_THE_KEY_THAT_SIGNS_NOW)
    with op.batch_alter_table("signing_key") as table:
        table.drop_constraint("one_successor_per_key", type_="unique")
        table.drop_column("succeeds")
        table.drop_column("signs_from")
    op.create_index(
        "one_active_key_per_alg",
        "signing_key",
        ["alg"],
        unique=True,
        sqlite_where=sa.text("active = 1"),
        postgresql_where=sa.text("active = 1"),
    )
    with op.batch_alter_table("launch_session") as table:
        table.drop_column("renewing_until")
        table.drop_column("version")
