"""Two snapshots are compared by one algorithm that knows no kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.compare import compare, differences, same
from pgdrift.core.model import Change, ChangeType, ObjectId, Snapshot
from tests.core.build import (
    KINDS,
    NOW,
    added,
    attributes,
    changed,
    column,
    ident,
    obj,
    pairs_of_snapshots,
    policy,
    removed,
    snap,
    snapshots,
    table,
    table_id,
)


def test_what_is_only_on_the_second_side_is_added() -> None:
    found = compare(snap(), snap(table(owner="app"))).changes
    assert found == (added(table_id(), owner="app"),)


def test_what_is_only_on_the_first_side_is_removed() -> None:
    found = compare(snap(table(owner="app")), snap()).changes
    assert found == (removed(table_id(), owner="app"),)


def test_a_change_names_what_differs_before_and_after_and_nothing_else() -> None:
    before = snap(table(owner="app", comment="same", options=["a=1"]))
    after = snap(table(owner="root", comment="same", options=["a=2"]))
    assert compare(before, after).changes == (
        changed(table_id(), owner=("app", "root"), options=(["a=1"], ["a=2"])),
    )


def test_none_is_a_value() -> None:
    found = compare(snap(table(comment=None)), snap(table(comment="hi"))).changes
    assert found == (changed(table_id(), comment=(None, "hi")),)
    found = compare(snap(table(comment="hi")), snap(table(comment=None))).changes
    assert found == (changed(table_id(), comment=("hi", None)),)


def test_an_attribute_that_one_side_did_not_read_is_no_difference() -> None:
    old, new = table(owner="app"), table(owner="app", access_method="heap")
    assert old.digest != new.digest
    assert compare(snap(old), snap(new)).changes == ()
    assert compare(snap(new), snap(old)).changes == ()
    assert same(old, new)


def test_beside_an_attribute_that_was_not_read_the_others_count() -> None:
    old, new = table(owner="app"), table(owner="root", access_method="heap")
    assert differences(old, new) == {"owner": ("app", "root")}


def test_absence_equals_absence_and_nothing_else() -> None:
    empty = obj(ident("extension", "x"))
    assert same(None, None)
    assert not same(None, empty)
    assert not same(empty, None)


def test_a_lost_parent_speaks_for_its_children_at_any_depth() -> None:
    schema = obj(ident("schema", "public"))
    grant = obj(ident("column_privilege", "public", "orders", "id", "joe"), column("id").id)
    everything = (schema, table(), column("id"), policy("p"), grant)
    kinds = KINDS | {"column_privilege"}
    (gone,) = compare(snap(*everything, kinds=kinds), snap(kinds=kinds)).changes
    assert gone.id == schema.id
    assert gone.contains == tuple(sorted(o.id for o in everything[1:]))


def test_a_new_parent_speaks_for_its_children_too() -> None:
    (new,) = compare(snap(), snap(table(), column("id"))).changes
    assert (new.change, new.contains) == (ChangeType.ADDED, (column("id").id,))


def test_a_child_speaks_for_itself_where_its_parent_stays() -> None:
    found = compare(snap(table(), column("id")), snap(table())).changes
    assert found == (removed(column("id").id, type="integer"),)


def test_a_child_speaks_for_itself_where_its_parent_was_never_read() -> None:
    found = compare(snap(column("id"), kinds=frozenset({"column"})), snap()).changes
    assert [c.id for c in found] == [column("id").id]


def test_a_changed_parent_does_not_speak_for_its_children() -> None:
    found = compare(snap(table(owner="a"), column("id")), snap(table(owner="b"))).changes
    assert {c.id for c in found} == {table_id(), column("id").id}


def test_two_parents_each_speak_for_their_own() -> None:
    before = snap(table("a"), column("x", "a"), table("b"), column("x", "b"))
    found = compare(before, snap()).changes
    assert [(c.id.path[-1], [i.path[1] for i in c.contains]) for c in found] == [
        ("a", ["a"]),
        ("b", ["b"]),
    ]


def test_a_kind_that_one_side_did_not_read_is_counted_and_not_compared() -> None:
    here = snap(table(), policy("p"), policy("q"))
    there = snap(table(), kinds=KINDS - {"policy"}, unread={"policy": "no right"})
    for one, two in ((here, there), (there, here)):
        assert compare(one, two).changes == ()
        assert compare(one, two).not_compared == {"policy": 2}


def test_a_kind_that_is_compared_on_neither_side_is_no_difference_whoever_holds_its_objects() -> (
    None
):
    here = snap(table(), policy("p"), kinds=KINDS - {"policy"})
    there = snap(table(), kinds=KINDS - {"policy"})
    for one, two in ((here, there), (there, here)):
        assert compare(one, two).changes == ()


def test_a_lost_parent_does_not_speak_for_what_was_not_compared() -> None:
    before = snap(table(), policy("p"))
    after = snap(kinds=KINDS - {"policy"})
    (gone,) = compare(before, after).changes
    assert gone.contains == ()
    assert compare(before, after).not_compared == {"policy": 1}


def test_what_differs_is_sorted_by_kind_and_name() -> None:
    ids = [c.id for c in compare(snap(), snap(table("b"), policy("p", "z"), table("a"))).changes]
    assert ids == sorted(ids)


def test_oids_and_versions_and_times_are_no_difference() -> None:
    before = snap(obj(table_id(), None, 1, owner="app"))
    after = snap(obj(table_id(), None, 2, owner="app"), version=180000, at=NOW.replace(year=2027))
    assert compare(before, after).changes == ()


@given(snapshots())
def test_nothing_differs_from_itself(one: Snapshot) -> None:
    assert compare(one, one).changes == ()
    copy = Snapshot(dict(one.objects), one.kinds, one.server_version, one.taken_at)
    assert compare(one, copy) == compare(one, one)


MIRROR = {
    ChangeType.ADDED: ChangeType.REMOVED,
    ChangeType.REMOVED: ChangeType.ADDED,
    ChangeType.CHANGED: ChangeType.CHANGED,
}


def mirrored(change: Change) -> Change:
    turned = {name: (new, old) for name, (old, new) in change.attributes.items()}
    return Change(change.id, MIRROR[change.change], turned, change.contains)


@given(pairs_of_snapshots())
def test_the_other_way_round_is_the_mirror_image(pair: tuple[Snapshot, Snapshot]) -> None:
    one, two = pair
    there, back = compare(one, two), compare(two, one)
    assert tuple(map(mirrored, there.changes)) == back.changes
    assert there.not_compared == back.not_compared


@given(pairs_of_snapshots())
def test_every_object_is_told_once_or_equal_or_counted(pair: tuple[Snapshot, Snapshot]) -> None:
    one, two = pair
    found = compare(one, two)
    told = [i for c in found.changes for i in (c.id, *c.contains)]
    assert len(told) == len(set(told))
    kinds = one.kinds & two.kinds
    unequal = {
        i
        for i in one.objects.keys() | two.objects.keys()
        if i.kind in kinds and not same(one.objects.get(i), two.objects.get(i))
    }
    assert set(told) == unequal
    aside = [i for s in pair for i in s.objects if i.kind not in kinds]
    assert sum(found.not_compared.values()) == len(aside)


@given(attributes, attributes)
def test_differences_name_exactly_what_both_read_and_what_differs(
    one: dict[str, object], two: dict[str, object]
) -> None:
    i = ObjectId("x", ("y",))
    found = differences(obj(i, **one), obj(i, **two))
    assert found.keys() == {n for n in one.keys() & two.keys() if one[n] != two[n]}


@given(st.data(), snapshots())
def test_one_touched_attribute_is_one_change(data: st.DataObject, one: Snapshot) -> None:
    if not one.objects:
        return
    i = data.draw(st.sampled_from(sorted(one.objects)))
    old = obj(i, one.objects[i].parent, **{**one.objects[i].attributes, "touched": 1})
    new = obj(i, one.objects[i].parent, **{**one.objects[i].attributes, "touched": 2})
    before = Snapshot({**one.objects, i: old}, one.kinds, 1, one.taken_at)
    after = Snapshot({**one.objects, i: new}, one.kinds, 1, one.taken_at)
    assert compare(before, after).changes == (changed(i, touched=(1, 2)),)
