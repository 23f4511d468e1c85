"""What each server's connections are for, and who waits no longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.shares import Budget, Share, allotted, given_up, shares

WANTED = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(st.integers(1, 2000), st.integers(0, 2000)).map(lambda t: (t[0], min(t))),
    max_size=12,
)
BUDGETS = st.builds(Budget, st.integers(1, 60), st.integers(1, 300))


def used(share: Share, databases: int, ears: int) -> int:
    held = databases if share.keep else share.looks
    return held + share.probe + (ears if share.listen else 0)


@given(WANTED, BUDGETS)
def test_no_server_and_not_all_together_get_more_than_there_is(
    wanted: dict[str, tuple[int, int]], budget: Budget
) -> None:
    found = shares(wanted, budget)
    each = [used(found[server], *wanted[server]) for server in wanted]
    assert all(n <= budget.per_server for n in each)
    assert sum(each) <= budget.total


@given(WANTED, BUDGETS)
def test_who_gets_less_than_asked_gets_no_less_than_others(
    wanted: dict[str, tuple[int, int]], budget: Budget
) -> None:
    demands = {server: databases for server, (databases, _) in wanted.items()}
    rooms = allotted(demands, budget)
    for server, room in rooms.items():
        if room < min(demands[server], budget.per_server):
            assert all(room >= other - 1 for other in rooms.values())


@given(WANTED)
def test_every_server_can_be_looked_at_where_there_is_a_connection_for_each(
    wanted: dict[str, tuple[int, int]],
) -> None:
    found = shares(wanted, Budget(20, max(1, len(wanted))))
    assert all(share.looks >= 1 for share in found.values())


def test_few_databases_are_listened_to_and_keep_their_connections() -> None:
    assert shares({"a": (3, 3)}, Budget())["a"] == Share(3, probe=True, keep=True, listen=True)


def test_many_databases_are_read_in_turn_with_a_probe_and_without_listening() -> None:
    assert shares({"a": (1000, 1000)}, Budget())["a"] == Share(4, probe=True)


def test_listening_comes_before_connections_that_are_kept() -> None:
    assert shares({"a": (12, 12)}, Budget(20))["a"] == Share(4, probe=True, listen=True)


def test_one_database_needs_no_probe() -> None:
    assert shares({"a": (1, 0)}, Budget())["a"] == Share(1, keep=True)


def test_one_connection_is_for_looks() -> None:
    assert shares({"a": (30, 30)}, Budget(1, 1))["a"] == Share(1)


def test_a_turn_is_waited_for_while_others_are_answered() -> None:
    assert not given_up(asked=0, answered=95, now=100, patience=30)
    assert given_up(asked=0, answered=60, now=100, patience=30)
    assert not given_up(asked=80, answered=0, now=100, patience=30)
