"""A server to try things on in, fresh and empty databases on it out.

Either one that the settings name, or one of our own, started when it is first asked for and
stopped with the process. Knows nothing of what the databases are for.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from pgdrift.core.names import quote_ident
from pgdrift.errors import WITH_DEMO, ConfigError, SourceError
from pgdrift.log import get_logger
from pgdrift.sources.connection import Connection, connection, translated
from pgdrift.sources.dsn import at_database, describe, to_url
from pgdrift.sources.embedded import EmbeddedServer, find_binaries

log = get_logger("sources.scratch")

ROLE = "pgdrift_scratch"
"""Who works on a server of our own: nobody that a schema would name."""

# A name says when the database was made, for PostgreSQL does not.
_NAME = re.compile(r"pgdrift_scratch_([0-9a-f]{8,})_[0-9a-f]{8}")
_LEFT_OVER_SECONDS = 24 * 3600
# What is on it needs to survive nothing.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "lc_messages": "C",
    # Nothing that is tried here may reach for other servers.
    "max_logical_replication_workers": "0",
}
# Equal on every server, whatever its own databases have. Only the C locale goes with any.
_LIKE = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"


@dataclass(slots=True)
class Scratch:
    """The scratch server of a process; what it starts, `close` stops.

    `dsn` gives a connection URL, asked at each use so that secrets can rotate; its role needs
    CREATEDB. Without it, and where `embedded` allows it, a server of our own is started, from
    `binaries` where they are given.
    """

    dsn: Callable[[], str] | None = None
    embedded: bool = True
    binaries: Path | None = None
    # Roles belong to a whole server: who makes some, or looks for them, holds this.
    alone: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _server: EmbeddedServer | None = field(default=None, repr=False)
    _tidied: bool = field(default=False, repr=False)

    @property
    def own(self) -> bool:
        """Whether the server is one of our own, on which anything may be done."""
        return self.dsn is None

    def missing(self) -> str:
        """Say why there can be no scratch server; empty when there can be one."""
        try:
            if self.dsn is None and self.embedded:
                find_binaries(self.binaries)
        except ConfigError as error:
            return str(error.args[0])
        return "" if self.dsn or self.embedded else "none is configured, and none may be started"

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Give the connection URL of a fresh, empty database, which is dropped afterwards.

        Raises ConfigError where there is no scratch server, SourceError where it cannot be asked.
        """
        server = await self.server()
        name = f"pgdrift_scratch_{int(time.time()):08x}_{secrets.token_hex(4)}"
        async with administration(server) as session:
            await _create(session, name)
        try:
            yield at_database(server, name)
        finally:
            # Not to be cancelled in the middle; what stays all the same is left for a later day.
            await asyncio.shield(drop_at(server, name))

    @asynccontextmanager
    async def connection(self, *, statement_timeout: float = 60.0) -> AsyncIterator[Connection]:
        """Give a session that may write, in a fresh and empty database that goes with it.

        It prints as watching sessions do. Raises as `database` does.
        """
        async with (
            self.database() as dsn,
            connection(dsn, statement_timeout=statement_timeout) as session,
        ):
            with translated(session.where):
                await session.execute("SET default_transaction_read_only = off")
            session.settings.pop("default_transaction_read_only", None)
            yield session

    async def close(self) -> None:
        """Stop the server, if it is one of our own and was started; it may start again."""
        async with self._starting:
            server, self._server = self._server, None
            if server is not None:
                await asyncio.to_thread(server.stop)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def server(self) -> str:
        """Return the connection URL of the server, which is started and tidied if need be.

        Raises as `database` does.
        """
        if self.dsn is not None:
            dsn = self.dsn()
            if not self._tidied:
                await _tidy(dsn)
                self._tidied = True
            return to_url(dsn)
        async with self._starting:
            if self._server is None:
                self._server = await self._start()
            return self._server.dsn(user=ROLE, password=self._server.password)

    async def _start(self) -> EmbeddedServer:
        if why := self.missing():
            raise ConfigError(
                f"there is no scratch server: {why}",
                reason="usage",
                hint="name one with the setting scratch.dsn (its role needs CREATEDB), or "
                f"{WITH_DEMO}",
            )
        starting = asyncio.ensure_future(
            asyncio.to_thread(EmbeddedServer.start, SETTINGS, binaries=self.binaries)
        )
        try:
            server = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: what it starts is stopped once it is there.
            with suppress(ConfigError, SourceError):
                await asyncio.to_thread((await starting).stop)
            raise
        async with administration(server.dsn()) as session:
            await session.execute(
                f"CREATE ROLE {ROLE} SUPERUSER LOGIN PASSWORD '{server.password}'"
            )
        log.debug("scratch.started", major=server.major)
        return server


@asynccontextmanager
async def administration(dsn: str) -> AsyncIterator[Connection]:
    """Give a session on a scratch server that may write, for what concerns all its databases.

    Raises SourceError for what goes wrong inside.
    """
    async with connection(dsn) as session:
        with translated(session.where):
            await session.execute("SET default_transaction_read_only = off")
            yield session


async def _create(session: Connection, name: str) -> None:
    try:
        await session.execute(f"CREATE DATABASE {quote_ident(name)} {_LIKE}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise SourceError(
            f"the scratch server {session.where} refuses its role a database: {error}",
            reason="permission",
            hint="ALTER ROLE … CREATEDB, on that server",
        ) from error


async def drop_at(server: str, name: str) -> None:
    """Drop a database of a server, whoever is in it; what cannot be dropped is left and logged."""
    try:
        async with administration(server) as session:
            drop = f"DROP DATABASE IF EXISTS {quote_ident(name)} WITH (FORCE)"
            try:
                await session.execute(drop)
            except asyncpg.ObjectInUseError:
                await _drop_subscriptions(at_database(server, name))
                await session.execute(drop)
    except SourceError as error:
        log.info("scratch.not_dropped", database=name, reason=error.reason, error=str(error))


async def _drop_subscriptions(dsn: str) -> None:
    """Drop what keeps a database from being dropped, without a word to any publisher."""
    found = """SELECT s.subname::text FROM pg_catalog.pg_subscription s
        JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
        WHERE d.datname = pg_catalog.current_database()"""
    async with administration(dsn) as session:
        for name in [quote_ident(row[0]) for row in await session.fetch(found)]:
            await session.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
            await session.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
            await session.execute(f"DROP SUBSCRIPTION {name}")


async def _tidy(server: str) -> None:
    """Drop what processes of another day left behind: databases of our role, named as ours are."""
    found = """SELECT datname::text FROM pg_catalog.pg_database
        WHERE pg_catalog.pg_get_userbyid(datdba) = current_user"""
    async with administration(server) as session:
        for row in await session.fetch(found):
            name = _NAME.fullmatch(row[0])
            if name and time.time() - int(name[1], 16) > _LEFT_OVER_SECONDS:
                # Without force: somebody may work in it after all.
                with suppress(asyncpg.PostgresError):
                    await session.execute(f"DROP DATABASE {quote_ident(row[0])}")
                    log.info("scratch.tidied", database=row[0], server=describe(server))
