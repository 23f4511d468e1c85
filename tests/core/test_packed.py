"""Packed objects are the objects they were packed from, whatever is done with them."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.group import content
from pgdrift.core.held.groups import Groups
from pgdrift.core.held.packed import Packed, differing, packed
from pgdrift.core.held.packing import Packing
from pgdrift.core.model import Object, ObjectId, Snapshot
from tests.core.build import column, obj, pairs_of_snapshots, snap, snapshots, table, table_id


@given(snapshots())
def test_what_is_packed_comes_out_as_it_was(one: Snapshot) -> None:
    objects = {i: replace(o, oid=n) for n, (i, o) in enumerate(one.objects.items())}
    held = packed(objects)

    assert dict(held) == objects
    assert {i: o.oid for i, o in held.items()} == {i: o.oid for i, o in objects.items()}
    assert all(held[i].digest == o.digest for i, o in objects.items())
    assert (len(held), set(held)) == (len(objects), set(objects))


@given(pairs_of_snapshots())
def test_what_is_unfolded_for_good_is_the_same(pair: tuple[Snapshot, Snapshot]) -> None:
    one, other = (s.packed for s in pair)
    retold = one.ruled(lambda o: replace(o, attributes={**o.attributes, "retold": True}))
    for held in (one, retold):
        good = held.unfolded()
        assert dict(good) == dict(held)
        assert list(good) == list(held)
        assert good.root == held.root
        assert good.some(other) == held.some(other)
        assert ObjectId("table", ("nowhere", "t")) not in good
        assert dict(good) == dict(held)
        assert differing(good, other) == differing(held, other)


@given(snapshots())
def test_it_does_not_matter_in_which_order_objects_come(one: Snapshot) -> None:
    turned = packed(dict(reversed(list(one.objects.items()))))
    assert turned.groups == one.packed.groups
    assert turned.root == one.root


@given(pairs_of_snapshots())
def test_what_differs_is_what_has_no_equal_on_the_other_side(
    pair: tuple[Snapshot, Snapshot],
) -> None:
    one, other = pair
    ours, theirs = differing(one.packed, other.packed)
    for mine, side, its in ((ours, one, other), (theirs, other, one)):
        digests = {o.digest for o in its.objects.values()}
        assert mine == {i: o for i, o in side.objects.items() if o.digest not in digests}
    assert one.packed.same_as(other.packed) == (not ours and not theirs)


@given(pairs_of_snapshots())
def test_edits_give_the_other_side(pair: tuple[Snapshot, Snapshot]) -> None:
    one, other = pair
    ours, theirs = differing(one.packed, other.packed)
    edited = one.packed.edited({**dict.fromkeys(ours), **theirs})
    assert dict(edited) == dict(other.objects)
    assert edited.root == other.root


@given(snapshots())
def test_places_and_kinds_are_told_as_if_all_were_unfolded(one: Snapshot) -> None:
    order = list(one.packed)
    assert one.packed.at(range(len(order))) == dict(enumerate(order))
    assert one.packed.places([*order[::2], ObjectId("table", ("no", "where"))]) == dict(
        list(enumerate(order))[::2]
    )
    assert one.packed.kinds() == Counter(i.kind for i in order)


@given(snapshots(), st.data())
def test_pairs_that_refer_to_some_are_those_of_all_that_do(
    one: Snapshot, data: st.DataObject
) -> None:
    places = st.integers(0, max(len(one.objects) - 1, 0))
    drawn = data.draw(st.lists(st.tuples(places, places))) if one.objects else []
    held = Dependencies(one.packed, array("I", [end for pair in drawn for end in pair]))
    some = set(islice(one.packed, 2))
    assert sorted(held.on(some)) == sorted(pair for pair in held.unsorted() if pair[1] in some)


def test_a_rule_retells_all_but_what_was_edited_since() -> None:
    def louder(found: Object) -> Object:
        return replace(found, attributes={**found.attributes, "loud": True})

    ruled = snap(table("a"), table("b")).packed.ruled(louder)
    edited = ruled.edited({table_id("b"): table("b", comment="mine")})

    assert edited[table_id("a")].attributes["loud"] is True
    assert edited[table_id("b")].attributes == table("b", comment="mine").attributes
    assert ruled.same_as(snap(table("b"), table("a")).packed.ruled(louder))
    assert not ruled.same_as(edited)


def test_what_is_equal_is_held_once() -> None:
    one, other = snap(table("a"), table("b")), snap(table("a"), table("b", comment="new"))
    shared = other.sharing(one)
    same = [key for key, g in shared.packed.groups.items() if one.packed.groups.get(key) is g]
    assert len(same) == 1
    assert dict(shared.objects) == dict(other.objects)
    assert one.packed.edited({table_id("b"): None}).groups is snap(table("a")).packed.groups


@given(snapshots())
def test_oids_are_given_by_group_as_they_lie_in_one_row(one: Snapshot) -> None:
    held = packed({i: replace(o, oid=n) for n, (i, o) in enumerate(one.objects.items())})
    oids = held.oids
    assert dict(oids) == oids.by_group()
    assert b"".join(oids.values()) == oids.row
    assert array("I", oids.row).tolist() == [o.oid for o in held.values()]
    assert held.edited({table_id("none"): None}).oids == oids


def test_what_shares_with_a_later_one_has_its_groups_although_it_is_equal() -> None:
    one = snap(table("a"), table("b")).packed
    copies = Groups({key: bytes(bytearray(group)) for key, group in one.groups.items()})
    other = Packed(copies, one.oids)
    assert other.groups is not one.groups
    assert other.sharing(one).groups is one.groups
    assert one.sharing(other).groups is copies


@given(snapshots(), st.integers(0, 8))
def test_contents_that_are_told_make_what_objects_make(one: Snapshot, folded: int) -> None:
    """However many groups are folded before more is added to them."""
    packing = Packing()
    numbers: dict[ObjectId, int] = {}
    for i, o in sorted(one.objects.items(), key=lambda item: len(item[0].path)):
        text = content(o)
        rest = text.index(b",{")
        parent = numbers.get(o.parent) if o.parent else None
        numbers[i] = packing.add([i.path], [text[:rest]], [text[rest:]], [parent], [o.oid])
        list(islice(packing.folding(), folded))

    held, places = packing.packed()

    assert held.root == one.root
    ids = list(held)
    assert {i: ids[places[n]] for i, n in numbers.items()} == {i: i for i in numbers}
    assert all(held[i].attributes == o.attributes for i, o in one.objects.items())


@pytest.mark.parametrize("folded", [False, True])
def test_what_is_forgotten_was_never_there(folded: bool) -> None:
    packing = Packing()
    objects = table("a"), table("b"), column("c"), column("d", "a")
    for o in objects:
        text = content(o)
        at = text.index(b",{")
        packing.add([o.id.path], [text[:at]], [text[at:]], [None], [0])
        if folded:
            assert list(packing.folding())
    packing.forget(1)
    held, _ = packing.packed()
    assert {i: o.attributes for i, o in held.items()} == {table_id("a"): objects[0].attributes}


def test_of_two_of_one_name_the_later_stays() -> None:
    packing = Packing()
    for comment in ("old", "new"):
        text = content(table("a", comment=comment))
        at = text.index(b",{")
        packing.add([("public", "a")], [text[:at]], [text[at:]], [None], [0])
        list(packing.folding())
    held, _ = packing.packed()
    assert held[table_id("a")].attributes["comment"] == "new"


def test_a_name_may_hold_what_ends_a_content() -> None:
    hostile = obj(table_id('a\n"],{'), comment="one\ntwo")
    assert dict(snap(hostile).objects) == {hostile.id: hostile}
