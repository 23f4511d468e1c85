"""Rows of ours in the proof: nothing is lost that a plan does not tell of, and a wrong mark is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import ObjectId
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Proof, Statement
from pgdrift.core.plan.roles import roles
from pgdrift.core.plan.rows import Contents, Held, lost
from pgdrift.core.plan.values import literals
from pgdrift.reconcile.prove import Ground, Likeness, prove
from pgdrift.reconcile.samples import contents, fill
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.ground import ground
from pgdrift.sources.scratch import Scratch
from tests.conftest import MakeDatabase
from tests.plan.proving import read

_A = """
CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE plain (a integer, b text, c numeric(8,2));
CREATE SEQUENCE counter;
"""
_B = """
CREATE TABLE kept (id bigint PRIMARY KEY, name text NOT NULL, CHECK (name <> 'a'));
CREATE TABLE plain (a integer, c numeric(8,1));
"""
_FILLED = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN short AS varchar(5) CHECK (VALUE ~ '^[a-z]+$');
CREATE TYPE pair AS (x integer, y text);
CREATE TABLE parent (id integer PRIMARY KEY, code short NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('new', 'old')));
CREATE TABLE child (id serial PRIMARY KEY, parent integer NOT NULL REFERENCES parent,
    above integer REFERENCES child, moods mood[], p pair, r int4range, j jsonb NOT NULL,
    at timestamptz DEFAULT now(), doubled integer GENERATED ALWAYS AS (parent / 2) STORED);
CREATE TABLE parts (at date NOT NULL, v integer) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2031-01-01') TO ('2032-01-01');
CREATE TABLE never (a integer CHECK (a > 2 AND a < 1) NOT NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ begin raise 'no'; end $$;
CREATE TRIGGER refuse BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.mark.db
async def test_rows_keep_to_all_rules_and_what_fits_none_is_told(
    make_database: MakeDatabase,
) -> None:
    session = await asyncpg.connect(await make_database(sql=_FILLED))
    try:
        filled = await fill(session, 3)
        held = await contents(session)
    finally:
        await session.close()
    assert [str(left.object) for left in filled.unfilled] == ["table:public.never"]
    rows = {path[1]: len(table.rows) for path, table in held.tables.items()}
    assert min(rows["parent"], rows["child"]) > 1
    assert rows["parts_1"] > 0
    assert held.rows == filled.rows


async def _tried(
    server: EmbeddedServer, dsns: tuple[str, str], change: Callable[[Statement], Statement]
) -> Proof:
    """Return what comes of a plan whose statements are changed first."""
    sides = await read(dsns[0]), await read(dsns[1])
    plan = make_plan(sides, ("a", "b"), Options())
    up = replace(plan.up, statements=tuple(map(change, plan.up.statements)))
    plan = replace(plan, up=up)
    async with ground(Scratch(server.dsn), roles(*sides)) as empty:
        place = Ground(empty.session, lambda: read(empty.dsn))
        return (await prove(plan, sides, place, Likeness(Options()), rows=3)).proof


def _unmarked(said: str, **marks: str) -> Callable[[Statement], Statement]:
    """Return what takes the marks off a statement that says this."""

    def change(s: Statement) -> Statement:
        return replace(s, step=replace(s.step, **marks)) if said in s.step.sql else s  # type: ignore[arg-type]

    return change


@pytest.mark.db
@pytest.mark.parametrize(
    ("said", "marks", "found"),
    [
        ("nothing", {}, ""),
        ("DROP COLUMN b", {"loses": ""}, "lost what it held in b"),
        ("ALTER COLUMN c TYPE", {"loses": ""}, "holds other values in c"),
        ("DROP SEQUENCE", {"loses": ""}, "sequence public.counter stood at"),
        ("DROP IDENTITY", {"loses": ""}, "sequence public.kept.id stood at"),
        ("CHECK", {"fails": ""}, "is refused where there are rows, and does not say so"),
    ],
)
async def test_a_wrong_mark_is_seen(
    said: str,
    marks: dict[str, str],
    found: str,
    server: EmbeddedServer,
    make_database: MakeDatabase,
) -> None:
    dsns = await make_database(sql=_A), await make_database(sql=_B)
    proof = await _tried(server, dsns, _unmarked(said, **marks))
    assert proof.rows
    assert proof.rows.rows
    assert proof.holds is not bool(found), proof
    assert found in proof.up


_HELD = Held({"a": "integer", "b": "text"}, (("1", "x"), ("2", None)))
_TABLE = ("public", "t")


@pytest.mark.parametrize(
    ("now", "told", "said"),
    [
        (_HELD, set(), ""),
        (replace(_HELD, rows=_HELD.rows[::-1]), set(), ""),
        (None, set(), "is gone, with 2 rows"),
        (None, {ObjectId("table", _TABLE)}, ""),
        (replace(_HELD, rows=_HELD.rows[:1]), set(), "had 2 rows, and has 1"),
        (Held({"a": "integer"}, (("1",), ("2",))), set(), "lost what it held in b"),
        (Held({"a": "integer"}, (("1",), ("2",))), {ObjectId("column", (*_TABLE, "b"))}, ""),
        (replace(_HELD, rows=(("1", "x"), ("2", ""))), set(), "other values in b"),
        # Each value is still there, and not in its row.
        (replace(_HELD, rows=(("1", None), ("2", "x"))), set(), "other values in a, b"),
        (replace(_HELD, rows=(("1", "x"), ("2", "")), made=frozenset("b")), set(), ""),
    ],
)
def test_what_is_lost_is_told(now: Held | None, told: set[ObjectId], said: str) -> None:
    before = Contents({_TABLE: _HELD})
    after = Contents({_TABLE: now} if now else {})
    found = list(lost(before, after, told))
    assert len(found) == bool(said)
    assert not found or said in found[0]


def test_a_loss_of_the_whole_is_one_of_its_parts() -> None:
    before = Contents({_TABLE: replace(_HELD, above=(("public", "whole"),))})
    assert not list(lost(before, Contents(), {ObjectId("table", ("public", "whole"))}))
    assert list(lost(before, Contents(), {ObjectId("table", ("public", "other"))}))


@given(st.lists(st.text(), max_size=3), st.integers(-99, 99))
def test_values_that_a_check_names_are_found(texts: list[str], number: int) -> None:
    quoted = [t.replace("'", "''") for t in texts]
    said = (
        "CHECK (v = ANY (ARRAY["
        + ", ".join(f"'{t}'::text" for t in quoted)
        + f"]) AND n > {number})"
    )
    assert set(texts) <= set(literals([said]))
