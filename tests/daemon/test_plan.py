"""`pgdrift plan` and `pgdrift prove` as a shell sees them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import pgdrift

pytestmark = pytest.mark.db

A = """
create type state as enum ('new', 'done');
create table account (id int primary key, owner varchar(20) not null, state state default 'new');
create view owners as select id, owner from account;
grant select on owners to public;
comment on view owners is 'who owns what';
"""
B = """
create type state as enum ('done', 'late');
create table account (id bigint primary key, owner text not null, state state default 'late');
create index account_owner on account (owner);
create view owners as select id, owner from account;
grant select on owners to public;
comment on view owners is 'who owns what';
"""


@pytest.fixture
async def sides(make_database: MakeDatabase) -> tuple[str, str]:
    return await make_database(sql=A), await make_database(sql=B)


async def test_a_plan_is_proved_written_and_holds_where_it_is_run(
    sides: tuple[str, str], tmp_path: Path
) -> None:
    a, b = sides
    folder = tmp_path / "plan"
    made = await pgdrift("plan", a, b, "--prove", "-o", str(folder))
    assert made.code == 1, made.err
    assert "proved up and down" in made.out
    assert {p.name for p in folder.iterdir()} == {
        *("plan.yaml", "up.sql", "down.sql", "review.md", "target.json", "source.json")
    }
    written = {p.name: p.read_bytes() for p in folder.iterdir()}
    again = await pgdrift("prove", str(folder))
    assert again.code == 0, again.err
    assert written["up.sql"] == (folder / "up.sql").read_bytes()

    before = await pgdrift("snapshot", a)
    await run_sql(a, _sql(folder / "up.sql"))
    assert (await pgdrift("diff", a, b)).code == 0
    assert (await pgdrift("plan", a, b)).code == 0
    await run_sql(a, _sql(folder / "down.sql"))
    after = await pgdrift("snapshot", a)
    assert _objects(before.out) == _objects(after.out)


def _sql(script: Path) -> str:
    lines = script.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("\\"))


def _objects(snapshot: str) -> object:
    return json.loads(snapshot)["objects"]


async def test_one_way_or_the_other_as_people_and_programs_read_it(sides: tuple[str, str]) -> None:
    a, b = sides
    up, down, adopt, as_json, markdown, text = await asyncio.gather(
        pgdrift("plan", a, b, "--format", "sql"),
        pgdrift("plan", a, b, "--format", "sql", "--down"),
        pgdrift("plan", a, b, "--format", "sql", "--adopt"),
        pgdrift("plan", a, b, "--format", "json"),
        pgdrift("plan", a, b, "--format", "markdown"),
        pgdrift("plan", a, b),
    )
    assert {s.code for s in (up, down, adopt, as_json, markdown, text)} == {1}
    assert "CREATE INDEX account_owner" in up.out
    assert "DROP INDEX public.account_owner" in down.out
    assert "DROP INDEX public.account_owner" in adopt.out
    body = as_json.json()
    assert body["proof"] is None
    actions = {row["action"] for row in body["up"]["statements"]}
    assert {"new index", "change type of column", "drop view", "new view"} <= actions
    assert "ACCESS EXCLUSIVE on public.account" in text.out
    assert "not proved" in text.out
    assert "## Hazards" in markdown.out


async def test_what_is_left_by_hand_is_named_and_exits_4(make_database: MakeDatabase) -> None:
    a = await make_database(sql="create table t (a int) partition by list (a)")
    b = await make_database(sql="create table t (a int) partition by range (a)")
    found = await pgdrift("plan", a, b)
    assert found.code == 4
    assert "its rows would have to move" in found.out


async def test_what_no_server_takes_is_left_by_hand_in_its_own_words(
    make_database: MakeDatabase,
) -> None:
    a = await make_database(sql="create table t (a int); create table u (a int)")
    b = await make_database(
        sql="create table t (a int); create extension pg_trgm; create table u (a int, b int);"
        " update pg_extension set extversion = '9.9' where extname = 'pg_trgm'"
    )
    found = await pgdrift("plan", a, b, "--prove", "--format", "json")
    assert found.code == 4, found.err
    body = found.json()
    assert body["proof"]["holds"]
    assert [left["object_path"] for left in body["up"]["by_hand"]] == [["pg_trgm"]]
    assert "no installation script" in body["up"]["by_hand"][0]["why"]
    assert [row["object_path"][-1] for row in body["up"]["statements"]] == ["b"]


async def test_what_names_nothing_is_wrong_usage(tmp_path: Path) -> None:
    for words in (("plan", "no-such", "neither"), ("prove", str(tmp_path / "none"))):
        found = await pgdrift(*words)
        assert found.code == 3
        assert "Traceback" not in found.err
        assert "hint:" in found.err
