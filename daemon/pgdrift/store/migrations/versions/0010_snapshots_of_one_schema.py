"""The oids of a snapshot beside its pages, which databases of one schema then share."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("snapshot", sa.Column("oids", sa.LargeBinary(), nullable=True))
    op.add_column("snapshot", sa.Column("objects", sa.Integer(), nullable=True))
