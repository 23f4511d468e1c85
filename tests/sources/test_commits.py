"""When a change was committed, where the server keeps that; and nothing where it does not.

`track_commit_timestamp` needs a restart, so the first test has a server to itself.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.sources.catalog import read_catalog, snapshot
from pgdrift.sources.commits import commit_times
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.embedded import embedded_server
from pgdrift.sources.reading import Source
from tests.conftest import Execute, MakeRole

pytestmark = pytest.mark.db

START = """
create table t (id int primary key, a int, b int, c text);
comment on column t.b is 'soon gone';
create type mood as enum ('sad');
create view v as select a from t;
create function f() returns int language sql as 'select 1';
create sequence s;
create table other (id int);
create table soon_gone (id int);
create role reader;
"""
# What changes, and the key of the object that it shows on.
CHANGES = {
    "alter table t alter column c set default 'x'": "column:public.t.c",
    "alter table t enable row level security": "table:public.t",
    "comment on column t.id is 'the key'": "column:public.t.id",
    "alter table t add column d int": "column:public.t.d",
    "create index i on t (b)": "index:public.i",
    "alter type mood add value 'glad'": "enum:public.mood",
    "create or replace view v as select a, c from t": "view:public.v",
    "create or replace function f() returns int language sql as 'select 2'": (
        "function:public.f()"
    ),
    "alter sequence s increment 2": "sequence:public.s",
    "grant select on other to reader": "privilege:public.other.reader",
    "create policy p on t using (true)": "policy:public.t.p",
    "alter table t add constraint k check (b > 0)": "constraint:public.t.k",
    "create schema app": "schema:app",
}


async def test_each_change_has_the_time_of_its_own_commit() -> None:
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    settings = {"track_commit_timestamp": "on", "fsync": "off"}
    async with (
        embedded_server(settings, binaries=Path(given) if given else None) as server,
        connection(server.dsn()) as session,
    ):
        plain = await asyncpg.connect(server.dsn())
        await plain.execute(START)
        before = await snapshot(session)
        since = datetime.now(UTC)
        made: dict[str, tuple[datetime, datetime]] = {}
        for sql, key in CHANGES.items():
            began = await plain.fetchval("select clock_timestamp()")
            await plain.execute(sql)
            made[key] = (began, await plain.fetchval("select clock_timestamp()"))
        # Of what is gone no row is left that could tell.
        await plain.execute("comment on column t.b is null")
        await plain.execute("drop table soon_gone")
        await plain.close()
        async with reading(session):
            after = await read_catalog(session)
            found = {
                str(i): at for i, at in (await commit_times(session, before, after, since)).items()
            }
            later = since + timedelta(minutes=1)
            assert await commit_times(session, before, after, later) == {}
            assert await commit_times(session, None, after, since) == {}
        source = Source(server.dsn)
        read = await source.read(Book("here", snapshot=before, seen_at=since))
        await source.close()
    assert {str(i): at for i, at in read.committed.items()} == found
    apart = {k: at for k, at in found.items() if k in made and not made[k][0] <= at <= made[k][1]}
    # A table's own row is written again by whatever is added to it: the time is the latest.
    assert apart.keys() <= {"table:public.t"}
    assert found.keys() == made.keys()


async def test_where_the_server_keeps_none_nothing_is_known(
    database: str, execute: Execute, make_role: MakeRole
) -> None:
    async with connection(await make_role(database)) as session:
        before = await snapshot(session)
        since = datetime.now(UTC)
        await execute(database, "create table t (id int)")
        async with reading(session):
            after = await read_catalog(session)
            assert await commit_times(session, before, after, since) == {}
            assert await session.fetchval("select 1") == 1, "the transaction is usable still"
