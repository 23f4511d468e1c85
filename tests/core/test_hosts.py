"""Another host sorts by another library: silent between hosts, told within one database."""

from __future__ import annotations

from pgdrift.core.alike.align import align
from pgdrift.core.alike.hosts import HOST_VERSION
from pgdrift.core.alike.normalise import Options
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Object, Outcome, Snapshot
from pgdrift.core.watched import Watched
from tests.core.build import snap, table
from tests.core.environment import Environment

OLD, NEW = {HOST_VERSION: "2.36"}, {HOST_VERSION: "2.41"}


def sides(before: Object, after: Object) -> tuple[Snapshot, Snapshot]:
    return snap(before), snap(after)


def changes(before: Object, after: Object, *, same_host: bool = False) -> tuple[Change, ...]:
    one, other = sides(before, after)
    return compare(align(one, other, Options(), same_host=same_host), other).changes


def test_two_hosts_make_no_difference() -> None:
    assert changes(table("t", **OLD), table("t", **NEW)) == ()
    assert changes(table("t", **NEW), table("t", **{HOST_VERSION: None})) == ()


def test_one_database_that_gets_another_version_is_told() -> None:
    (change,) = changes(table("t", **OLD), table("t", **NEW), same_host=True)
    assert change.attributes == {HOST_VERSION: ("2.36", "2.41")}


def test_what_else_differs_is_told_alone() -> None:
    (change,) = changes(table("t", owner="a", **OLD), table("t", owner="b", **NEW))
    assert change.attributes == {"owner": ("a", "b")}


def test_what_came_or_went_has_its_version() -> None:
    one, other = snap(table("t", **OLD)), snap()
    assert align(one, other, Options()).objects == one.objects
    assert align(other, one, Options()).objects == other.objects


def test_what_one_side_did_not_read_is_left_as_it_is() -> None:
    one, other = snap(table("t", owner="a", **OLD)), snap(table("t", owner="b"))
    assert align(one, other, Options()).objects == one.objects


def test_a_look_tells_it_against_the_own_past_alone() -> None:
    watched = Environment(Watched("p", follows="u"), upstream=snap(table("t", **OLD)))
    first = watched.look(snap(table("t", **NEW)))
    assert first.standing.outcome is Outcome.IN_SYNC

    refreshed = watched.look(snap(table("t", **{HOST_VERSION: "2.43"})))

    sync, upstream, _ = refreshed.standing.against
    assert [list(f.change.attributes) for f in sync.findings] == [[HOST_VERSION]]
    assert upstream.findings == ()
