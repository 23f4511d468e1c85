"""Roles in; out, a session in an empty database of the scratch server, where they all are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.core.names import quote_ident
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection, translated
from pgdrift.sources.dsn import describe, to_url
from pgdrift.sources.scratch import Scratch, administration
from pgdrift.sources.sqlfile import roles_apart

__all__ = ["ground"]


class Empty(NamedTuple):
    """A session that may write in an empty database, and its connection URL."""

    session: asyncpg.Connection
    dsn: str

    async def read(self, key: bytes = b"") -> Snapshot:
        """Return what is in the database now. Raises SourceError."""
        async with connection(self.dsn) as session:
            return await snapshot(session, key=key)


@asynccontextmanager
async def ground(scratch: Scratch, roles: Collection[str]) -> AsyncIterator[Empty]:
    """Give an empty database in which objects can belong to these roles.

    On a server of our own they are made, and gone afterwards; on one that is given nobody makes
    roles. Raises ConfigError where there is no scratch server, SourceError where it cannot be
    asked.
    """
    async with roles_apart(scratch), scratch.database() as dsn:
        if scratch.own:
            await _make(scratch, roles)
        with translated(describe(dsn), connecting=True):
            session = await asyncpg.connect(to_url(dsn), timeout=10.0)
        try:
            yield Empty(session, dsn)
        finally:
            session.terminate()


async def _make(scratch: Scratch, roles: Collection[str]) -> None:
    async with administration(await scratch.server()) as session:
        rows = await session.fetch("SELECT rolname::text FROM pg_catalog.pg_roles")
        there = {row[0] for row in rows}
        for role in sorted(roles):
            if role not in there and not role.startswith("pg_"):
                await session.execute(f"CREATE ROLE {quote_ident(role)} SUPERUSER")
