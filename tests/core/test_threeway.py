"""Who moved: an environment, its upstream, and what both last agreed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.compare import same
from pgdrift.core.model import Agreed, Direction, Object, ObjectId, Snapshot
from pgdrift.core.threeway import agree, direction, directions
from tests.core.build import (
    KINDS,
    column,
    obj,
    pairs_of_snapshots,
    policy,
    snap,
    table,
    table_id,
)

A, B, C = table(owner="a"), table(owner="b"), table(owner="c")
AHEAD, BEHIND, DIVERGED = Direction.AHEAD, Direction.BEHIND, Direction.DIVERGED


@pytest.mark.parametrize(
    ("here", "upstream", "agreed", "expected"),
    [
        (A, A, A, None),
        (B, B, A, None),  # both made the same change
        (A, A, None, None),
        (None, None, A, None),  # both dropped it
        (None, None, None, None),
        (A, B, A, BEHIND),
        (A, None, A, BEHIND),  # upstream dropped it
        (None, A, None, BEHIND),  # upstream created it
        (B, A, A, AHEAD),
        (None, A, A, AHEAD),  # dropped here
        (A, None, None, AHEAD),  # created here
        (B, C, A, DIVERGED),
        (None, B, A, DIVERGED),  # dropped here, changed there
        (B, None, A, DIVERGED),
        (B, C, None, DIVERGED),  # both created it, each in its own way
    ],
)
def test_the_table_of_directions(
    here: Object | None, upstream: Object | None, agreed: Object | None, expected: Direction | None
) -> None:
    assert direction(here, upstream, agreed, upstream) is expected
    sides = [snap(*([side] if side else [])) for side in (here, upstream, agreed)]
    found = directions(sides[0], sides[1], Agreed(sides[2]))
    assert found == ({table_id(): expected} if expected else {})


def test_without_an_agreement_nobody_is_said_to_have_moved() -> None:
    found = directions(snap(A, column("x")), snap(B), None)
    assert found == {table_id(): Direction.UNKNOWN, column("x").id: Direction.UNKNOWN}


def test_equal_objects_need_no_agreement() -> None:
    assert directions(snap(A), snap(A), None) == {}


def test_what_differed_from_the_beginning_stays_unknown_beside_what_agreed() -> None:
    here, there = snap(A, column("x")), snap(B, column("x"))
    agreed = agree(here, there, directions(here, there, None).keys(), None)
    assert agreed.unknown == {table_id()}
    moved = snap(A, column("x", type="text"))
    assert directions(moved, there, agreed) == {
        table_id(): Direction.UNKNOWN,
        column("x").id: Direction.AHEAD,
    }


def test_the_unknown_is_known_once_both_are_equal() -> None:
    here, there = snap(A), snap(B)
    first = agree(here, there, {table_id()}, None)
    assert first.unknown == {table_id()}
    second = agree(snap(B), there, set(), first)
    assert second.unknown == frozenset()
    assert directions(snap(C), there, second) == {table_id(): Direction.AHEAD}


def test_agreement_moves_only_where_both_are_equal() -> None:
    start = Agreed(snap(A, column("x", type="text")))
    here, there = snap(B, column("x", type="int")), snap(A, column("x", type="int"))
    moved = directions(here, there, start)
    after = agree(here, there, moved.keys(), start)
    assert after.snapshot.objects[table_id()] == A
    assert after.snapshot.objects[column("x").id] == column("x", type="int")
    assert directions(here, there, after) == {table_id(): Direction.AHEAD}


def test_absence_is_agreed_too() -> None:
    here, there = snap(), snap()
    agreed = agree(here, there, set(), Agreed(snap(A)))
    assert agreed.snapshot.objects == {}
    assert directions(snap(A), there, agreed) == {table_id(): Direction.AHEAD}
    assert directions(here, snap(A), agreed) == {table_id(): Direction.BEHIND}


def test_absence_is_agreed_on_a_kind_that_is_read_for_the_first_time() -> None:
    start = Agreed(snap(A, kinds=KINDS - {"policy"}))
    agreed = agree(snap(A), snap(A), set(), start)
    assert directions(snap(A, policy("p")), snap(A), agreed) == {policy("p").id: Direction.AHEAD}


def test_the_very_same_agreement_comes_back_when_nothing_moved() -> None:
    start = agree(snap(A, column("x")), snap(B, column("x")), {table_id()}, None)
    assert agree(snap(A, column("x")), snap(B, column("x")), {table_id()}, start) is start


@pytest.mark.parametrize("blind", ["here", "there"])
def test_a_kind_that_one_side_cannot_read_keeps_its_old_agreement(blind: str) -> None:
    old = policy("p", using="old")
    start = Agreed(snap(A, old))
    seeing, unseeing = snap(B, policy("p", using="new")), snap(B, kinds=KINDS - {"policy"})
    here, there = (unseeing, seeing) if blind == "here" else (seeing, unseeing)
    assert directions(here, there, start) == {}
    kept = agree(here, there, set(), start)
    assert kept.snapshot.objects[old.id] == old
    assert kept.snapshot.objects[table_id()] == B
    assert "policy" in kept.snapshot.kinds
    back = snap(B, policy("p", using="new"))
    assert directions(back, snap(B, old), kept) == {old.id: Direction.AHEAD}


def test_a_kind_that_one_side_cannot_read_stays_unknown() -> None:
    start = agree(snap(policy("p")), snap(policy("p", using="x")), {policy("p").id}, None)
    blind = snap(kinds=KINDS - {"policy"})
    assert agree(blind, snap(policy("p")), set(), start).unknown == {policy("p").id}


def test_what_was_agreed_before_a_kind_was_read_is_not_known() -> None:
    start = Agreed(snap(A, kinds=KINDS - {"policy"}))
    assert directions(snap(A, policy("p")), snap(A), start) == {policy("p").id: Direction.UNKNOWN}


def test_an_attribute_that_the_agreement_never_held_does_not_say_who_moved() -> None:
    # A new version reads more than the one that agreed: neither side moved since, so far as known.
    start = Agreed(snap(table(owner="a")))
    here, there = snap(table(owner="a", rls=False)), snap(table(owner="a", rls=True))
    assert directions(here, there, start) == {table_id(): Direction.UNKNOWN}


@given(pairs_of_snapshots())
def test_a_difference_is_exactly_what_has_a_direction(pair: tuple[Snapshot, Snapshot]) -> None:
    here, there = pair
    kinds = here.kinds & there.kinds
    unequal = {
        i
        for i in here.objects.keys() | there.objects.keys()
        if i.kind in kinds and not same(here.objects.get(i), there.objects.get(i))
    }
    assert directions(here, there, None).keys() == unequal
    assert agree(here, there, unequal, None).unknown == unequal


MOVES = st.sampled_from(["drop", "touch"])


def moved(side: Snapshot, i: ObjectId, move: str) -> Snapshot:
    objects = dict(side.objects)
    old = objects.pop(i)
    if move == "touch":
        objects[i] = obj(i, old.parent, **{**old.attributes, "touched": "by us"})
    return Snapshot(objects, side.kinds, side.server_version, side.taken_at)


@given(st.data(), pairs_of_snapshots())
def test_after_agreement_a_move_on_one_side_has_a_direction(
    data: st.DataObject, pair: tuple[Snapshot, Snapshot]
) -> None:
    base = Snapshot(
        {i: obj(i, o.parent, touched=1, **o.attributes) for i, o in pair[0].objects.items()},
        KINDS,
        150000,
        pair[0].taken_at,
    )
    # Whatever was agreed before, and whatever was unknown: both sides are equal now.
    apart = directions(pair[0], pair[1], None).keys()
    agreed = agree(base, base, set(), agree(pair[0], pair[1], apart, None))
    assert directions(base, base, agreed) == {}
    assert agreed.unknown == frozenset()
    assert agreed.snapshot.root == base.root
    if not base.objects:
        return
    i = data.draw(st.sampled_from(sorted(base.objects)))
    other = moved(base, i, data.draw(MOVES))
    assert directions(other, base, agreed) == {i: Direction.AHEAD}
    assert directions(base, other, agreed) == {i: Direction.BEHIND}
    assert directions(other, other, agreed) == {}
    # Still so after as many looks as you like.
    again = agree(other, base, {i}, agreed)
    assert again is agreed
    assert directions(other, base, again) == {i: Direction.AHEAD}
