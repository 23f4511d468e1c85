"""Random schemas on a real server: a schema equals itself, its copy and its restored dump.

And after one real change it equals them no more.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import run_sql
from tests.programs import run
from tests.properties.schemas import Schema, changes, schemas

_ASKED = os.environ.get("PGDRIFT_EXAMPLES")

pytestmark = [pytest.mark.db, pytest.mark.timeout(36_000 if _ASKED else 600)]

_thorough = settings(
    max_examples=int(_ASKED or 8),
    deadline=None,
    derandomize=not _ASKED,  # the same in every run of the tests
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@asynccontextmanager
async def _database(server: EmbeddedServer, sql: str = "") -> AsyncIterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"create database {name} template template0")
    try:
        if sql:
            await run_sql(server.dsn(name), sql)
        yield server.dsn(name)
    finally:
        await run_sql(server.dsn(), f"drop database {name} with (force)")


async def _read(dsn: str) -> Snapshot:
    async with connection(dsn) as session:
        return normalise(await snapshot(session), Options())


def _compared(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    return compare(align(before, after, Options()), after).changes


async def _restore(source: str, into: str) -> None:
    dump = await run("pg_dump", "--schema-only", source)
    await run("psql", "-X", "-q", "-d", into, stdin=dump)


@_thorough
@given(drawn=schemas())
async def test_a_schema_equals_itself_and_its_copy_and_its_restored_dump(
    server: EmbeddedServer, drawn: Schema
) -> None:
    async with (
        _database(server, drawn.sql) as one,
        _database(server, drawn.sql) as copy,
        _database(server) as restored,
    ):
        first, again = await _read(one), await _read(one)
        assert compare(first, first).changes == ()
        assert first.root == again.root
        assert set(first.objects) == set(again.objects)

        assert _compared(await _read(copy), first) == ()

        await _restore(one, restored)
        theirs = await _read(restored)
        assert _compared(first, theirs) == ()
        assert _compared(theirs, first) == ()


@_thorough
@given(data=st.data())
async def test_after_one_real_change_it_is_another_and_no_id_but_its_own_moves(
    server: EmbeddedServer, data: st.DataObject
) -> None:
    drawn = data.draw(schemas())
    change = data.draw(changes(drawn))
    async with _database(server, drawn.sql) as dsn:
        before = await _read(dsn)
        try:
            await run_sql(dsn, change)
        except asyncpg.PostgresError:
            assume(False)  # as unlogged tables that a logged one refers to
        after = await _read(dsn)

    assert _compared(before, after)
    assert _compared(after, before)
    touched = {c.id for c in _compared(before, after)}
    parts = {i for c in _compared(before, after) for i in c.contains}
    assert set(before.objects) ^ set(after.objects) <= touched | parts
