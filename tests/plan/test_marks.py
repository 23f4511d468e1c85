"""What a statement loses and leaves behind beside rows of plain tables: said, and said of whom."""

from __future__ import annotations

import asyncpg
import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.step import Step
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.proving import read

pytestmark = pytest.mark.db

A = """
CREATE EXTENSION citext;
CREATE TYPE addr AS (street text, zip text);
CREATE TYPE person AS (name text, home addr);
CREATE TYPE unused AS (x int, y int);
CREATE DOMAIN checked AS addr CHECK ((VALUE).street <> '');
CREATE TABLE plain (a addr);
CREATE TABLE arrays (a addr[]);
CREATE TABLE nested (p person);
CREATE TABLE domains (c checked);
CREATE TABLE t (a int);
CREATE MATERIALIZED VIEW gone AS SELECT a FROM t;
CREATE MATERIALIZED VIEW other AS SELECT a FROM t;
"""
B = """
CREATE TYPE addr AS (street text);
CREATE TYPE person AS (name text, home addr);
CREATE TYPE unused AS (x int);
CREATE DOMAIN checked AS addr CHECK ((VALUE).street <> '');
CREATE TABLE plain (a addr);
CREATE TABLE arrays (a addr[]);
CREATE TABLE nested (p person);
CREATE TABLE domains (c checked);
CREATE TABLE t (a int);
CREATE MATERIALIZED VIEW other AS SELECT a + 1 AS a FROM t;
"""


async def _steps(make_database: MakeDatabase, a: str, b: str) -> tuple[dict[str, Step], str]:
    target = await make_database(sql=a)
    sides = await read(target), await read(await make_database(sql=b))
    plan = make_plan(sides, ("a", "b"), Options())
    return {s.step.sql: s.step for s in plan.up.statements}, target


async def test_what_is_no_row_of_a_table_is_lost_too(make_database: MakeDatabase) -> None:
    steps, _ = await _steps(make_database, A, B)
    losing = {sql for sql, step in steps.items() if step.loses}
    assert losing == {
        "ALTER TYPE public.addr DROP ATTRIBUTE zip",
        "DROP EXTENSION citext",
        "DROP MATERIALIZED VIEW public.gone",
        "DROP MATERIALIZED VIEW public.other",
    }
    of_field = steps["ALTER TYPE public.addr DROP ATTRIBUTE zip"].on
    assert of_field == ("public.arrays", "public.domains", "public.nested", "public.plain")


@pytest.mark.parametrize(
    ("first", "then", "next_one"),
    [
        ("SELECT setval('s', 50000)", "MINVALUE 1000 START 1000", 50001),
        ("SELECT setval('s', 7)", "MINVALUE 1000 START 1000", 1000),
        ("SELECT 1", "MINVALUE 1000 START 1200", 1200),
        ("SELECT setval('s', 7)", "MAXVALUE 1000", 8),
        ("SELECT setval('s', 7)", "INCREMENT -1 MINVALUE -9 MAXVALUE -1 START -1", -1),
        ("SELECT setval('s', 50000)", "AS integer MINVALUE 2 START 2", 50001),
    ],
)
async def test_a_sequence_goes_on_where_it_stands_if_that_is_within_its_new_bounds(
    first: str, then: str, next_one: int, make_database: MakeDatabase
) -> None:
    steps, a = await _steps(
        make_database, f"CREATE SEQUENCE s; {first};", f"CREATE SEQUENCE s {then};"
    )
    session = await asyncpg.connect(a)
    try:
        for sql in steps:
            await session.execute(sql)
        assert await session.fetchval("SELECT nextval('s')") == next_one
    finally:
        await session.close()


async def test_a_sequence_that_is_past_its_new_end_is_refused_and_that_is_said(
    make_database: MakeDatabase,
) -> None:
    old = "CREATE SEQUENCE s MINVALUE 5000 START 5000; SELECT setval('s', 6000);"
    steps, a = await _steps(make_database, old, "CREATE SEQUENCE s MAXVALUE 1000;")
    assert [step.fails for step in steps.values()][-1] == "it stands outside of its new bounds"
    session = await asyncpg.connect(a)
    try:
        *before, last = steps
        for sql in before:
            await session.execute(sql)
        with pytest.raises(asyncpg.PostgresError, match="cannot be greater than MAXVALUE"):
            await session.execute(last)
    finally:
        await session.close()


async def test_an_identity_over_rows_is_told_how_it_goes_on_behind_them(
    make_database: MakeDatabase,
) -> None:
    steps, a = await _steps(
        make_database,
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 9);",
        "CREATE TABLE t (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY);",
    )
    (step,) = steps.values()
    _, said, statement = step.note.partition("SELECT ")
    assert "counts from its start" in step.note
    session = await asyncpg.connect(a)
    try:
        await session.execute(step.sql)
        await session.execute(said + statement)
        assert await session.fetchval("INSERT INTO t DEFAULT VALUES RETURNING id") == 10
    finally:
        await session.close()


async def test_what_no_expression_gives_any_more_is_lost(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if server.major < 18:
        pytest.skip("virtual generated columns are of PostgreSQL 18")
    steps, _ = await _steps(
        make_database,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL,"
        " c int GENERATED ALWAYS AS (a + 1) VIRTUAL, d int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
        "CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a + 1) STORED)",
    )
    losing = {sql for sql, step in steps.items() if step.loses}
    assert losing == {"ALTER TABLE public.t DROP COLUMN b"}
