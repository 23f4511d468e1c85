"""Brings the tables of an open store to this program's schema, in the caller's transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from pgdrift.errors import StoreError

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Run the migrations that this store has not seen.

    Raises StoreError (too_new) when a newer program has been at work on it.
    """
    config = Config()
    # Alembic expands %-signs in its settings, and a path may hold one.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {r.revision for r in script.walk_revisions()}:
        raise StoreError(
            f"the store was written by a newer pgdrift (schema {current})",
            reason="too_new",
            hint="run that version or a later one; this one would not understand what it finds",
        )
    command.upgrade(config, "head")
