"""A DSN in, a session out that can only read, with the same settings wherever it is.

What holds for a session is asked for at its start; what a reading depends on is set again inside
its transaction, because a pooler may refuse or lose the first.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType

import asyncpg

from pgdrift.errors import ConfigError, SourceError
from pgdrift.sources.dsn import describe, to_url, without_tls
from pgdrift.sources.refusals import translated

__all__ = ["Connection", "connect", "connection", "describe", "reading", "translated"]

OLDEST = 130000

_IS_THERE_TLS = struct.pack("!ii", 8, 80877103)

# Where a pooler took no settings, the database's own search_path holds: so each name says where it
# is from.
_WHO = """
SELECT pg_catalog.version(),
    pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS number
"""

# All that changes how a server prints its catalog, or whether a reading may harm it.
_SETTINGS = {
    "search_path": "",
    "default_transaction_read_only": "on",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "xmlbinary": "base64",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "jit": "off",
    # A look is nobody's emergency: it takes one process of the watched server and no more.
    "max_parallel_workers_per_gather": "0",
}

# What bounds a session, and says nothing of how values read.
_LIMITS = frozenset(
    """
    search_path default_transaction_read_only statement_timeout lock_timeout
    idle_in_transaction_session_timeout application_name client_connection_check_interval
    """.split()
)

NOTHING: Mapping[str, str] = MappingProxyType({})


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver's classes are untyped
    """The driver's connection, which also knows where it leads and how it is set."""

    where: str = "the server"
    settings: dict[str, str]


async def connect(
    dsn: str,
    *,
    statement_timeout: float = 60.0,
    lock_timeout: float = 2.0,
    connect_timeout: float = 10.0,
    more: Mapping[str, str] = NOTHING,
    as_its_own: bool = False,
) -> Connection:
    """Return a read-only session; all times are in seconds. `more` are settings beside ours.

    `as_its_own`: whatever else is run there takes times, numbers and their like as the database
    does for everybody; only `reading` sets what a catalog is read under.

    Raises ConfigError (invalid) for a DSN that is none, SourceError for all that a server, or
    the way to it, can have against it.
    """
    url, where = to_url(dsn), describe(dsn)
    settings = _SETTINGS | {
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(max(statement_timeout, 60.0)),
        **more,
    }
    with translated(where, connecting=True):
        async with asyncio.timeout(connect_timeout):
            for host, port in without_tls(url):
                await _refuse_rubbish(host, port, where)
            asked = {n: v for n, v in settings.items() if n in _LIMITS} if as_its_own else settings
            session = await _open(url, asked, command_timeout=statement_timeout + 10.0)
    session.where, session.settings = where, settings
    try:
        await _refuse_strangers(session)
    except BaseException:
        session.terminate()
        raise
    return session


@asynccontextmanager
async def connection(
    dsn: str,
    *,
    statement_timeout: float = 60.0,
    lock_timeout: float = 2.0,
    connect_timeout: float = 10.0,
    more: Mapping[str, str] = NOTHING,
    as_its_own: bool = False,
    closing: float = 2.0,
) -> AsyncIterator[Connection]:
    """Give what `connect` returns, and close it at the end, within `closing` seconds."""
    session = await connect(
        dsn,
        statement_timeout=statement_timeout,
        lock_timeout=lock_timeout,
        connect_timeout=connect_timeout,
        more=more,
        as_its_own=as_its_own,
    )
    try:
        yield session
    finally:
        await close(session, closing)


async def close(session: Connection, within: float = 2.0) -> None:
    """Close a session within so many seconds, whatever its server does."""
    try:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await session.close(timeout=within)
    finally:
        session.terminate()


@asynccontextmanager
async def reading(session: Connection) -> AsyncIterator[None]:
    """Open a transaction of a look: one instant, read-only, all settings in force.

    Outside of it nothing may be asked: through a pooler a session has the settings of its
    database, so names and operators could be its owner's, and run as the role that watches.

    Raises SourceError for whatever goes wrong with the server inside.
    """
    with translated(session.where):
        async with _transaction(session, isolation="repeatable_read"):
            await session.execute(_set_local(session.settings))
            yield


@asynccontextmanager
async def _transaction(session: Connection, **how: str) -> AsyncIterator[None]:
    """Open a read-only transaction. Who is stopped inside does not wait for the server's leave.

    The driver's own would ask for ROLLBACK all the same, and a server that is silent, which is why
    most are stopped, would keep it until its timeout.
    """
    transaction = session.transaction(readonly=True, **how)
    await transaction.start()
    try:
        yield
    except (asyncio.CancelledError, TimeoutError):
        session.terminate()
        raise
    except BaseException:
        # A session that was ended has nothing to take back, and its end is what is to be told.
        if not session.is_closed():
            await transaction.rollback()
        raise
    else:
        await transaction.commit()


async def _open(url: str, settings: dict[str, str], *, command_timeout: float) -> Connection:
    # No prepared statements are kept: a pooler may give each transaction another server session.
    ask = {
        "command_timeout": command_timeout,
        "statement_cache_size": 0,
        "connection_class": Connection,
    }
    name = {"application_name": settings.get("application_name", "pgdrift")}
    try:
        session: Connection = await asyncpg.connect(url, server_settings=name | settings, **ask)
    except asyncpg.ProtocolViolationError as error:
        # PgBouncer: "unsupported startup parameter". Setting them on the session instead would
        # leave them to the next client of the pool, so they wait for the transaction.
        if "startup parameter" not in str(error):
            raise
        session = await asyncpg.connect(url, server_settings=name, **ask)
    except (ValueError, asyncpg.ClientConfigurationError):
        raise ConfigError(
            "the DSN of a database is not valid: the driver refuses one of its parameters",
            reason="invalid",
            hint="check what stands behind the question mark: sslmode and its like",
        ) from None
    return session


async def _refuse_rubbish(host: str, port: int, where: str) -> None:
    """Ask whether there is TLS, which every PostgreSQL answers with one letter.

    The driver asks too, unless TLS is switched off; then a zero byte makes it loop for ever, and
    all that runs beside it would stand still.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return  # The driver says why, or takes another of several hosts.
    try:
        writer.write(_IS_THERE_TLS)
        answer = await reader.read(1)
    except OSError:
        return
    finally:
        writer.close()
    if answer not in {b"S", b"N", b"E", b""}:
        raise SourceError(
            f"{where} is no PostgreSQL server: it does not keep to the protocol",
            reason="not_postgresql",
            hint="check that host and port are those of a PostgreSQL server",
        )


async def _refuse_strangers(session: Connection) -> None:
    with translated(session.where, connecting=True):
        row = await session.fetchrow(_WHO)
    if not row["version"].startswith(("PostgreSQL", "EnterpriseDB")):
        raise SourceError(
            f"{session.where} is not PostgreSQL: it calls itself {row['version'][:60]!r}",
            reason="not_postgresql",
            hint="pgdrift reads PostgreSQL's own catalog; other servers only resemble it",
        )
    if row["number"] < OLDEST:
        raise SourceError(
            f"{session.where} is too old: {row['version'].partition(' on ')[0]}",
            reason="too_old",
            hint="pgdrift reads PostgreSQL 13 and newer",
        )


def _set_local(settings: dict[str, str]) -> str:
    """Return one statement that sets all for this transaction. The values are our own."""
    calls = ", ".join(
        f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items()
    )
    return f"SELECT {calls}"


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
