"""What changed between two looks, told apart: what statements reach, and what others did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core.model import Change, ObjectId
from pgdrift.core.plan.beside import astray, beside, without
from pgdrift.core.plan.model import Statement, Verb
from pgdrift.core.plan.step import Step
from tests.core.build import added, changed, column, ident, index, policy, removed, snap, table

PART = table("part", inherits=["public.orders"])
OTHER = table("other", row_security=True)
SIDE = (table(replica_identity="index key"), column("id"), PART, column("id", "part"), OTHER)
VIEW = table("seen")
BEFORE = replace(
    snap(*SIDE, VIEW, index("key")),
    dependencies=((VIEW.id, ident("column", "public", "orders", "id")),),
)


def ran(about: ObjectId, sql: str = "") -> list[Statement]:
    return [Statement(1, about, Verb.CHANGE, Step(sql))]


def test_what_nothing_that_was_run_reaches_is_anothers() -> None:
    switched = table("other", row_security=False)
    after = snap(*SIDE[:-1], switched, VIEW, index("key"), index("new"), policy("p", "other"))
    found = beside(BEFORE, after, ran(ident("index", "public", "new")))
    assert [str(c.id) for c in found] == ["policy:public.other.p", "table:public.other"]
    left = without(found, BEFORE, after)
    assert left.objects[OTHER.id] == OTHER
    assert set(left.objects) == {*BEFORE.objects, ident("index", "public", "new")}


@pytest.mark.parametrize(
    ("about", "sql", "after"),
    [
        # Of the column: those of what inherits it, and what hangs on it.
        (
            ident("column", "public", "orders", "id"),
            "",
            snap(*SIDE[:3], column("id", "part", type="text"), OTHER, index("key")),
        ),
        # A table says which of its indexes is its replica identity.
        (
            ident("index", "public", "key"),
            "",
            snap(table(replica_identity="(none)"), *SIDE[1:], VIEW),
        ),
        # A name that is used for a while.
        (
            ident("column", "public", "orders", "id"),
            "ALTER TABLE public.orders ADD CONSTRAINT id_not_null CHECK (true)",
            snap(*SIDE, VIEW, index("key"), index("id_not_null", "other")),
        ),
    ],
    ids=["inherited and hanging", "named", "mentioned"],
)
def test_what_statements_reach_is_theirs(about: ObjectId, sql: str, after: object) -> None:
    assert beside(BEFORE, after, ran(about, sql)) == ()  # type: ignore[arg-type]


ONE = OTHER.id


@pytest.mark.parametrize(
    ("change", "unlike", "is_astray"),
    [
        (changed(ONE, a=(1, 2)), [changed(ONE, a=(3, 2))], True),
        (changed(ONE, a=(1, 2)), [changed(ONE, b=(3, 2))], False),
        (changed(ONE, a=(1, 2)), [added(ONE)], True),
        (added(ONE), [added(ONE)], True),
        (added(ONE), [changed(ONE, a=(1, 2))], False),
        (removed(ONE), [removed(ONE)], True),
        (removed(ONE), [removed(ident("schema", "public"), ONE)], True),
        (removed(ONE), [], False),
    ],
)
def test_what_became_as_it_is_to_be_is_not_astray(
    change: Change, unlike: list[Change], is_astray: bool
) -> None:
    assert astray([change], unlike) == ((change,) if is_astray else ())
