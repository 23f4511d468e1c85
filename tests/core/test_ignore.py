"""Rules of what is no finding: which they are, what becomes of them, and globs for one name."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given

from pgdrift.core.ignore import Ignore, RuleState, counted, exactly, matches, state, told
from tests.core.build import changed, names, policy, table_id

TODAY = date(2026, 11, 22)
RULE = Ignore("table:public.orders", "why")


@given(one=names, other=names)
def test_the_exact_glob_of_a_key_stands_for_that_key_alone(one: str, other: str) -> None:
    keys = [str(table_id(name)) for name in (one, other)]
    assert matches(keys[0], exactly(keys[0]))
    assert matches(keys[1], exactly(keys[0])) == (one == other)


@pytest.mark.parametrize(
    ("until", "matched", "all_seen", "expected"),
    [
        (None, {RULE.name}, True, RuleState.ACTIVE),
        (None, set(), True, RuleState.UNMATCHED),
        (None, set(), False, RuleState.ACTIVE),
        (TODAY, {RULE.name}, True, RuleState.ACTIVE),
        (TODAY - timedelta(days=1), {RULE.name}, True, RuleState.EXPIRED),
        (TODAY - timedelta(days=1), set(), True, RuleState.EXPIRED),
    ],
)
def test_a_rule_is_active_over_or_without_anything_to_leave_out(
    until: date | None, matched: set[str], all_seen: bool, expected: RuleState
) -> None:
    rule = Ignore(RULE.object, "why", until)
    assert state(rule, matched, TODAY, all_seen=all_seen) is expected


def test_rules_that_cover_something_else_have_another_name() -> None:
    rules = [
        Ignore("table:*", "why"),
        Ignore("table:*", "why", attributes=("owner",)),
        Ignore("table:*", "why", environments=("staging",)),
        Ignore("table:*", "why", attributes=("owner", "comment"), environments=("a", "b")),
    ]
    assert len({r.name for r in rules}) == len(rules)
    assert Ignore("table:*", "one").name == Ignore("table:*", "another", TODAY).name


def test_what_is_told_and_what_is_left_out_is_everything() -> None:
    changes = [changed(table_id()), changed(policy("p").id)]
    assert [c.id.kind for c in told(changes, [RULE], TODAY)] == ["policy"]
    assert counted(changes, [RULE], TODAY) == (1, {RULE.name: 1})
    assert list(told(changes, [], TODAY)) == changes
