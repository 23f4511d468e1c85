"""What hangs on what goes: by pg_depend to the last of it, beyond the plan, and by texts."""

from __future__ import annotations

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.presets import Presets
from pgdrift.core.model import ObjectId
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Impact, Plan
from pgdrift.core.plan.shown import review
from tests.conftest import MakeDatabase
from tests.plan.proving import read

pytestmark = pytest.mark.db

_A = """
create table t (id int, x int);
create table u (id int);
create view one as select id from t;
create view two as select id from one;
create materialized view three as select id from two;
create view aside as select x from t;
create table aside_kid () inherits (t);
create function counts() returns bigint language sql as 'select count(*) from public.t';
create function adds() returns int language sql as 'select 1 -- total';
create function writes() returns void language plpgsql as 'begin insert into T values (1); end';
create function owned() returns setof t language sql as 'select * from t';
"""
_PUBLISHED = "create publication p for table t;"


def _ids(kind: str, *names: str) -> tuple[ObjectId, ...]:
    return tuple(ObjectId(kind, ("public", n)) for n in names)


async def _planned(make_database: MakeDatabase, b: str, options: Options | None = None) -> Plan:
    one, other = await make_database(sql=_A + _PUBLISHED), await make_database(sql=b)
    sides = await read(one), await read(other)
    return make_plan(sides, ("a", "b"), options or Options())


def _of(plan: Plan, kind: str, *path: str) -> Impact:
    (found,) = (i for i in plan.up.impacts if i.object == ObjectId(kind, path))
    return found


async def test_a_table_that_goes_takes_along_whatever_hangs_on_it_at_any_depth(
    make_database: MakeDatabase,
) -> None:
    keeps = "create function counts() returns bigint language sql as 'select 1::bigint';"
    kept = _A.split("create function adds")[1]
    rest = "create function adds" + kept.split("create function owned")[0]
    plan = await _planned(make_database, "create table u (id int);" + keeps + rest)
    found = _of(plan, "table", "public", "t")
    assert {*_ids("view", "aside", "one", "two"), *_ids("materialized_view", "three")} <= {
        *found.falls
    }
    assert any(i.kind == "publication_table" for i in found.falls)
    assert ("function", "owned") in {(i.kind, i.path[-1]) for i in found.falls}
    # By its text alone: pg_depend knows nothing of a body in a string.
    assert [i.path[-1] for i in found.mentioned] == ["writes"]
    said = review(plan)
    assert "has its name in its text, which may mean it or not: `function public.writes" in said


async def test_a_type_that_changes_rebuilds_views_of_views(make_database: MakeDatabase) -> None:
    plan = await _planned(make_database, _A.replace("t (id int", "t (id bigint") + _PUBLISHED)
    found = _of(plan, "column", "public", "t", "id")
    assert {*_ids("view", "one", "two"), *_ids("materialized_view", "three")} <= {*found.rebuilt}
    assert not {*_ids("view", "aside")} & {*found.rebuilt}
    assert found.falls == ()


async def test_what_is_not_compared_and_hangs_on_it_is_named(make_database: MakeDatabase) -> None:
    aside = Options(presets=Presets(partition_names=("public.aside_*",)))
    plan = await _planned(make_database, "create table u (id int);", aside)
    found = _of(plan, "table", "public", "t")
    assert _ids("table", "aside_kid")[0] in found.outside
    assert "hangs on it and is not compared: " in review(plan)
