"""Many databases of one schema: oids beside the pages that they share, and which were found."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("snapshot", sa.Column("oids", sa.LargeBinary(), nullable=True))
    op.add_column("environment", sa.Column("content", sa.Text(), nullable=True))
    op.create_table(
        "found",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_found"),
    )
