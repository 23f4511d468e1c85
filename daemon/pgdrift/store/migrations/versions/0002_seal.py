"""The key that secrets are sealed with: made once, for each store its own."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    seal = op.create_table(
        "seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seal"),
    )
    op.bulk_insert(seal, [{"id": 1, "key": secrets.token_bytes(32)}])
