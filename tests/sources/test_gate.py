"""The change gate on a real server: what must move it, and what must leave it alone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from pgdrift.sources import gate
from pgdrift.sources.connection import Connection, connection, reading

pytestmark = pytest.mark.db

MakeDatabase = Callable[..., Awaitable[str]]
MakeRole = Callable[..., Awaitable[str]]

SCENE = """
create schema s;
create table t (id int primary key, a text default 'x', b int check (b > 0));
create table child (t int references t);
create table parent (k int) partition by range (k);
create table part (k int);
create table heir (k int);
create unlogged table u (a int);
create index i on t (a);
create view v as select id from t;
create materialized view m as select id from t;
create function f(a int) returns int language sql as 'select 1';
create procedure p() language sql as 'select 1';
create function tf() returns trigger language plpgsql as 'begin return new; end';
create function ef() returns event_trigger language plpgsql as 'begin end';
create trigger tr before insert on t for each row execute function tf();
create policy pol on t using (true);
create rule r as on delete to t do instead nothing;
create type e as enum ('a', 'b');
create type c as (a int);
create type rng as range (subtype = int);
create domain d as int check (value > 0);
create sequence q;
create statistics st on id, b from t;
create extension hstore;
create foreign data wrapper w;
create server sv foreign data wrapper w;
create publication pub for table t;
create collation col from "C";
"""

# One transaction each; {role} is a role that is there.
MOVES = """
create table new ()
create table new as select 1 as a
drop table child
alter table t rename to t2
alter table t rename column a to a2
alter table t add column n int
alter table t drop column b
alter table t alter column a type varchar(9)
alter table t alter column a set not null
alter table t alter column a set default 'y'
alter table t alter column a set statistics 99
alter table t alter column a set (n_distinct = 5)
alter table t alter column a set storage external
alter table t add constraint con check (id > 0) not valid
alter table t drop constraint t_b_check
alter table t set (fillfactor = 50)
alter table t set schema s
alter table t owner to {role}
alter table t enable row level security
alter table t force row level security
alter table t replica identity full
alter table t disable trigger tr
alter table t enable always rule r
alter table t cluster on t_pkey
alter table u set logged
alter table parent attach partition part for values from (0) to (9)
alter table heir inherit part
create index new on t (b)
drop index i
alter index i rename to i2
alter view v set (security_barrier)
create or replace view v as select id + 0 as id from t
alter table v alter column id set default 1
refresh materialized view m
create or replace function f(a int) returns int language sql as 'select 2'
alter function f stable
alter function f set work_mem to '1MB'
alter function f owner to {role}
drop procedure p()
create aggregate agg (int) (sfunc = int4pl, stype = int)
drop trigger tr on t
alter trigger tr on t rename to tr2
alter policy pol on t using (false)
alter policy pol on t to {role}
drop rule r on t
alter type e add value 'c'
alter type e rename value 'a' to 'z'
alter type c add attribute b int
drop type rng
alter domain d set default 1
alter domain d drop constraint d_check
alter sequence q increment 2
alter sequence q owned by t.id
create statistics st2 on id, a from t
alter statistics st set statistics 7
alter extension hstore drop function hstore(text, text)
alter extension hstore add function f(int)
drop extension hstore
alter function f(int) depends on extension hstore
alter server sv options (add host 'h')
create user mapping for public server sv
create foreign table ft (a int) server sv
alter publication pub set (publish = 'insert')
alter publication pub drop table t
create event trigger et on ddl_command_end execute function ef()
create operator === (leftarg = int, rightarg = int, function = int4eq)
create cast (e as int) with function f2(e)
create text search configuration tsc (copy = simple)
alter collation col rename to col2
create language plx handler plpgsql_call_handler
create schema new
alter schema s rename to s2
alter schema s owner to {role}
grant select on t to {role}
grant select (a) on t to public
revoke execute on function f from public
grant usage on schema s to {role}
grant usage on type e to {role}
grant usage on sequence q to {role}
alter default privileges in schema s grant select on tables to {role}
comment on table t is 'x'
comment on column t.a is 'x'
comment on function f is 'x'
comment on schema s is 'x'
alter role {role} rename to {role}_renamed
alter role {role} bypassrls
grant pg_monitor to {role}
alter database {database} owner to {role}
alter database {database} connection limit 7
alter database {database} set work_mem = '1MB'
alter role {role} in database {database} set work_mem = '1MB'
alter role {role} set work_mem = '1MB'
grant connect on database {database} to {role}
comment on database {database} is 'x'
comment on role {role} is 'x'
truncate t, child
""".strip().splitlines()

BEFORE = {"create cast": "create function f2(e) returns int language sql as 'select 1'"}


@pytest.fixture(scope="module")
def role() -> str:
    return f"gate_{secrets.token_hex(4)}"


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=SCENE)


@pytest.fixture
async def writer(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Connection]:
    async with connection(dsn) as opened:
        yield opened


async def test_every_kind_of_change_moves_the_thorough_one(
    reader: Connection, writer: asyncpg.Connection, make_role: MakeRole, dsn: str, role: str
) -> None:
    """Each as its own transaction sees it, and nobody else; then it is taken back."""
    await make_role(dsn, role)
    names = {"role": role, "database": await writer.fetchval("select current_database()")}
    unseen = []
    for statement in MOVES:
        for beginning, sql in BEFORE.items():
            if statement.startswith(beginning):
                await writer.execute(sql)
        sql = statement.format(**names)
        before = await gate.thorough(reader)
        await writer.execute("begin; savepoint s")
        await writer.execute(sql)
        assert await gate.thorough(reader) == before, f"moved before the commit: {sql}"
        inside = await gate.thorough(writer)  # as the statement's own transaction sees it
        await writer.execute("rollback to s; commit")
        if inside == before:
            unseen.append(sql)
        assert await gate.thorough(reader) == before, f"moved by what was rolled back: {sql}"
    assert unseen == []


@pytest.mark.parametrize(
    "sql",
    [
        "create table new ()",
        "drop view v",
        "alter table t add column n int",
        "comment on table t is 'x'",
        "grant select on t to public",
        "create index concurrently new on t (b)",
        "drop index concurrently i",
    ],
)
async def test_a_committed_change_moves_both_for_everybody(
    reader: Connection, writer: asyncpg.Connection, sql: str
) -> None:
    quick, thorough = await gate.quick(reader), await gate.thorough(reader)
    await writer.execute(sql)
    moved = await gate.thorough(reader)
    assert quick != await gate.quick(reader)
    assert thorough != moved
    assert moved == await gate.thorough(reader)


async def test_an_index_that_becomes_valid_moves_it(
    reader: Connection, writer: asyncpg.Connection, dsn: str
) -> None:
    """Its last step comes long after its first, and is written in place before version 14."""
    blocker = await asyncpg.connect(dsn)
    try:
        await blocker.execute("begin isolation level repeatable read; select from t")
        task = writer.execute("create index concurrently new on t (b)")
        building = asyncio.ensure_future(task)
        while not await reader.fetchval(
            "select indisready from pg_catalog.pg_index"
            " where indexrelid = pg_catalog.to_regclass('public.new')"
        ):
            assert not building.done()
        quick, thorough = await gate.quick(reader), await gate.thorough(reader)
        await blocker.execute("commit")
        await building
    finally:
        await blocker.close()
    assert quick != await gate.quick(reader)
    assert thorough != await gate.thorough(reader)


async def test_data_statistics_and_maintenance_leave_it_alone(
    reader: Connection, writer: asyncpg.Connection
) -> None:
    await writer.execute("insert into t select n from generate_series(1, 100) n")
    before = await gate.thorough(reader)
    for sql in (
        "insert into t values (1000)",
        "update t set a = 'z'",
        "delete from t",
        "select nextval('q')",
        "analyze",
        "vacuum t",
        "vacuum (freeze) pg_class",
        "do $$ begin create table gone (); raise 'no'; exception when others then end $$",
    ):
        await writer.execute(sql)
        assert await gate.thorough(reader) == before, sql


async def test_temporary_tables_leave_it_alone(
    reader: Connection, writer: asyncpg.Connection
) -> None:
    before = await gate.thorough(reader)
    for sql in (
        "create temp table x (id serial primary key, a text default 'a' check (a <> ''), r text)",
        "create temp table y (x int references x)",
        "create index on x (lower(a))",
        "create temp view z as select * from x",
        "create temp sequence sq",
        "create temp table pa (k int) partition by list (k)",
        "create temp table pb partition of pa for values in (1)",
        "alter table x add column n int not null default 1",
        "create trigger tr before insert on x for each row execute function tf()",
        "drop table y",
        "discard temp",
    ):
        await writer.execute(sql)
        assert await gate.thorough(reader) == before, sql


async def test_nothing_is_the_same(reader: Connection) -> None:
    assert await gate.quick(reader) == await gate.quick(reader)
    assert await gate.thorough(reader) == await gate.thorough(reader)


async def test_a_commit_out_of_order_moves_the_quick_one(
    reader: Connection, dsn: str, writer: asyncpg.Connection
) -> None:
    other = await asyncpg.connect(dsn)
    try:
        await writer.execute("begin; create table early ()")
        await other.execute("begin; create table late ()")
        seen = {await gate.quick(reader)}
        await other.execute("commit")
        seen.add(await gate.quick(reader))
        await writer.execute("commit")
        seen.add(await gate.quick(reader))
    finally:
        await other.close()
    assert len(seen) == 3


async def test_two_sessions_never_share_a_quick_one(dsn: str, reader: Connection) -> None:
    async with connection(dsn) as other:
        assert await gate.quick(reader) != await gate.quick(other)
        assert await gate.thorough(reader) == await gate.thorough(other)


async def test_within_a_reading_it_belongs_to_the_snapshot(
    reader: Connection, writer: asyncpg.Connection
) -> None:
    async with reading(reader):
        before = await gate.thorough(reader)
        await writer.execute("create table new ()")
        assert await gate.thorough(reader) == before
    assert await gate.thorough(reader) != before


async def test_a_role_that_may_only_connect_can_ask(
    dsn: str, make_role: MakeRole, reader: Connection
) -> None:
    async with connection(await make_role(dsn)) as plain:
        assert await gate.quick(plain)
        assert await gate.thorough(plain) == await gate.thorough(plain)
