"""What one channel is told: every state of a thread and all that can happen, as one table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.alerts.incident import Fact, Reason, Thread, Verdict
from pgdrift.core.alerts.thread import Share, after, decide, facts_of, stepped, told
from pgdrift.core.model import REACH, SYNC, Direction, Finding, Outcome, Severity
from tests.core.build import NOW, added, changed, finding, policy, table_id
from tests.core.build import after as later

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
HOUR = timedelta(hours=1)
A = Fact("a", WARNING, "1")
B = Fact("b", WARNING, "1")

# What may have happened since a channel was told of A and B, as what there is now.
EVENTS: dict[str, tuple[tuple[Fact, ...], float]] = {
    "as it was": ((A, B), 1),
    "in another order": ((B, A), 1),
    "a long time": ((A, B), 12),
    "one more": ((A, B, Fact("c", WARNING, "1")), 1),
    "one more, later": ((A, B, Fact("c", WARNING, "1")), 12),
    "one less": ((A,), 1),
    "another": ((A, Fact("c", WARNING, "1")), 1),
    "changed again": ((A, Fact("b", WARNING, "2")), 1),
    "worse": ((A, Fact("b", CRITICAL, "1")), 1),
    "worse, later": ((A, Fact("b", CRITICAL, "1")), 12),
    "a grave one more": ((A, B, Fact("c", CRITICAL, "1")), 1),
    "better": ((A, Fact("b", INFO, "1")), 1),
    "all gone": ((), 1),
}
THREADS = {
    "never told": None,
    "told": Thread("chat", NOW, told=(A, B), severity=WARNING),
    "told the end": Thread("chat", NOW, severity=WARNING, open=False),
}
# What stands on it: nothing, an acknowledgement, a silence of b and c, or a silence of all.
MARKS: dict[str, tuple[frozenset[str], bool]] = {
    "nothing": (frozenset(), False),
    "acknowledged": (frozenset(), True),
    "b and c silenced": (frozenset("bc"), False),
    "silenced": (frozenset("abc"), False),
}
# For each event: never told, told, told the end; each with the four marks in their order.
TABLE: dict[str, tuple[str, str, str]] = {
    "as it was": ("FFF_", "____", "OOO_"),
    "in another order": ("FFF_", "____", "OOO_"),
    "a long time": ("FFF_", "R_R_", "OOO_"),
    "one more": ("FFF_", "CC__", "OOO_"),
    "one more, later": ("FFF_", "CCR_", "OOO_"),
    "one less": ("FFF_", "C___", "OOO_"),
    "another": ("FFF_", "CC__", "OOO_"),
    "changed again": ("FFF_", "CC__", "OOO_"),
    "worse": ("FFF_", "WW__", "OOO_"),
    "worse, later": ("FFF_", "WWR_", "OOO_"),
    "a grave one more": ("FFF_", "WW__", "OOO_"),
    "better": ("FFF_", "C___", "OOO_"),
    "all gone": ("____", "EEEE", "____"),
}
LETTERS = {
    "F": Reason.FIRST,
    "C": Reason.CHANGED,
    "W": Reason.WORSE,
    "R": Reason.REPEAT,
    "E": Reason.RESOLVED,
    "O": Reason.REOPENED,
    "_": Reason.NOTHING,
}
CASES = [
    (event, thread, mark, LETTERS[TABLE[event][row][column]])
    for event in EVENTS
    for row, thread in enumerate(THREADS)
    for column, mark in enumerate(MARKS)
]


def share(*facts: Fact, quiet: frozenset[str] = frozenset(), acknowledged: bool = False) -> Share:
    return Share("chat", "", {f.key: f for f in facts}, quiet, acknowledged, 12 * HOUR)


def test_the_table_is_whole() -> None:
    assert TABLE.keys() == EVENTS.keys()
    assert len(CASES) == len(EVENTS) * len(THREADS) * len(MARKS)
    assert {reason for *_, reason in CASES} == set(Reason)


@pytest.mark.parametrize(("event", "thread", "mark", "reason"), CASES)
def test_every_state_and_event(event: str, thread: str, mark: str, reason: Reason) -> None:
    facts, hours = EVENTS[event]
    quiet, acknowledged = MARKS[mark]
    now = share(*facts, quiet=quiet, acknowledged=acknowledged)
    assert decide(THREADS[thread], now, later(hours=hours)) is reason


@pytest.mark.parametrize(("event", "thread", "mark", "reason"), CASES)
def test_what_was_told_is_not_told_again(
    event: str, thread: str, mark: str, reason: Reason
) -> None:
    facts, hours = EVENTS[event]
    quiet, acknowledged = MARKS[mark]
    now = share(*facts, quiet=quiet, acknowledged=acknowledged)
    if reason is not Reason.NOTHING:
        at = later(hours=hours)
        kept = stepped(THREADS[thread], now, reason, at)
        assert decide(kept, now, at) is Reason.NOTHING
        assert decide(kept, now, at + 11 * HOUR) is Reason.NOTHING
        assert told(kept).keys() == after(THREADS[thread], now).keys()


def test_what_was_muted_is_told_when_it_is_not_any_more() -> None:
    silenced = share(A, B, Fact("c", WARNING, "1"), quiet=frozenset("c"))
    thread = stepped(None, silenced, Reason.FIRST, NOW)
    assert told(thread).keys() == {"a", "b"}
    assert decide(thread, share(A, B, Fact("c", WARNING, "1")), NOW) is Reason.CHANGED
    acknowledged = share(A, acknowledged=True)
    assert decide(thread, acknowledged, NOW) is Reason.NOTHING
    assert decide(thread, share(A), NOW) is Reason.CHANGED


def test_what_is_silenced_once_told_stays_as_it_was_told() -> None:
    thread = THREADS["told"]
    worse = share(A, Fact("b", CRITICAL, "2"), Fact("c", INFO, "1"), quiet=frozenset("b"))
    assert decide(thread, worse, NOW) is Reason.CHANGED
    kept = stepped(thread, worse, Reason.CHANGED, NOW)
    assert (told(kept)["b"], kept.severity) == (B, WARNING)
    assert (
        decide(kept, share(A, Fact("b", CRITICAL, "2"), Fact("c", INFO, "1")), NOW) is Reason.WORSE
    )


def test_what_went_while_it_was_silenced_makes_a_reminder_a_change() -> None:
    gone = share(A, quiet=frozenset("b"))
    assert decide(THREADS["told"], gone, NOW) is Reason.NOTHING
    assert decide(THREADS["told"], gone, later(days=9)) is Reason.CHANGED


def test_nothing_is_repeated_unless_asked_for() -> None:
    never = Share("chat", facts={"a": A, "b": B})
    assert decide(THREADS["told"], never, later(days=99)) is Reason.NOTHING


@pytest.mark.parametrize(
    ("short", "reason"), [(timedelta(microseconds=1), Reason.NOTHING), (0 * HOUR, Reason.REPEAT)]
)
def test_a_repetition_counts_from_when_it_was_last_told(short: timedelta, reason: Reason) -> None:
    now = later(hours=5)
    thread = stepped(THREADS["told"], share(A, B, Fact("c", INFO, "1")), Reason.CHANGED, now)
    again = share(A, B, Fact("c", INFO, "1"))
    assert decide(thread, again, now + 12 * HOUR - short) is reason


def test_a_clock_that_was_set_back_tells_nothing() -> None:
    assert decide(THREADS["told"], share(A, B), later(days=-1)) is Reason.NOTHING


# What of a finding is a fact

ONE = finding(changed(table_id("one"), owner=("a", "b")))
CAME, HOLDS = (
    finding(added(table_id("new"))),
    finding(added(table_id("new"), policy("p", "new").id)),
)


def facts(*findings: Finding, unread: tuple[str, ...] | None = None, before: str = "") -> object:
    against = SYNC if findings else REACH
    verdict = Verdict(
        "production", against, Outcome.DRIFTED, findings, severity=WARNING, unread=unread
    )
    was = {"": Fact("", WARNING, before)} if before else {}
    return tuple(facts_of(verdict, was).values())


def test_what_changed_who_moved_and_how_grave_it_is_are_facts() -> None:
    moved = replace(ONE, change=changed(table_id("one"), owner=("a", "c")))
    turned, graver = replace(ONE, direction=Direction.DIVERGED), replace(ONE, severity=CRITICAL)
    assert len({facts(f) for f in (ONE, moved, turned, graver)}) == 4
    assert facts(CAME) != facts(HOLDS)  # a new table got a policy
    aged = replace(ONE, first_seen=later(hours=-3), late=True, reason="for some reason")
    assert facts(aged) == facts(ONE)


def test_of_what_cannot_be_looked_at_the_parts_are_facts_as_far_as_they_are_known() -> None:
    assert facts(unread=()) != facts(unread=("policy",))
    assert facts(unread=None, before="policy") == facts(unread=("policy",))
    assert facts_of(Verdict("production", REACH, Outcome.IN_SYNC), {}) == {}
