"""What a child merely has from its parent is told once; what is its own is told."""

from __future__ import annotations

from collections.abc import Mapping

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Direction, Object, Snapshot, Value
from pgdrift.core.watched import Watched
from tests.core.build import column, snap, table
from tests.core.environment import Environment

STRICT = Options(inherited=True)
PARTS = [f"p{n}" for n in range(100)]
NOTHING: Mapping[str, Value] = {}


def family(
    *columns: str, of: Mapping[str, Value] = NOTHING, p7: Mapping[str, Value] = NOTHING
) -> Snapshot:
    """A parent with these columns and a hundred parts that have them from it; `p7` may differ."""
    made: list[Object] = [table("whole", inherits=[])]
    for name in columns:
        made.append(column(name, "whole", inherited=False, **of))
        made += [
            column(name, part, **{"inherited": True, **of, **(p7 if part == "p7" else {})})
            for part in PARTS
        ]
    made += [table(part, inherits=["public.whole"]) for part in PARTS]
    return snap(*made)


def told(one: Snapshot, other: Snapshot, options: Options = Options()) -> list[str]:  # noqa: B008
    found = normalise(other, options)
    changes = compare(align(normalise(one, options), found, options), found).changes
    return [f"{c.change.value} {c.id}" for c in changes]


def test_a_column_that_comes_or_goes_is_told_once() -> None:
    one, other = family("a"), family("a", "b")
    assert told(one, other) == ["added column:public.whole.b"]
    assert told(other, one) == ["removed column:public.whole.b"]
    assert len(told(one, other, STRICT)) == 101


def test_a_change_of_all_is_told_once() -> None:
    one, other = family("a", of={"type": "integer"}), family("a", of={"type": "bigint"})
    assert told(one, other) == ["changed column:public.whole.a"]
    assert len(told(one, other, STRICT)) == 101


def test_a_child_that_goes_its_own_way_is_told() -> None:
    one = family("a", of={"default": "0"})
    other = family("a", of={"default": "0"}, p7={"default": "1"})
    assert told(one, other) == told(other, one) == ["changed column:public.p7.a"]
    both = family("a", of={"default": "2"}, p7={"default": "1"})
    assert told(other, both) == ["changed column:public.whole.a"]
    assert told(one, both) == ["changed column:public.p7.a", "changed column:public.whole.a"]


def test_a_column_of_its_own_is_told() -> None:
    one = family("a")
    own = column("b", "p7", inherited=False)
    assert told(one, snap(*one.objects.values(), own)) == ["added column:public.p7.b"]
    # Where a part declares the column itself, it stays when the parent's goes.
    declared = snap(*family("a", "b").objects.values(), own)
    assert told(declared, snap(*one.objects.values(), own)) == ["removed column:public.whole.b"]


def test_what_only_one_has_of_its_own_is_no_likeness() -> None:
    plain = family("a", of={"comment": None, "statistics": None})
    said = family("a", of={"comment": None, "statistics": None}, p7={"comment": "mine"})
    assert told(plain, said) == ["changed column:public.p7.a"]


def test_a_new_part_speaks_for_its_columns() -> None:
    one = family("a")
    part = (table("new", inherits=["public.whole"]), column("a", "new", inherited=True))
    assert told(one, snap(*one.objects.values(), *part)) == ["added table:public.new"]


def test_hostile_names_of_parents_are_understood() -> None:
    def side(kind: str) -> Snapshot:
        made = [
            table('a"b.c', "S x", inherits=[]),
            column("k", 'a"b.c', "S x", inherited=False, type=kind),
            table("t", inherits=['"S x"."a""b.c"']),
            column("k", "t", inherited=True, type=kind),
        ]
        return snap(*made)

    assert told(side("text"), side("xml")) == ['changed column:"S x"."a""b.c".k']


def test_grandchildren_are_spoken_for_by_their_parents() -> None:
    def side(kind: str, last: str) -> Snapshot:
        made: list[Object] = [table("a", inherits=[]), column("k", "a", inherited=False, type=kind)]
        for name, parent in (("b", "a"), ("c", "b")):
            own = last if name == "c" else kind
            made += [
                table(name, inherits=[f"public.{parent}"]),
                column("k", name, inherited=True, type=own),
            ]
        return snap(*made)

    assert told(side("text", "text"), side("xml", "xml")) == ["changed column:public.a.k"]
    assert told(side("text", "text"), side("text", "xml")) == ["changed column:public.c.k"]


def test_a_move_of_the_parent_has_one_direction() -> None:
    env = Environment(Watched("production", follows="staging"), upstream=family("a"))
    env.look(family("a"))
    env.upstream = family("a", "b")
    env.look(family("a"))
    assert [(f.key, f.direction) for f in env.against("staging").findings] == [
        ("column:public.whole.b", Direction.BEHIND)
    ]
    env.look(family("a", "b"))
    assert env.keys("staging") == []
    assert env.keys() == ["column:public.whole.b"]
