"""Which migrations declare a sync point, that none launders drift, and what undoing one leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pgdrift.core.ignore import Ignore
from pgdrift.core.judge import Policy
from pgdrift.core.look import Watched
from pgdrift.core.model import SYNC, Against, Finding, History, How, Migration, Origin, Outcome
from pgdrift.core.syncpoint import (
    Applied,
    SyncRule,
    come_back,
    declared_by,
    moved_since,
    newly_applied,
    settled_by,
)
from tests.core.build import NOW, after, changed, column, finding, snap, table
from tests.core.environment import Environment

BASE = snap(table(), column("id"))
PLANNED = snap(table(), column("id"), column("planned"))
BY_HAND = snap(table(), column("id"), column("tmp"))
BOTH = snap(table(), column("id"), column("planned"), column("tmp"))
RULES = (SyncRule("reconcile_*"),)
WATCHED = Watched("production", sync_rules=RULES)


def row(version: str, description: str = "", tool: str = "flyway") -> Applied:
    return Applied(tool, version, NOW, description)


@pytest.mark.parametrize(
    ("rule", "asked", "fits"),
    [
        (SyncRule("sync_*"), row("sync_prod"), True),
        (SyncRule("sync_*"), row("async_jobs"), False),
        (SyncRule("*_sync_*"), row("async_jobs"), False),
        (SyncRule("reconcile"), row("reconcile_prod_to_dev"), False),
        (SyncRule("reconcile*"), row("reconcile_prod_to_dev"), True),
        (SyncRule("Reconcile*"), row("reconcile_prod_to_dev"), False),
        (SyncRule(description="baseline"), row("7", "baseline"), True),
        (SyncRule(description="baseline"), row("7", "no baseline"), False),
        (SyncRule("1*", "sync*"), row("12", "sync prod"), True),
        (SyncRule("1*", "sync*"), row("22", "sync prod"), False),
        (SyncRule("*", "sync*", "gitversion"), row("1", "sync"), False),
        (SyncRule("*", "sync*", "flyway"), row("1", "sync"), True),
    ],
)
def test_a_rule_stands_for_the_whole_text(rule: SyncRule, asked: Applied, fits: bool) -> None:
    assert rule.covers(asked) is fits


def test_of_several_the_last_that_was_applied_declares() -> None:
    point = declared_by(RULES, [row("reconcile_9"), row("reconcile_10"), row("v11")], "prod")
    assert point
    assert (point.migration, point.how, point.at) == ("reconcile_10", How.MIGRATION, NOW)
    assert declared_by(RULES, [row("v11")], "prod") is None
    assert declared_by((), [row("reconcile_9")], "prod") is None


def test_what_failed_waits_or_went_was_not_applied() -> None:
    def history(*rows: Migration) -> tuple[History, ...]:
        return (History("flyway", "public.history", rows),)

    one = Migration("1")
    before = history(one)
    rows = (
        one,
        Migration("2", applied=False),
        Migration("3", failed=True),
        Migration("4", "the fourth"),
    )
    assert newly_applied(before, history(*rows), (), NOW) == (row("4", "the fourth"),)
    assert newly_applied(before, before, (), NOW) == ()
    assert newly_applied(before, history(), (), NOW) == ()
    assert newly_applied((), before, (), NOW) == (), "a first sight tells nothing"


# In a look


def test_a_migration_that_a_rule_names_declares_a_sync_point() -> None:
    production = Environment(WATCHED)
    production.look(BASE)
    production.look(PLANNED, migrated="v1")
    assert production.book.sync_point
    assert production.book.sync_point.how is How.FIRST_LOOK

    look = production.look(PLANNED, migrated="reconcile_1")

    point = look.step.sync_point
    assert point
    assert (point.how, point.at, point.migration) == (How.MIGRATION, production.now, "reconcile_1")
    assert look.standing.sync_point == point
    assert ("synced", point.reason) in production.events()
    assert [a.version for a in look.step.applied] == ["reconcile_1"]


def test_a_migration_launders_no_drift() -> None:
    """A hotfix between two migrations is there after the second, whatever that is called."""
    production = Environment(WATCHED)
    production.look(BASE)
    production.look(BY_HAND)

    look = production.look(BOTH, migrated="reconcile_1")

    assert look.step.sync_point is None
    assert production.keys() == ["column:public.orders.tmp"]
    (said,) = [text for verb, text in production.events() if verb == "not_synced"]
    assert "reconcile_1" in said
    assert said.endswith(": 1 finding left")
    production.look(BOTH)
    assert production.keys() == ["column:public.orders.tmp"]


def test_what_a_rule_ignores_is_not_declared_right_with_it() -> None:
    until = Ignore("column:*.tmp", "for a day", date(2026, 11, 22))
    production = Environment(replace(WATCHED, policy=Policy(ignore=(until,))))
    production.look(BASE)
    production.look(BY_HAND, minutes=1)
    look = production.look(BY_HAND, migrated="reconcile_1", minutes=1)
    assert look.step.sync_point, "nothing is found"
    production.look(BY_HAND, days=2)
    assert production.keys() == ["column:public.orders.tmp"]


def test_what_was_not_seen_as_a_whole_is_not_declared_right() -> None:
    production = Environment(WATCHED)
    production.look(BASE)
    blind = replace(BASE, kinds=BASE.kinds - {"view"}, unread={"view": "denied"})
    look = production.look(blind, migrated="reconcile_1")
    assert look.step.sync_point is None
    assert any(v == "not_synced" and "view not read" in t for v, t in production.events())


def test_where_a_migration_explains_nothing_it_declares_nothing() -> None:
    production = Environment(replace(WATCHED, explained_by=frozenset({Origin.TRACKED})))
    production.look(BASE)
    assert production.look(PLANNED, migrated="reconcile_1").step.sync_point is None
    assert production.keys() == ["column:public.orders.planned"]


# Undone


def test_what_was_explained_since_stays_when_a_sync_point_goes() -> None:
    # Declared were the column tmp with it; planned came by a migration, after that.
    found = moved_since(BASE, BY_HAND, BOTH)
    assert found.objects.keys() == PLANNED.objects.keys()
    assert moved_since(BASE, BY_HAND, BY_HAND).objects == BASE.objects


def test_findings_that_are_none_any_more_are_settled() -> None:
    tmp = finding(changed(column("tmp").id))
    planned = finding(changed(column("planned").id))
    assert settled_by([tmp, planned], PLANNED, BOTH) == (planned,)


def test_what_was_settled_comes_back_as_it_was() -> None:
    old: Finding = finding(first_seen=NOW)
    now = replace(old, first_seen=after(days=1))
    (own, other) = come_back(
        (Against("staging", Outcome.IN_SYNC), Against(SYNC, Outcome.IN_SYNC)), (old,)
    )
    assert (own.yardstick, own.outcome, own.findings) == (SYNC, Outcome.DRIFTED, (old,))
    assert other.yardstick == "staging"
    (own,) = come_back((Against(SYNC, Outcome.UNKNOWN, (now,)),), (old,))
    assert (own.outcome, own.findings) == (Outcome.UNKNOWN, (now,))
    (own,) = come_back((), (old,))
    assert own.findings == (old,)
