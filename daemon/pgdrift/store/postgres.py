"""A store on a PostgreSQL server: its URL in, an engine out; its errors as ours.

The only file that knows PostgreSQL's settings and error codes, and how writers take turns there.
What a single writer is on SQLite, turns are here: a lock that ends with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pgdrift.errors import ConfigError, StoreError
from pgdrift.store.failures import store_error

OLDEST = 14
# Sessions of one process at a time: those that read or declare, beside the one that holds locks.
_POOL, _MORE = 3, 3
_COMMAND_SECONDS = 60.0
_SETTINGS = {
    "application_name": "pgdrift store",
    "DateStyle": "ISO",
    "jit": "off",
    "statement_timeout": "60s",
    # Who is stopped in the middle of a write must not keep its turn from the others.
    "idle_in_transaction_session_timeout": "30s",
    # A pooled session may rest as long as it likes, whatever the server's usual is.
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

# By the code, or by its class.
_REASONS = {
    "08": "unreachable",
    "28": "authentication",
    "3D000": "absent",
    "42501": "unwritable",
    "25006": "unwritable",
    "53100": "full",
    "53": "unreachable",
    "57P05": "unreachable",
    "57014": "locked",
    "55P03": "locked",
    "40P01": "locked",
    "40001": "locked",
    "57": "unreachable",
    "25P03": "unreachable",
    "25P04": "unreachable",
    "XX001": "damaged",
    "XX002": "damaged",
    "23": "conflict",
}


def is_server(url: str) -> bool:
    """Tell whether a URL is that of a store on a server."""
    return urlsplit(url).scheme.partition("+")[0] in {"postgresql", "postgres"}


def where(url: str) -> str:
    """Return which store a URL names, without its password and parameters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def create(url: str, *, patience: float) -> AsyncEngine:
    """Return an engine on a server. `patience` is how many seconds a writer waits for its turn.

    What reads sees one moment of the store, what writes sees all that was committed before it.
    """
    settings = _SETTINGS | {"lock_timeout": f"{max(1, round(patience * 1000))}ms"}

    async def connect() -> asyncpg.Connection[Any]:
        return await _connect(url, settings)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=_POOL,
        max_overflow=_MORE,
        pool_timeout=max(patience, 1.0),
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
    )


async def _connect(url: str, settings: dict[str, str]) -> asyncpg.Connection[Any]:
    scheme, _, rest = url.partition("://")
    dsn = f"{scheme.partition('+')[0]}://{rest}"
    try:
        session = await asyncpg.connect(
            dsn, server_settings=settings, timeout=10.0, command_timeout=_COMMAND_SECONDS
        )
    except asyncpg.CantChangeRuntimeParamError:  # the one setting that the oldest do not know
        raise _too_old(where(url)) from None
    except asyncpg.ProtocolViolationError as error:
        raise _pooled(where(url)) from error
    except (ValueError, asyncpg.ClientConfigurationError):
        # Its words may repeat the URL.
        raise ConfigError(
            f"the store's URL for {where(url)} is not valid: the driver refuses it",
            reason="invalid",
            hint="write it as postgresql://user:password@host:5432/database",
        ) from None
    if session.get_server_version().major < OLDEST:
        await session.close()
        raise _too_old(where(url))
    return session


def _too_old(path: str) -> StoreError:
    return StoreError(
        f"the server of the store {path} is too old",
        reason="too_old",
        hint=f"keep the store on PostgreSQL {OLDEST} or newer; what is watched may be older",
    )


def _pooled(path: str) -> StoreError:
    return StoreError(
        f"the store {path} cannot be kept behind this pooler",
        reason="pooler",
        hint="give store.url the server's own address: a replica holds by its session",
    )


async def turn(c: AsyncConnection, what: str) -> None:
    """Wait for the turn to write what others may write as well; it lasts until the commit.

    On SQLite every writer has it anyway. Turns are taken in one order: an environment's, then that
    of the contents. Who has it may write much, like a first look at a large schema: it is waited
    for longer than any other lock.
    """
    if c.dialect.name == "postgresql":
        # Two words with one hash share a turn, which only costs time.
        await c.execute(_TURN, {"what": what})


# Less than a command may take: the driver would end the session, and all that it holds.
_TURN_SECONDS = 50
_TURN = text(
    f"SELECT set_config('lock_timeout', '{_TURN_SECONDS}s', true), pg_advisory_xact_lock("
    "CAST(CAST('environment' AS regclass) AS oid)::int, hashtext(:what)),"
    " set_config('lock_timeout', NULL, true)"
)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise what driver and server raise as StoreError; what has no translation is a bug."""
    try:
        yield
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        orig = error.orig if isinstance(error, DBAPIError) else error
        code = str(getattr(orig, "sqlstate", None) or "")
        reason = _REASONS.get(code) or _REASONS.get(code[:2])
        if reason is None and not _cut_off(error, orig):
            raise
        raise store_error(reason or "unreachable", path, _words(orig)) from error
    except PoolTimeoutError as error:
        raise store_error("locked", path) from error
    except OSError as error:  # a timeout is one
        detail = error.strerror or str(error) or "it does not answer in time"
        raise store_error("unreachable", path, detail) from error


def _cut_off(error: Exception, orig: object) -> bool:
    """Tell whether the session ended: the driver has no code for that."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    cause = getattr(orig, "__cause__", None) or orig
    return lost or isinstance(cause, (OSError, asyncpg.InterfaceError))


def _words(orig: object) -> str:
    """Return the server's words, without the class that the driver's wrapper puts before them."""
    cause = getattr(orig, "__cause__", None) or orig
    return str(cause).partition("\n")[0] or type(cause).__name__
