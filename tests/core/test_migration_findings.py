"""What histories say is wrong is judged and told as objects are, once it is not merely new."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgdrift.core.alerts.route import Route
from pgdrift.core.ignore import Ignore
from pgdrift.core.judge import Grade, Policy
from pgdrift.core.model import (
    History,
    Migration,
    Outcome,
    Severity,
)
from pgdrift.core.watched import Watched
from tests.core.build import snap, table
from tests.core.environment import Environment

BASE = snap(table())


def follower(*rows: Migration, policy: Policy | None = None) -> Environment:
    """An environment whose upstream has these rows."""
    by = policy or Policy(protected=True)
    made = Environment(Watched("production", "staging", by, routes=[Route(["chat"])]))
    made.upstream = BASE
    made.upstream_histories = (History("flyway", "public.history", rows),)
    return made


def found(environment: Environment, against: str = "staging") -> list[tuple[str, str, str]]:
    """Return key, direction and severity of each finding."""
    return [
        (f.key, f.direction.value, f.severity.value) for f in environment.against(against).findings
    ]


def test_what_failed_is_found_against_the_own_past_until_it_is_repaired() -> None:
    production = follower(Migration("1"))
    production.migrations = ("1",)
    production.look(BASE)
    assert found(production, "sync") == []
    production.failed = "2"
    production.look(BASE)
    (broken,) = production.against("sync").findings
    assert broken.key == 'migration:public.history."2"'
    assert broken.severity is Severity.CRITICAL
    assert broken.change.attributes == {"state": ("applied", "failed")}
    production.failed = ""
    production.look(BASE)
    assert found(production, "sync") == []
    assert production.reasons() == ["first", "resolved"]


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (["1", "2"], ["1"], [("2", "ahead", "warning")]),
        (["2", "1"], ["1", "2"], [("2", "diverged", "info")]),
        (["1"], ["1", "2"], []),
        (["1"], ["1"], []),
    ],
)
def test_what_differs_from_the_upstream_is_found(
    here: list[str], there: list[str], expected: list[tuple[str, str, str]]
) -> None:
    production = follower(*map(Migration, there))
    production.migrations = tuple(here)
    production.look(BASE)
    names = [(f'migration:public.history."{v}"', d, s) for v, d, s in expected]
    assert found(production) in (names, [(n.replace("2", "1"), d, s) for n, d, s in names])


def test_another_text_under_the_same_version_is_found() -> None:
    production = follower(Migration("1", "", "a"))
    production.written = (Migration("1", "", "b"),)
    production.look(BASE)
    assert found(production) == [('migration:public.history."1"', "diverged", "warning")]
    assert production.against("staging").outcome is Outcome.DRIFTED


def test_a_pipeline_that_migrates_both_is_no_difference() -> None:
    """The upstream's book is older than the look here, until it was looked at later."""
    production = follower(Migration("1"))
    production.migrations = ("1",)
    production.upstream_seen_at = production.now
    production.look(BASE)
    production.upstream_seen_at = production.now - timedelta(minutes=1)
    production.look(BASE, migrated="2")
    assert found(production) == []
    assert [f.version for f in production.against("staging").histories] == ["2"]
    # The upstream was looked at again, and has it now.
    production.upstream_seen_at = production.now + timedelta(minutes=1)
    production.upstream_histories = (
        History("flyway", "public.history", (Migration("1"), Migration("2"))),
    )
    production.look(BASE)
    assert found(production) == []


def test_what_lasts_after_the_upstream_was_looked_at_again_is_found_and_stays() -> None:
    production = follower(Migration("1"))
    production.migrations = ("1",)
    production.upstream_seen_at = production.now
    production.look(BASE)
    production.look(BASE, migrated="2")
    assert found(production) == []
    production.upstream_seen_at = production.now + timedelta(minutes=1)
    production.look(BASE)
    extra = [('migration:public.history."2"', "ahead", "warning")]
    assert found(production) == extra
    # And is told once, however old the look at the upstream becomes.
    production.look(BASE)
    assert found(production) == extra
    assert production.reasons("staging") == ["first"]


def test_the_operators_rules_come_first() -> None:
    grave = Policy(severity=[Grade(Severity.CRITICAL, "migration:*")])
    production = follower(Migration("1"), policy=grave)
    production.migrations = ("1", "2")
    production.look(BASE)
    assert [s for _, _, s in found(production)] == ["critical"]
    rule = Ignore("migration:public.history.*", reason="the tenants have their own")
    production = follower(Migration("1"), policy=Policy(ignore=[rule]))
    production.migrations = ("1", "2")
    production.look(BASE)
    assert found(production) == []
    assert production.against("staging").ignored == 1
