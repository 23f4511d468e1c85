"""Runs two migrations with Alembic: `python migrate_alembic.py FOLDER`. The second waits.

The database is named by PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.
"""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("postgresql+psycopg://").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""

folder = Path(sys.argv[1])
(folder / "versions").mkdir()
(folder / "env.py").write_text(ENV, encoding="utf-8")
waits = f"select pg_advisory_xact_lock({os.environ['WAITS_FOR']})"
for revision, down, sql in (("a1", None, "create table a (id int)"), ("b2", "a1", waits)):
    text = f"""
from alembic import op
revision, down_revision = {revision!r}, {down!r}
def upgrade():
    op.execute({sql!r})
"""
    (folder / "versions" / f"{revision}.py").write_text(text, encoding="utf-8")
config = Config()
config.set_main_option("script_location", str(folder))
command.upgrade(config, "head")
