"""How two environments' migration histories differ, and what one says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.model import History, HistoryFinding, HistoryState, Migration
from pgdrift.core.why.migrations import (
    as_json,
    counted,
    differing,
    kept_up,
    missing,
    not_read,
    of_itself,
    words,
)


def history(*migrations: Migration, table: str = "public.h", tool: str = "flyway") -> History:
    return History(tool, table, migrations)


def versions(*names: str) -> History:
    return history(*map(Migration, names))


def heads(*names: str) -> History:
    return History("alembic", "public.alembic_version", tuple(map(Migration, names)), True)


def states(here: History, upstream: History) -> list[tuple[str, str]]:
    """Return version and state of what differs."""
    return [(f.version, f.state.value) for f in differing([here], [upstream]) or ()]


def count(here: list[History], upstream: list[History]) -> int | None:
    return missing(differing(here, upstream))


def test_what_the_upstream_has_more_is_missing_and_the_reverse_is_extra() -> None:
    here, there = versions("1", "2"), versions("1", "2", "3", "4")
    assert states(here, there) == [("3", "missing"), ("4", "missing")]
    assert states(there, here) == [("3", "extra"), ("4", "extra")]
    assert states(here, here) == []
    assert count([here], [there]) == 2
    assert count([there], [here]) == 0


def test_what_failed_or_was_rolled_back_is_not_applied() -> None:
    there = versions("1")
    for not_done in (
        Migration("1", failed=True),
        Migration("1", applied=False),
        Migration("1", applied=False, begun=True),
    ):
        assert states(history(not_done), there) == [("1", "missing")]
        assert states(there, history(not_done)) == [("1", "extra")]


def test_what_failed_is_told_of_the_environment_itself() -> None:
    broken = Migration("V3", "orders", applied=False, failed=True)
    (found,) = of_itself([history(Migration("V1"), broken)])
    assert found == HistoryFinding("flyway", "public.h", "V3", HistoryState.FAILED, "orders")
    assert of_itself([versions("1")]) == ()


def test_the_same_version_with_another_checksum_is_edited() -> None:
    here, there = history(Migration("1", "", "a")), history(Migration("1", "", "b"))
    (found,) = differing([here], [there]) or ()
    assert (found.version, found.state) == ("1", HistoryState.EDITED)
    assert found.text == "checksum here a, upstream b"
    assert count([here], [there]) == 0


@pytest.mark.parametrize(
    ("here", "there"), [("a", None), (None, "b"), ("8:a", "9:b"), ("a", "9:a"), ("9:a", "9:a")]
)
def test_checksums_that_cannot_be_compared_are_not(here: str | None, there: str | None) -> None:
    assert states(history(Migration("1", "", here)), history(Migration("1", "", there))) == []


def test_what_runs_again_when_its_text_changes_is_missing_in_its_new_text() -> None:
    old = history(Migration("R__views", "", "1", repeatable=True), Migration("2"))
    new = history(Migration("2"), Migration("R__views", "", "2", repeatable=True))
    assert states(old, new) == [("R__views", "missing")]
    assert count([old], [new]) == 1
    # And it has no place in the order.
    again = history(Migration("2"), Migration("R__views", "", "1", repeatable=True))
    assert states(old, again) == []


def test_a_baseline_stands_for_all_before_it() -> None:
    base = history(Migration("1.10", baseline=True), Migration("1.11"))
    whole = versions("1.2", "1.9", "1.10", "1.11")
    assert states(base, whole) == []
    assert states(whole, base) == []
    assert states(base, versions("1.9", "1.10", "1.11", "1.12")) == [("1.12", "missing")]


def test_another_order_is_told_of_as_few_as_can_be() -> None:
    (late,) = states(versions("1", "3", "2", "4"), versions("1", "2", "3", "4"))
    assert late in [("2", "out_of_order"), ("3", "out_of_order")]
    assert states(versions("5", "1", "2", "3"), versions("1", "2", "3", "5")) == [
        ("5", "out_of_order")
    ]
    # What only one side has is no matter of order.
    assert states(versions("9", "1", "2"), versions("1", "2")) == [("9", "extra")]


@given(st.permutations([str(n) for n in range(7)]))
def test_without_those_out_of_order_the_order_is_the_upstreams(names: list[str]) -> None:
    there = versions(*map(str, range(7)))
    late = {version for version, _ in states(versions(*names), there)}
    left = [n for n in names if n not in late]
    assert left == sorted(left)
    assert len(late) < 7


def test_heads_alone_tell_that_they_differ_and_no_more() -> None:
    old, new = heads("27c6"), heads("ae10")
    (found,) = differing([old], [new]) or ()
    assert (found.state, found.text) == (HistoryState.OTHER_HEAD, "here 27c6, upstream ae10")
    assert count([old], [new]) is None
    assert count([heads()], [new]) is None
    assert count([new], [new]) == 0
    assert count([heads("a", "b")], [heads("b", "a")]) == 0
    # With another tool beside it, nobody can tell either.
    assert count([old, versions()], [new, versions("1")]) is None
    assert count([new, versions()], [new, versions("1")]) == 1


def test_histories_are_matched_by_table_and_else_by_tool() -> None:
    assert differing([versions("1")], [heads("1")]) is None
    assert differing([], []) is None
    tenants = [history(Migration("1"), table=f"{t}.h") for t in ("a", "b")]
    other = [history(Migration("1"), table="a.h"), history(Migration("2"), table="c.h")]
    assert [(f.table, f.version) for f in differing(tenants, other) or ()] == [
        ("b.h", "1"),
        ("b.h", "2"),
    ]
    # Of more than one that are left, nobody knows which is whose.
    more = [*other, history(Migration("3"), table="d.h")]
    assert differing(tenants, more) == ()


def test_what_could_not_be_read_is_as_it_was() -> None:
    known = [versions("1", "2"), heads("x")]
    locked = History("flyway", "public.h", (), in_flight="its table is locked", unread=True)
    there = {"public.h", "public.alembic_version"}
    assert not_read(known, [locked])
    assert not_read(known, [known[0]])
    assert not not_read(known, known)
    kept = kept_up(known, [locked], there)
    assert kept[0].migrations == known[0].migrations
    assert (kept[0].in_flight, kept[0].unread) == ("its table is locked", False)
    assert kept[1] == known[1]
    # What is gone is forgotten; what was never read has nothing to stand for it.
    assert kept_up(known, [], {"public.h"}) == (known[0],)
    assert kept_up([], [locked], there) == (locked,)
    assert differing([locked], [versions("1")]) is None


def test_a_lock_of_the_last_look_is_not_held_for_ever() -> None:
    busy = History("flyway", "public.h", (Migration("1"),), in_flight="locked")
    (kept,) = kept_up([busy], [], {"public.h"})
    assert kept.in_flight == ""
    assert kept.migrations == busy.migrations


def test_findings_read_as_sentences_and_as_json() -> None:
    here, there = versions("1", "3"), versions("1", "2")
    found = differing([here], [there]) or ()
    assert [words(f) for f in found] == [
        "migration 3 of flyway in public.h is not applied upstream",
        "migration 2 of flyway in public.h is missing",
    ]
    assert counted(found) == (("extra", 1), ("missing", 1))
    assert as_json(found[1]) == {
        "tool": "flyway",
        "table": "public.h",
        "version": "2",
        "state": "missing",
        "text": "",
    }
