"""A store's URL in, an engine out that keeps what it commits, also when the power goes.

The only file that knows SQLite: its pragmas, its file, and that a writer takes its turn first. A
store on a server is postgres.py's.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pgdrift.errors import ConfigError
from pgdrift.store.failures import store_error


def parse(url: str) -> URL:
    """Return the parsed URL. Raises ConfigError for all that is not a SQLite file."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _refused("the store's URL cannot be read") from None
    if parsed.get_backend_name() != "sqlite":
        raise _refused(f"a store on {parsed.get_backend_name()} is not supported")
    if parsed.database in {None, "", ":memory:"}:
        raise _refused("a store in memory would forget what must survive")
    return parsed.set(drivername="sqlite+aiosqlite")


def _refused(message: str) -> ConfigError:
    hint = (
        "write store.url as sqlite:////var/lib/pgdrift/pgdrift.db, or for several replicas as"
        " postgresql://user@host/database"
    )
    return ConfigError(message, reason="invalid", hint=hint)


def create(url: URL, *, patience: float) -> AsyncEngine:
    """Return an engine on a SQLite file, made for this user alone where there is none yet.

    `patience` is how many seconds a writer waits for another process. A transaction of an
    engine with the execution option `writes` takes the write lock at its beginning, so that it
    never fails half-way for having read too early. Raises StoreError (unwritable, full).
    """
    path = str(url.database)
    _touch(path)
    engine = create_async_engine(url, connect_args={"timeout": patience})
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _touch(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        detail = error.strerror or "no reason given"
        raise store_error("unwritable", path, detail) from error


def _prepare(connection: Any, _: object) -> None:
    # Transactions are begun below, by name; the driver must not begin some of its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
