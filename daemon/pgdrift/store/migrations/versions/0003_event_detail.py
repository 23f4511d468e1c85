"""What more is known of a change than the line of the timeline that tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("event", sa.Column("detail", sa.Text(), nullable=True))
