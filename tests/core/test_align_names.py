"""Names that the server made are no difference; names that people gave are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from pgdrift.core.alike.align import align, keep_up
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Direction, Object, Snapshot, Value
from pgdrift.core.watched import Watched
from tests.core.build import column, ident, obj, pairs_of_snapshots, snap, table, table_id
from tests.core.environment import Environment

STRICT = Options(constraint_names=True)


def constraint(name: str, *parts: str, definition: str = "UNIQUE (a)", **more: Value) -> Object:
    i = ident("constraint", "public", "orders", name)
    attributes = {"definition": definition, "comment": None, **more}
    return obj(i, table_id(), named_after=["orders", *parts], **attributes)


def index(name: str, *parts: str, definition: str = "USING btree (a)", **more: Value) -> Object:
    i = ident("index", "public", name)
    return obj(i, table_id(), definition=definition, named_after=["orders", "idx", *parts], **more)


def sequence(name: str, col: str = "id", /, **more: Value) -> Object:
    attributes = {"owned_by": f"public.orders.{col}", "increment": 1, **more}
    i = ident("sequence", "public", name)
    return obj(i, column(col).id, named_after=["orders", "seq", col], **attributes)


def grants(relation: str, to: str, parent: Object, *rights: str) -> Object:
    return obj(ident("privilege", "public", relation, to), parent.id, privileges=list(rights))


def differ(one: Snapshot, other: Snapshot, options: Options = Options()) -> tuple[Change, ...]:  # noqa: B008
    found = normalise(other, options)
    return compare(align(normalise(one, options), found, options), found).changes


def told(one: Snapshot, other: Snapshot, options: Options = Options()) -> list[str]:  # noqa: B008
    return [f"{c.change.value} {c.id}" for c in differ(one, other, options)]


def both(*objects: Object) -> Snapshot:
    return snap(table(), column("id"), *objects)


def test_a_generated_name_and_a_given_one_are_the_same_constraint() -> None:
    one, other = both(constraint("orders_a_key", "key", "a")), both(constraint("uq", "key", "a"))
    assert told(one, other) == told(other, one) == []
    assert len(told(one, other, STRICT)) == 2


def test_two_given_names_are_two_constraints() -> None:
    one, other = both(constraint("uq", "key", "a")), both(constraint("uniq", "key", "a"))
    assert told(one, other) == [
        "added constraint:public.orders.uniq",
        "removed constraint:public.orders.uq",
    ]


def test_whatever_else_differs_is_told_with_its_name() -> None:
    one = both(constraint("orders_a_key", "key", "a"))
    for other in (
        both(constraint("uq", "key", "a", definition="UNIQUE (a) DEFERRABLE")),
        both(constraint("uq", "key", "a", comment="mine")),
    ):
        assert len(told(one, other)) == len(told(other, one)) == 2


def test_one_more_on_a_side_is_told() -> None:
    one = both(index("orders_a_idx", "a"))
    other = both(index("orders_a_idx", "a"), index("orders_a_idx1", "a"))
    assert told(one, other) == ["added index:public.orders_a_idx1"]
    assert told(other, one) == ["removed index:public.orders_a_idx1"]


def test_duplicates_are_matched_in_order_and_each_once() -> None:
    one = both(*(index(f"orders_a_idx{n}", "a") for n in ("", 1, 10)))
    other = both(*(index(f"by_a{n}", "a") for n in (1, 2)))
    assert told(one, other) == ["removed index:public.orders_a_idx10"]


def test_names_that_changed_places_are_no_difference() -> None:
    def checks(one: str, two: str) -> Snapshot:
        first = constraint("orders_check", "check", definition=one, comment=one)
        return both(first, constraint("orders_check1", "check", definition=two, comment=two))

    assert told(checks("CHECK (a)", "CHECK (b)"), checks("CHECK (b)", "CHECK (a)")) == []
    assert told(checks("CHECK (a)", "CHECK (b)"), checks("CHECK (b)", "CHECK (c)")) != []


def test_given_names_that_changed_places_are_two_differences() -> None:
    def checks(one: str, two: str) -> Snapshot:
        first = constraint("one", "check", definition=one)
        return both(first, constraint("two", "check", definition=two))

    found = differ(checks("CHECK (a)", "CHECK (b)"), checks("CHECK (b)", "CHECK (a)"))
    assert [c.id.path[-1] for c in found] == ["one", "two"]


def test_no_object_is_lost_where_a_name_is_taken() -> None:
    one = both(index("orders_a_idx", "a"), index("x", "c", definition="USING btree (c)"))
    other = both(index("x", "a"))
    assert sorted(told(one, other)) == [
        "changed index:public.x",
        "removed index:public.orders_a_idx",
    ]
    found = normalise(other, Options())
    assert len(align(normalise(one, Options()), found, Options()).objects) == len(one.objects)


def test_a_spelling_does_not_hide_that_two_are_one() -> None:
    one = both(
        constraint("orders_check", "check", definition="CHECK ((s = ANY (ARRAY['a'::text])))")
    )
    other = both(constraint("sane", "check", definition="CHECK ((s = ANY (ARRAY['a'::text])))"))
    assert told(one, other) == []


def test_what_refers_to_a_name_follows_it() -> None:
    def side(key: str, seq: str, part: str) -> Snapshot:
        child = obj(ident("index", "public", "child"), table_id("p"), partition_of=f"public.{part}")
        return snap(
            table("orders", replica_identity=f"index {key}"),
            table("p"),
            column("id", default=f"nextval('public.{seq}'::regclass)"),
            constraint(key, "key", "a"),
            sequence(seq),
            grants(seq, "bob", sequence(seq), "USAGE"),
            index(part, "b", definition="USING btree (b)"),
            child,
        )

    one = side("orders_a_key", "orders_id_seq", "orders_b_idx")
    other = side('"Key"', "s", "i")
    # As the server writes them: quoted within, plain as a name.
    other = side("uq", "s", "i")
    assert told(one, other) == told(other, one) == []
    assert len(told(one, other, STRICT)) > 3


def test_what_refers_to_something_else_is_told() -> None:
    one = snap(
        table(),
        column("id", default="nextval('public.orders_id_seq'::regclass)"),
        column("b", default="'public.orders_id_seq'::text"),
        sequence("orders_id_seq"),
    )
    other = snap(
        table(),
        column("id", default="nextval('public.other'::regclass)"),
        column("b", default="'public.s'::text"),
        sequence("s"),
    )
    assert told(one, other) == [
        "changed column:public.orders.b",
        "changed column:public.orders.id",
    ]


def test_a_replica_identity_goes_by_the_index_that_its_name_means_there() -> None:
    def side(on_a: str, on_b: str, identity: str) -> Snapshot:
        return snap(
            table("orders", replica_identity=f"index {identity}"),
            index(on_a, "a", definition="UNIQUE USING btree (a)"),
            index(on_b, "b", definition="UNIQUE USING btree (b)"),
        )

    one = side("orders_a_idx", "orders_b_idx", "orders_a_idx")
    (change,) = differ(one, side("orders_b_idx", "orders_a_idx", "orders_a_idx"))
    assert dict(change.attributes) == {
        "replica_identity": ("index orders_b_idx", "index orders_a_idx")
    }
    assert told(one, side("orders_b_idx", "orders_a_idx", "orders_b_idx")) == []


def test_a_default_goes_by_the_sequence_that_its_name_means_there() -> None:
    function = ident("function", "public", "next")

    def side(of_id: str, of_k: str, *defaults: str) -> Snapshot:
        first, second, third = (f"nextval('public.{name}'::regclass)" for name in defaults)
        return snap(
            table(),
            column("id", default=first),
            column("k", default=second),
            sequence(of_id),
            sequence(of_k, "k"),
            obj(function, arguments=f"integer DEFAULT {third}", body=first),
        )

    own, names = (
        ("orders_id_seq", "orders_k_seq"),
        ["column:public.orders.id", "column:public.orders.k"],
    )
    one = side(*own, *own, own[0])
    swapped = side(*own[::-1], *own, own[0])
    assert (
        told(one, swapped)
        == told(swapped, one)
        == [f"changed {n}" for n in (*names, str(function))]
    )
    assert told(one, side(*own[::-1], *own[::-1], own[0])) == [f"changed {function}"]
    assert told(one, side(*own[::-1], *own[::-1], own[1])) == []


def test_what_nothing_refers_to_by_name_changes_places_in_silence() -> None:
    def side(first: str, second: str) -> Snapshot:
        return snap(
            table("orders", replica_identity="index orders_check", comment="public.orders_check"),
            constraint("orders_check", "check", definition=first),
            constraint("orders_check1", "check", definition=second),
        )

    assert told(side("CHECK (a)", "CHECK (b)"), side("CHECK (b)", "CHECK (a)")) == []


def test_hostile_names_follow_as_well() -> None:
    def side(name: str, text: str) -> Snapshot:
        return snap(table(), column("id", default=f"nextval('{text}'::regclass)"), sequence(name))

    one = side("orders_id_seq", "public.orders_id_seq")
    assert told(one, side("it's", "public.\"it''s\"")) == []
    assert told(one, side('a"b', 'public."a""b"')) == []
    assert told(one, side("it's", "public.its")) == ["changed column:public.orders.id"]


def test_rights_to_a_sequence_are_told_under_the_name_that_it_has() -> None:
    def side(name: str, *rights: str) -> Snapshot:
        return both(sequence(name), grants(name, "bob", sequence(name), *rights))

    (change,) = differ(side("orders_id_seq", "USAGE"), side("s", "SELECT", "USAGE"))
    assert str(change.id) == "privilege:public.s.bob"
    assert change.attributes == {"privileges": (["USAGE"], ["SELECT", "USAGE"])}


def test_the_sequence_of_an_identity_column_is_told_as_the_column() -> None:
    def side(name: str, right: str = "USAGE") -> Snapshot:
        col = column("id", identity="always", identity_sequence=name)
        return snap(table(), col, grants(name, "bob", col, right))

    assert told(side("orders_id_seq"), side("old_id_seq")) == []
    assert told(side("old_id_seq"), side("orders_id_seq")) == []
    assert len(told(side("one"), side("two"))) == 3
    assert told(side("orders_id_seq"), side("s", "SELECT")) == ["changed privilege:public.s.bob"]
    assert len(told(side("orders_id_seq"), side("s"), STRICT)) == 3


def test_an_owner_of_another_name_is_another_sequence() -> None:
    one, other = both(sequence("orders_id_seq")), both(sequence("s", increment=2))
    assert told(one, other) == ["removed sequence:public.orders_id_seq", "added sequence:public.s"]


def test_what_was_read_before_the_rule_was_known_is_matched_by_the_other_side() -> None:
    uq = constraint("uq")
    known = {n: v for n, v in uq.attributes.items() if n != "named_after"}
    old = both(replace(uq, attributes=known))
    assert told(old, both(constraint("orders_a_key", "key", "a"))) == []
    assert told(both(constraint("orders_a_key", "key", "a")), old) == []
    assert len(told(old, both(constraint("other", "key", "a")))) == 2


def test_equal_sides_come_back_as_they_are() -> None:
    one, again = both(index("orders_a_idx", "a")), both(index("orders_a_idx", "a"))
    assert align(one, again, Options()) is one
    assert keep_up(one, again, Options()) is one


@given(pairs_of_snapshots())
def test_aligning_makes_no_difference_of_its_own(sides: tuple[Snapshot, Snapshot]) -> None:
    one, other = (normalise(s, Options()) for s in sides)
    aligned = align(one, other, Options())
    before, after = compare(one, other).changes, compare(aligned, other).changes
    assert len(after) <= len(before)
    assert other == normalise(sides[1], Options())
    assert align(aligned, other, Options()).root == aligned.root


# Three ways: who moved is told although the names differ on all three sides.

FOLLOWER = Watched("production", follows="staging")


def test_names_that_differ_from_upstream_hide_nobodys_move() -> None:
    def side(name: str, definition: str = "UNIQUE (a)") -> Snapshot:
        return both(constraint(name, "key", "a", definition=definition))

    env = Environment(FOLLOWER, upstream=side("orders_a_key"))
    env.look(side("uq"))
    assert env.keys("staging") == []

    env.upstream = side("orders_a_key", "UNIQUE (a, b)")
    env.look(side("uq"))
    directions = {f.key: f.direction for f in env.against("staging").findings}
    assert directions == {
        "constraint:public.orders.orders_a_key": Direction.BEHIND,
        "constraint:public.orders.uq": Direction.BEHIND,
    }

    env.upstream = side("orders_a_key")
    env.look(side("uq"))
    env.look(side("uq", "UNIQUE (b)"), hours=24)
    assert {f.direction for f in env.against("staging").findings} == {Direction.AHEAD}


def test_a_name_that_changed_here_while_upstream_dropped_it_is_behind() -> None:
    env = Environment(FOLLOWER, upstream=both(constraint("orders_a_key", "key", "a")))
    env.look(both(constraint("orders_a_key", "key", "a")))
    env.upstream = both()
    for _ in range(3):
        env.look(both(constraint("uq", "key", "a")))
        assert [f.direction for f in env.against("staging").findings] == [Direction.BEHIND]


def test_another_generated_name_is_no_event_and_no_drift() -> None:
    env = Environment()
    env.look(both(constraint("orders_a_key", "key", "a")))
    env.look(both(constraint("orders_a_key1", "key", "a")))
    assert env.keys() == []
    assert env.events() == []


def test_a_migration_moves_what_had_another_name_when_it_was_declared_right() -> None:
    env = Environment()
    env.look(both(constraint("orders_a_key", "key", "a")), migrated="1")
    env.look(both(constraint("orders_a_key1", "key", "a")))
    env.look(both(constraint("uq", "key", "a", definition="UNIQUE (a, b)")), migrated="2")
    assert env.keys() == []


def test_what_a_renamed_sequence_carries_is_explained() -> None:
    def side(name: str, *right: str) -> Snapshot:
        return both(sequence(name), *(grants(name, r, sequence(name), "USAGE") for r in right))

    env = Environment()
    env.look(side("orders_id_seq", "bob"))
    env.look(side("s", "bob", "ann"))
    assert env.keys() == ["privilege:public.s.ann"]
    changed = [text for verb, text in env.events() if verb == "changed"]
    assert changed == ["privilege public.s.ann added (untracked)"]


def test_a_name_that_both_had_by_hand_makes_no_difference_of_what_is_alike_now() -> None:
    def names(*some: str) -> Environment:
        here, upstream, agreed = (both(index(name, "a")) for name in some)
        env = Environment(FOLLOWER, upstream=agreed)
        env.look(agreed)
        env.upstream = upstream
        env.look(here)
        return env

    for some in (("foo", "orders_a_idx", "bar"), ("orders_a_idx", "foo", "bar")):
        assert names(*some).keys("staging") == []
