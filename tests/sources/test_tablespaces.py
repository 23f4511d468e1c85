"""Where a relation lies. No scenario: a tablespace belongs to the server, and is not made in passing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import Execute, MakeDatabase

pytestmark = pytest.mark.db

SCHEMA = """
CREATE TABLE t (a int, CONSTRAINT u UNIQUE (a));
CREATE INDEX i ON t (a);
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
"""


@pytest.fixture
async def tablespace(server: EmbeddedServer) -> AsyncIterator[str]:
    """A tablespace that is gone afterwards, as all that lies in it must be by then."""
    name = f"space_{secrets.token_hex(4)}"
    session = await asyncpg.connect(server.dsn())
    try:
        await session.execute("SET allow_in_place_tablespaces = on")
        await session.execute(f"CREATE TABLESPACE {name} LOCATION ''")
        yield name
        await session.execute(f"DROP TABLESPACE {name}")
    finally:
        await session.close()


async def _read(dsn: str) -> Snapshot:
    async with connection(dsn) as session:
        return await snapshot(session)


async def test_where_a_relation_lies_is_told_and_nothing_else(
    tablespace: str, make_database: MakeDatabase, execute: Execute
) -> None:
    before = await _read(dsn := await make_database(sql=SCHEMA))
    moved = {"table": "TABLE t", "constraint": "INDEX u", "index": "INDEX i"}
    for what in (*moved.values(), "MATERIALIZED VIEW m"):
        await execute(dsn, f"ALTER {what} SET TABLESPACE {tablespace}")
    changes = compare(before, await _read(dsn)).changes
    assert {(c.id.kind, *c.attributes) for c in changes} == {
        (kind, "tablespace") for kind in (*moved, "materialized_view")
    }
    assert all(c.attributes["tablespace"] == (None, tablespace) for c in changes)
    for what in (*moved.values(), "MATERIALIZED VIEW m"):
        await execute(dsn, f"ALTER {what} SET TABLESPACE pg_default")
    assert compare(before, await _read(dsn)).changes == ()
