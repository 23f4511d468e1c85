"""Brings the tables of an open store to this program's schema, in the caller's transaction.

Before it changes what is there it keeps a copy beside the store. What a later release has changed
it refuses, and leaves as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.dialects import postgresql, sqlite

from pgdrift import __version__
from pgdrift.errors import StoreError
from pgdrift.log import get_logger
from pgdrift.store import copies, tables

log = get_logger("store")

_SCRIPTS = Path(__file__).parent / "migrations"
_opened = tables.opened_by


def upgrade(connection: Connection, alone: Callable[[], AbstractContextManager[None]]) -> None:
    """Run the migrations that this store has not seen.

    An old store is changed within `alone`, which is for a daemon of its release to be told from.
    Raises StoreError (too_new) when a newer program has been at work on it, and whatever `alone`
    or the copy raises.
    """
    config = Config()
    # Alembic expands %-signs in its settings, and a path may hold one.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    served = connection.dialect.name == "postgresql"
    if served and current != head:
        # Who comes at the same time waits, and finds it done.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("pgdrift upgrade"))))
        current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        command.upgrade(config, "head")
    elif current != head:
        if current not in {r.revision for r in script.walk_revisions()}:
            raise _too_new(connection, current)
        with alone():
            # A server's backups are its own; and there the change is kept whole or not at all.
            copy = None if served else copies.keep(str(connection.engine.url.database))
            command.upgrade(config, "head")
        log.info("store.upgraded", before=current, now=head, copy=str(copy))
    _note(connection)


def _note(connection: Connection) -> None:
    """Keep that this release works on the store from now on."""
    values = {"version": __version__, "at": datetime.now(UTC)}
    if connection.dialect.name == "postgresql":
        known = select(_opened.c.version).where(_opened.c.version == __version__)
        if connection.execute(known).first() is None:  # else a reader would have to write
            connection.execute(postgresql.insert(_opened).values(values).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(_opened).values(values).on_conflict_do_nothing())


def _too_new(connection: Connection, schema: str) -> StoreError:
    by = f"pgdrift {_latest(connection) or 'of a later release'} (schema {schema})"
    path = connection.engine.url.database
    copy = copies.beside(str(path)) if path else None
    back = (
        f"; or put its copy {copy} in its place: docs/upgrade.md" if copy and copy.exists() else ""
    )
    return StoreError(
        f"the store was written by {by}, a newer one than this, which is {__version__}",
        reason="too_new",
        hint=f"run that release or a later one{back}",
    )


def _latest(connection: Connection) -> str | None:
    """Return the release that came to this store last, as far as the tables still tell."""
    if not inspect(connection).has_table(_opened.name):
        return None
    found = connection.execute(select(_opened.c.version).order_by(_opened.c.at.desc()).limit(1))
    return found.scalar_one_or_none()
