"""Where a command may write: an environment of the configuration, or a connection URL.

In come the words of a command line, out comes a target. What is done there is another's business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pgdrift.cli import sides
from pgdrift.core.model import Snapshot
from pgdrift.errors import ConfigError

if TYPE_CHECKING:
    from pgdrift.reconcile.writing import Target
    from pgdrift.settings import Settings
    from pgdrift.sources.connection import Connection

# All objects of a large schema go through one statement.
_SECONDS = 300.0

_WHICH_DATABASE = """
SELECT CURRENT_USER::text AS role, d.oid::int8, d.datname::text,
    pg_catalog.current_setting('server_version_num')
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work is to be done: an environment of the configuration, or a DSN alone.

    `watched` is the environment's own DSN, where another was given beside it.
    """

    dsn: str = field(repr=False)
    name: str | None = None
    settings: Settings | None = None
    watched: str = field(default="", repr=False)

    @property
    def cluster(self) -> bool:
        environments = self.settings.environments if self.settings else {}
        return self.name in environments and environments[self.name].cluster


def place_of(word: str, dsn: str | None, dsn_file: Path | None, config: Path | None) -> Place:
    """Return what a word names. Raises ConfigError when it is no place to write to."""
    given = _given(dsn, dsn_file)
    if sides.is_dsn(word):
        return Place(given or word)
    settings = sides.settings(config)
    environment = settings.environments.get(word)
    if environment is None:
        known = ", ".join(settings.environments) or "none"
        msg = f"{word!r} is no connection URL, and no environment"
        raise ConfigError(msg, reason="usage", hint=f"configured are: {known}")
    if environment.snapshot is not None:
        msg = f"{word} is a file: nothing can be installed there"
        raise ConfigError(msg, reason="usage", hint="name a database")
    own = environment.read_dsn()
    watched = own if given else ""
    return Place(given or own, word, settings, watched)


def _given(dsn: str | None, dsn_file: Path | None) -> str | None:
    if dsn and dsn_file:
        raise ConfigError("--dsn and --dsn-file are both given", reason="usage", hint="give one")
    if dsn_file is None:
        return dsn
    try:
        return dsn_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        msg = f"cannot read --dsn-file {dsn_file}: {why}"
        raise ConfigError(msg, reason="unreadable", hint="put one connection URL into it") from None


@asynccontextmanager
async def target_at(place: Place, key: bytes = b"") -> AsyncIterator[Target]:
    from pgdrift.reconcile.writing import Target
    from pgdrift.sources.catalog import read_catalog
    from pgdrift.sources.connection import connection
    from pgdrift.sources.ledger_found import ledger_schemas

    async with connection(place.dsn, statement_timeout=_SECONDS) as session:

        async def read() -> Snapshot:
            own = await ledger_schemas(session)
            return await read_catalog(session, exclude_schemas=own, cluster=place.cluster, key=key)

        yield Target(session, session.where, session.settings, read)


async def watcher(place: Place, session: Connection) -> str | None:
    """Return the role that watches, where it is not the one that works here.

    Raises ConfigError when --dsn leads to another database than the environment's own DSN.
    """
    from pgdrift.sources.connection import connection, reading

    if not place.watched:
        return None
    async with connection(place.watched) as other:
        async with reading(other):
            theirs = await other.fetchrow(_WHICH_DATABASE)
        async with reading(session):
            ours = await session.fetchrow(_WHICH_DATABASE)
        if tuple(ours)[1:] != tuple(theirs)[1:]:
            msg = f"--dsn leads to {session.where}, and {place.name} is {other.where}"
            hint = "give the DSN of another role on the very same database"
            raise ConfigError(msg, reason="usage", hint=hint)
    return None if ours["role"] == theirs["role"] else str(theirs["role"])
