"""What a statement loses and leaves behind beside rows of plain tables: said, and said of whom."""

from __future__ import annotations

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


async def _steps(make_database: MakeDatabase, a: str, b: str) -> dict[str, Step]:
    sides = await read(await make_database(sql=a)), await read(await make_database(sql=b))
    plan = make_plan(sides, ("a", "b"), Options())
    return {s.step.sql: s.step for s in plan.up.statements}


async def test_what_is_no_row_of_a_table_is_lost_too(make_database: MakeDatabase) -> None:
    steps = await _steps(make_database, A, B)
    losing = {sql for sql, step in steps.items() if step.loses}
    assert losing == {
        "ALTER TYPE public.addr DROP ATTRIBUTE zip",
        "DROP EXTENSION citext",
        "DROP MATERIALIZED VIEW public.gone",
        "DROP MATERIALIZED VIEW public.other",
    }
    of_field = steps["ALTER TYPE public.addr DROP ATTRIBUTE zip"].on
    assert of_field == ("public.arrays", "public.domains", "public.nested", "public.plain")


async def test_what_no_expression_gives_any_more_is_lost(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if server.major < 18:
        pytest.skip("virtual generated columns are of PostgreSQL 18")
    steps = await _steps(
        make_database,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL,"
        " c int GENERATED ALWAYS AS (a + 1) VIRTUAL, d int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
        "CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a + 1) STORED)",
    )
    losing = {sql for sql, step in steps.items() if step.loses}
    assert losing == {"ALTER TABLE public.t DROP COLUMN b"}
