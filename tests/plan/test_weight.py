"""How large and busy tables are: asked of the target, told with each statement, and weighed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from pgdrift.cli import sides
from pgdrift.cli.plan import _plan
from pgdrift.core import snapshot_file
from pgdrift.core.model import ObjectId
from pgdrift.core.plan.model import End, Plan, Statement, Verb, Way
from pgdrift.core.plan.shown import may_stop, review, text
from pgdrift.core.plan.step import Held, Lock, Step
from pgdrift.core.plan.weight import Weight, grade, size_words, words
from pgdrift.reconcile import planfile
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.weights import read_weights
from tests.conftest import MakeDatabase, MakeRole

_REWRITE = Step("ALTER", "change type", Lock.ACCESS_EXCLUSIVE, ("public.t",), rewrites=True)


@pytest.mark.parametrize(
    ("size", "said"),
    [(8192, "8.0 kB"), (0, "0 bytes"), (40 * 2**30, "40 GB"), (1536 * 2**20, "1.5 GB")],
)
def test_a_size_is_said_as_people_say_it(size: int, said: str) -> None:
    assert size_words(size) == said


def test_a_rewrite_of_much_is_not_a_rewrite_of_little() -> None:
    sizes = {"heavy": 40 * 2**30, "noticeable": 100 * 2**20, "": 8192}
    found = {grade(_REWRITE, {"public.t": Weight(size)}): size for size in sizes.values()}
    assert found == sizes
    assert grade(_REWRITE, {}) == grade(_REWRITE, {"public.t": Weight()}) == ""
    # What only keeps others out for a moment is not worse for a large table.
    assert grade(replace(_REWRITE, rewrites=False), {"public.t": Weight(2**40)}) == ""


def test_what_nobody_could_tell_is_said_to_be_unknown() -> None:
    assert words(Weight()) == "size unknown"
    assert words(Weight(8192, 3)) == "8.0 kB, 3 rows"
    said = words(Weight(2**30, 1_200_000, 7, 9, "2026-01-01T00:00:00Z"))
    assert said == (
        "1.0 GB, about 1,200,000 rows; read 7 times, 9 rows written since 2026-01-01T00:00:00Z"
    )


def test_hazards_are_told_with_what_goes_through_most_first() -> None:
    steps = [replace(_REWRITE, on=(f"public.t{n}",)) for n in range(3)]
    statements = [
        Statement(n, ObjectId("column", ("public", f"t{n}", "a")), Verb.CHANGE, step)
        for n, step in enumerate(steps, 1)
    ]
    end = End("a", "0", 180000)
    sizes = {"public.t0": Weight(8192), "public.t1": Weight(2**32), "public.t2": Weight(2**27)}
    plan = Plan(end, end, Way(tuple(statements)), Way(), weights=sizes)
    hazards = review(plan).split("## Hazards")[1].split("## ")[0]
    assert [line[2] for line in hazards.splitlines() if line] == ["2", "3", "1"]
    assert "heavy; " in hazards.splitlines()[2]
    assert "public.t1: 4.0 GB" in text(plan, plan.up)
    assert planfile.from_yaml(planfile.to_yaml(plan)).weights == sizes
    assert plan.binding == replace(plan, weights={}).binding


def test_hazards_of_the_way_back_are_told_and_what_rows_may_stand_against() -> None:
    column = ObjectId("column", ("public", "t", "c"))
    gone = Step("ALTER TABLE public.t DROP COLUMN c", loses="what the column holds")
    back = Step("ALTER TABLE public.t ADD COLUMN c int NOT NULL", fails="the table has rows")
    end = End("a", "0", 180000)
    up, down = Statement(1, column, Verb.DROP, gone), Statement(1, column, Verb.MAKE, back)
    said = review(Plan(end, end, Way((up,)), Way((down,))))
    hazards = said.partition("## Hazards of the way back")[2].partition("##")[0]
    assert "fails where the table has rows" in hazards
    assert "drop column" not in hazards
    assert list(may_stop(Way((up, down)))) == [
        "1, new column public.t.c, fails where the table has rows"
    ]


def test_locks_are_told_strongest_first_and_all_that_is_locked_beside() -> None:
    also = (Held("public.whole", Lock.SHARE_UPDATE_EXCLUSIVE), Held("public.p", _REWRITE.lock))
    statement = Statement(
        1, ObjectId("table", ("public", "t")), Verb.CHANGE, replace(_REWRITE, also=also)
    )
    end = End("a", "0", 180000)
    said = text(Plan(end, end, Way((statement,)), Way()), Way((statement,)))
    assert "ACCESS EXCLUSIVE on public.t, public.p\n" in said
    assert said.index("ACCESS EXCLUSIVE on") < said.index("SHARE UPDATE EXCLUSIVE on public.whole")


_SQL = """
create table "T t" (id int, note text);
create table parts (id int, note text) partition by list (id);
create table parts1 partition of parts for values in (1);
create table never (id int);
insert into "T t" select n, repeat('x', 500) from generate_series(1, 2000) n;
insert into parts values (1, 'x');
analyze "T t"; analyze parts;
"""


@pytest.mark.db
async def test_weights_are_asked_of_the_target_by_a_role_without_rights(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    a = await make_database(sql=_SQL)
    b = await make_database(
        sql='create table "T t" (id bigint, note text); create table never (id bigint);'
        "create table parts (id int, note varchar(9)) partition by list (id);"
        "create table parts1 partition of parts for values in (1);"
    )
    session = await asyncpg.connect(a)
    size = await session.fetchval("select pg_total_relation_size('\"T t\"')")
    await session.close()
    reader = await make_role(a)
    made = await _plan((reader, b), sides.Sides(None), online=False, proved=False)
    found = made.plan.weights
    whole = found['public."T t"']
    assert (whole.size, whole.rows) == (size, 2000)
    assert None not in {whole.writes, whole.reads}
    parts = found["public.parts"]
    assert parts.size == found["public.parts1"].size != 0
    assert found["public.never"].rows is None
    assert "about 2,000 rows" in review(made.plan)


@pytest.mark.db
async def test_a_file_has_no_weight_and_a_server_that_does_not_answer_none_either(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    database = await make_database(sql=_SQL)
    file = tmp_path / "a.json"
    async with connection(database) as opened:
        file.write_text(snapshot_file.dump(await snapshot(opened)), encoding="utf-8")
    other = await make_database(sql="create table parts ()")
    made = await _plan((str(file), other), sides.Sides(None), online=False, proved=False)
    assert made.plan.up.statements
    assert made.plan.weights == {}
    assert await read_weights(database, ["public.nothing", "one.two.three", "public"]) == {}
    assert await read_weights("postgresql://nobody@127.0.0.1:1/x", ["public.parts"]) == {}
    session = await asyncpg.connect(database)
    await session.execute("begin; lock table parts1 in access exclusive mode")
    assert await read_weights(database, ["public.parts"]) == {}
    await session.close()
