"""What is no drift is made equal, by rules that can be switched."""

from hypothesis import given

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from tests.core.build import column, snap, snapshots, table

STRICT = Options(column_order=True)


def test_the_order_of_columns_is_no_difference_by_default() -> None:
    before = snap(table(), column("a", position=1), column("b", position=2))
    after = snap(table(), column("a", position=2), column("b", position=1))
    here, there = (normalise(s, Options()) for s in (before, after))
    assert compare(here, there).changes == ()
    assert here.root == there.root


def test_the_order_of_columns_is_a_difference_when_asked_for() -> None:
    before, after = snap(column("a", position=1)), snap(column("a", position=2))
    (change,) = compare(normalise(before, STRICT), normalise(after, STRICT)).changes
    assert change.attributes == {"position": (1, 2)}


def test_everything_else_is_left_as_it_was_read() -> None:
    one = snap(table(comment=None), column("a", position=1, default="now()"))
    (only,) = (o for o in normalise(one, Options()).objects.values() if o.id.kind == "column")
    assert only.attributes == {"type": "integer", "default": "now()"}
    assert only.parent == table().id


def test_the_snapshot_itself_is_not_touched() -> None:
    one = snap(column("a", position=1))
    normalise(one, Options())
    assert one.objects[column("a").id].attributes["position"] == 1
    assert normalise(one, STRICT).root == one.root


def test_switching_a_rule_gives_what_that_rule_gives_not_what_was_asked_first() -> None:
    one = snap(column("a", position=1))
    roots = [normalise(one, o).root for o in (Options(), STRICT, Options())]
    assert roots[0] == roots[2] != roots[1]


@given(snapshots())
def test_normalising_twice_is_normalising_once(one: Snapshot) -> None:
    once = normalise(one, Options())
    assert normalise(once, Options()).root == once.root
    assert once.kinds == one.kinds
    assert once.objects.keys() == one.objects.keys()
    assert normalise(one, STRICT).root == one.root
