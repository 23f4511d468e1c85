"""A migration in flight: what changes meanwhile waits for its end, but not for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.look import Watched, questions
from pgdrift.core.model import Outcome, Snapshot
from tests.core.build import column, snap, table
from tests.core.environment import Environment

BASE = snap(table())
HALF = snap(table(), column("a"))
WHOLE = snap(table(), column("a"), column("b"))
RUNNING = "migration 2 has begun"


def started() -> Environment:
    production = Environment(Watched("production"))
    production.look(BASE, minutes=1)
    production.in_flight = RUNNING
    return production


def look(production: Environment, snapshot: Snapshot, **more: str) -> Outcome:
    return production.look(snapshot, minutes=5, **more).standing.outcome  # type: ignore[arg-type]


def test_what_changes_in_flight_is_judged_when_it_ends() -> None:
    production = started()
    assert look(production, BASE) is Outcome.IN_SYNC, "nothing has changed yet"
    assert look(production, HALF) is Outcome.UNKNOWN
    assert "migration 2 has begun" in production.against().reason
    assert production.last
    assert production.last.step.snapshot is None
    assert "judged when it ends" in production.last.standing.notes[-1]
    assert look(production, WHOLE) is Outcome.UNKNOWN
    production.in_flight = ""
    assert look(production, WHOLE, migrated="2") is Outcome.IN_SYNC
    assert production.told == []
    # The next change is as ever.
    assert look(production, BASE) is Outcome.DRIFTED
    assert production.against().findings[0].reason == ""


def test_what_was_declared_right_and_never_looked_at_is_not_clean_while_a_migration_runs() -> None:
    production = started()
    # As a declaration leaves it that came before any look.
    production.book = replace(production.book, against=(), outcome=None, gate="")
    assert look(production, HALF) is Outcome.UNKNOWN
    assert "migration 2 has begun" in production.against().reason
    production.in_flight = ""
    assert look(production, WHOLE, migrated="2") is Outcome.IN_SYNC


def test_what_is_left_over_by_a_migration_that_failed_did_not_converge() -> None:
    production = started()
    look(production, HALF)
    production.in_flight, production.failed = "", "2"
    assert look(production, HALF) is Outcome.DRIFTED
    finding, written = production.against().findings
    assert written.key == 'migration:public.history."2"', "and what the tool says of itself"
    assert finding.reason == "did not converge: migration 2 (flyway) failed"
    assert production.reasons() == ["first"]
    # It began after the last look that saw nothing, however often judgement waited since.
    assert finding.blame.after == production.now - timedelta(minutes=10)
    look(production, HALF)
    assert production.against().findings[0].reason == finding.reason, "as long as it lasts"


def test_a_migration_that_fails_at_once_is_told_with_what_it_leaves() -> None:
    production = started()
    production.in_flight, production.failed = "", "2"
    look(production, HALF)
    finding, written = production.against().findings
    assert written.key == 'migration:public.history."2"', "and what the tool says of itself"
    assert finding.reason == "did not converge: migration 2 (flyway) failed"
    look(production, WHOLE)
    reasons = {f.key: f.reason for f in production.against().findings}
    assert reasons["column:public.orders.b"] == "", "it failed before"


def test_a_migration_that_ends_without_a_trace_leaves_drift() -> None:
    production = started()
    look(production, HALF)
    production.in_flight = ""
    assert look(production, HALF) is Outcome.DRIFTED
    assert "by a migration that ended" in production.against().findings[0].reason


def test_judgement_waits_for_a_bounded_time() -> None:
    production = started()
    assert [look(production, HALF) for _ in range(4)] == [
        *[Outcome.UNKNOWN] * 3,
        Outcome.DRIFTED,
    ]
    (finding,) = production.against().findings
    assert finding.reason.startswith("did not converge: in flight since 2026-11-22 12:")
    # It waits no second time for the same flight.
    assert look(production, WHOLE) is Outcome.DRIFTED
    assert len(production.against().findings) == 2


def test_a_clock_that_is_set_back_makes_nothing_wait_for_longer() -> None:
    production = started()
    look(production, HALF)
    production.now -= timedelta(days=1)
    assert look(production, HALF) is Outcome.DRIFTED


def test_drift_that_was_there_before_stays_told() -> None:
    production = Environment(Watched("production"))
    production.look(BASE)
    production.look(HALF)
    production.in_flight = RUNNING
    assert look(production, WHOLE) is Outcome.DRIFTED
    assert production.keys() == ["column:public.orders.a"]
    assert production.reasons() == ["first"]


def test_a_first_look_waits_for_nothing() -> None:
    production = Environment(Watched("production"))
    production.in_flight = RUNNING
    assert look(production, HALF) is Outcome.IN_SYNC


@pytest.mark.parametrize("wait", [timedelta(), timedelta(hours=2)])
def test_the_time_it_waits_is_set(wait: timedelta) -> None:
    production = started()
    production.watched = replace(production.watched, migration_wait=wait)
    assert look(production, HALF) is (Outcome.UNKNOWN if wait else Outcome.DRIFTED)


def test_it_waits_through_a_look_that_fails() -> None:
    production = started()
    look(production, HALF)
    production.fail()
    # An hour later: it has waited since before.
    assert look(production, HALF) is Outcome.DRIFTED
    assert "did not converge" in production.against().findings[0].reason


def test_no_server_is_asked_about_what_is_not_judged() -> None:
    from pgdrift.core.model import History, Reading

    production = started()
    look(production, HALF)
    expression = snap(table(), column("a", default="now()"))
    flight = (History("flyway", "public.history", (), in_flight=RUNNING),)
    asked = (production.watched, production.book, Reading(expression, "g", None, flight), None)
    assert questions(*asked, production.now) == ()
