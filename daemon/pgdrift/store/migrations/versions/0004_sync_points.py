"""Sync points tell how they came about and can be undone; what was seen when, and migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Alembic makes no column that refers to a table on SQLite, which itself can.
_REFERS = """
ALTER TABLE sync_point ADD COLUMN {name} INTEGER
CONSTRAINT fk_sync_point_{name}_snapshot REFERENCES snapshot (id)
"""

_SEEN = """
UPDATE snapshot SET seen = TRUE WHERE id IN (
    SELECT snapshot_id FROM environment WHERE snapshot_id IS NOT NULL
    UNION SELECT snapshot_id FROM sync_point
)
"""


def upgrade() -> None:
    op.add_column("snapshot", sa.Column("seen", sa.Boolean(), nullable=False, server_default="0"))
    op.execute(_SEEN)
    for name, usual in (("how", "declared"), ("migration", ""), ("settled", "[]")):
        op.add_column(
            "sync_point", sa.Column(name, sa.Text(), nullable=False, server_default=usual)
        )
    op.execute("UPDATE sync_point SET how = 'first_look' WHERE actor = 'pgdrift'")
    for name in ("before_id", "expected_id"):
        op.execute(_REFERS.format(name=name))
        op.create_index(f"ix_sync_point_{name}", "sync_point", [name])
    op.add_column("sync_point", sa.Column("undone_at", sa.BigInteger(), nullable=True))
    for name in ("undone_by", "undone_reason"):
        op.add_column("sync_point", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "applied",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("expected_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name="fk_applied_snapshot_id_snapshot"
        ),
        sa.ForeignKeyConstraint(
            ["expected_id"], ["snapshot.id"], name="fk_applied_expected_id_snapshot"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_applied"),
    )
    op.create_index("ix_applied_at", "applied", ["at"])
    op.create_index("ix_applied_environment_id", "applied", ["environment", "id"])
    op.create_index("ix_applied_snapshot_id", "applied", ["snapshot_id"])
    op.create_index("ix_applied_expected_id", "applied", ["expected_id"])
