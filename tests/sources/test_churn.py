"""A schema that moves while it is read: a snapshot or a SourceError, and never anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.errors import SourceError
from pgdrift.sources.connection import connection, reading, translated
from pgdrift.sources.reading import Source, read_once
from tests.conftest import MakeDatabase

db = pytest.mark.db

READINGS, ROUNDS = 5, 3

# One statement, one transaction each, so that a reader can come between any two.
UP_AND_DOWN = """
create table t (id serial primary key, n int check (n > 0), g int generated always as identity)
create index i on t (lower(n::text)) where n > 1
create view v as select id, n from t where n > 2
create materialized view m as select count(*) as c from v
create function f(a int default 3) returns t language sql {body}
create policy p on t using (n > 4)
create rule r as on delete to t do instead nothing
create statistics st on id, n from t
create domain d as int default 5 check (value > 6)
alter table t add column x d default 7
create function tf() returns trigger language plpgsql as 'begin return new; end'
create trigger tr before insert on t for each row when (new.n > 8) execute function tf()
drop trigger tr on t
drop function tf
drop function f
drop materialized view m
drop view v
drop index i
drop table t
drop domain d
""".strip().splitlines()


async def _churn(dsn: str, over: Callable[[int], bool]) -> None:
    other, rounds = await asyncpg.connect(dsn, statement_cache_size=0), 0
    atomic, old = "begin atomic select * from t; end", "as 'select * from t'"
    body = atomic if other.get_server_version().major >= 14 else old
    try:
        while not over(rounds):
            rounds += 1
            for sql in UP_AND_DOWN:
                await other.execute(sql.format(body=body))
    finally:
        await other.close()


@db
async def test_a_schema_that_moves_all_the_time_gives_a_snapshot_or_a_source_error(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database()
    source, ends = Source(lambda: dsn), list[str]()
    churning = asyncio.create_task(
        _churn(dsn, lambda rounds: rounds >= ROUNDS and len(ends) >= READINGS)
    )
    while not churning.done():
        try:
            await source.read(Book(""))
            ends.append("read")
        except SourceError as error:
            ends.append(error.reason)
    await churning

    assert set(ends) <= {"read", "interrupted"}
    after, fresh = await source.read(Book("")), await read_once(dsn)
    await source.close()
    assert after.snapshot.root == fresh.snapshot.root
    assert after.gate == fresh.gate


@db
async def test_what_is_gone_when_it_is_asked_for_interrupts_the_reading(database: str) -> None:
    async with connection(database) as session:
        for sql in ("TABLE public.gone", "SELECT gone()", "SELECT 'public.gone'::regclass"):
            with pytest.raises(SourceError) as caught:
                async with reading(session):
                    await session.execute(sql)
            assert caught.value.reason == "interrupted"
            assert "gone" in str(caught.value)
            assert "next look" in caught.value.hint


def test_who_does_not_understand_the_first_question_is_no_postgresql() -> None:
    for connecting, reason in ((True, "not_postgresql"), (False, "interrupted")):
        with pytest.raises(SourceError) as caught, translated("h:1/d", connecting=connecting):
            raise asyncpg.UndefinedFunctionError("unknown function: set_config()")
        assert caught.value.reason == reason
