"""What is kept with one thing lasts as long as the others do, and no longer."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.memo import Memo
from pgdrift.core.model import Object
from tests.core.build import ident, obj, snap, table, table_id


class Thing:
    """Something that can be referred to weakly."""


def counted(made: list[int]) -> Callable[[], int]:
    def make() -> int:
        made.append(1)
        return len(made)

    return make


def test_what_was_made_is_made_once_for_the_same_others() -> None:
    memo, one, other, made = Memo(), Thing(), Thing(), list[int]()
    asked = [memo.kept("x", [o], counted(made)) for o in (one, one, other, one, other)]
    assert asked == [1, 1, 2, 1, 2]
    assert memo.kept("y", [one], counted(made)) == 3
    assert memo.kept("x", [one, other], counted(made)) == 4


def test_what_has_gone_is_forgotten_and_its_place_means_nothing() -> None:
    memo, other = Memo(), Thing()
    memo.keep("x", [other], "kept")
    assert memo.find("x", [other]) == "kept"
    del other
    gc.collect()
    assert all(memo.find("x", [Thing()]) is None for _ in range(50))


def test_only_the_latest_few_are_kept() -> None:
    memo, others = Memo(), [Thing() for _ in range(100)]
    for other in others:
        memo.keep("x", [other], "kept")
    found = [other for other in others if memo.find("x", [other])]
    assert found
    assert len(found) < 20
    assert found[-1] is others[-1]


def key(name: str) -> Object:
    made_of = {"definition": "PRIMARY KEY (id)", "named_after": ["a", "pkey"]}
    return obj(ident("constraint", "public", "a", name), table_id("a"), **made_of)


def test_two_sides_that_stay_are_told_alike_once() -> None:
    side = normalise(snap(table("a", comment="old"), key("a_pkey1")), Options())
    to = normalise(snap(table("a", comment="new"), key("a_pkey")), Options())
    told = align(side, to, Options())
    assert told is not side
    assert align(side, to, Options()) is told
    assert align(side, replace(to), Options()) is not told
    # What is known to be apart is what would be found anew, from either side.
    assert [str(c.id) for c in compare(told, to).changes] == ["table:public.a"]
    assert compare(told, to) == compare(replace(told), to)
    assert compare(to, told) == compare(replace(to), told)


def test_other_options_are_told_otherwise() -> None:
    named = Options(constraint_names=True)
    sides = snap(key("a_pkey1")), snap(key("a_pkey"))
    one, to = (normalise(side, Options()) for side in sides)
    assert not compare(align(one, to, Options()), to).changes
    assert len(compare(align(one, to, named), to).changes) == 2
