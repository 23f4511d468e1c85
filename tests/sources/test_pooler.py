"""Through a pooler that takes no settings and gives each transaction another server session."""

from __future__ import annotations

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.sources.connection import connection
from pgdrift.sources.reading import Source, read_once
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.properties.ddl import SCENE
from tests.properties.same import KEY, assert_same, left_by
from tests.sources.bouncer import PROGRAM, bouncer
from tests.sources.test_catalog import RICH

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed here"),
]

# What the owner of a database can do to whoever comes in: their function and operators before
# PostgreSQL's own. Each writes down who ran it, and then does what is expected of it.
EVIL = """
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.ran (who text, what text);
GRANT INSERT ON evil.ran TO PUBLIC;
CREATE FUNCTION evil.note(what text) RETURNS void LANGUAGE sql AS
    'INSERT INTO evil.ran VALUES (session_user, what)';
CREATE FUNCTION evil.version() RETURNS text LANGUAGE plpgsql AS
    'BEGIN PERFORM evil.note(''version''); RETURN pg_catalog.version(); END';
CREATE FUNCTION evil.current_setting(a text) RETURNS text LANGUAGE plpgsql AS
    'BEGIN PERFORM evil.note(''setting''); RETURN pg_catalog.current_setting(a); END';
CREATE FUNCTION evil.eq(a name, b name) RETURNS bool LANGUAGE plpgsql AS
    'BEGIN PERFORM evil.note(''=''); RETURN a OPERATOR(pg_catalog.=) b; END';
CREATE FUNCTION evil.lt(a int, b int) RETURNS bool LANGUAGE plpgsql AS
    'BEGIN PERFORM evil.note(''<''); RETURN a OPERATOR(pg_catalog.<) b; END';
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.eq);
CREATE OPERATOR evil.< (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.lt);
DO $$ BEGIN
    EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = evil, pg_catalog',
        current_database());
END $$;
"""


async def _read(dsn: str, looks: int = 1) -> Reading:
    source = Source(lambda: dsn)
    try:
        return [await source.read(Book("")) for _ in range(looks)][-1]
    finally:
        await source.close()


async def test_a_pooler_that_takes_no_settings_gives_the_same_as_the_server(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    role = await make_role(await make_database(sql=RICH))
    async with bouncer([role]) as (pooled,):
        async with connection(pooled) as session:
            assert await session.fetchval("SHOW search_path") != "", "the settings were taken"
        through, direct = await _read(pooled, looks=2), await _read(role)
    assert through.snapshot.root == direct.snapshot.root
    assert (through.gate, through.not_compared) == (direct.gate, direct.not_compared)


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_what_moved_is_read_alone_through_a_pooler_too(
    mode: str, make_database: MakeDatabase, execute: Execute
) -> None:
    """Each transaction in whatever server session is free; other clients mix them up."""
    dsn = await make_database(sql=SCENE)
    async with bouncer([dsn], mode=mode, size=3) as (pooled,):
        source, depths = Source(lambda: pooled), []
        others = [await asyncpg.connect(pooled, statement_cache_size=0) for _ in range(2)]
        found = await source.read(Book("", key=KEY))
        for number in range(4):
            await execute(dsn, f"ALTER TABLE public.t ADD COLUMN n{number} int")
            # Who holds a session leaves the next one another.
            await others[number % 2].execute("BEGIN" if number < 2 else "COMMIT")
            book = left_by(found)
            found = await source.read(book)
            depths.append(found.depth)
            assert_same(found, await read_once(dsn, key=KEY))
        for other in others:
            await other.close()
        await source.close()
    assert depths == ["incremental"] * 4


async def test_nothing_of_the_database_runs_as_the_role_that_watches(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    role = await make_role(dsn := await make_database())
    await execute(dsn, EVIL)
    async with bouncer([role]) as (pooled,):
        await _read(pooled, looks=2)
    direct = await asyncpg.connect(dsn, server_settings={"search_path": ""})
    assert [tuple(r) for r in await direct.fetch("TABLE evil.ran")] == []
    await direct.close()


async def test_the_evil_that_is_guarded_against_is_real(
    make_database: MakeDatabase, execute: Execute
) -> None:
    await execute(dsn := await make_database(), EVIL)
    victim = await asyncpg.connect(dsn)
    await victim.fetchval("SELECT version() FROM pg_database WHERE datname = current_database()")
    assert await victim.fetchval("SELECT count(*) FROM evil.ran") > 1
    await victim.close()
