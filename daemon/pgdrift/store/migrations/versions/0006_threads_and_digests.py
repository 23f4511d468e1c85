"""Deliveries go to a thread of an incident, may wait, and may become one message with others."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for name, usual in (("group", ""), ("digest", ""), ("mention", "[]"), ("fallback", "[]")):
        op.add_column("delivery", sa.Column(name, sa.Text(), nullable=False, server_default=usual))
    for name in ("batch", "stands_for"):
        op.add_column("delivery", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("not_before", sa.BigInteger(), nullable=True))
    op.create_index("ix_delivery_batch", "delivery", ["batch"])
