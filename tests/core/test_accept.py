"""What somebody calls right is no drift, until it changes again or the acceptance ends."""

from __future__ import annotations

from datetime import timedelta

from pgdrift.core.alerts.route import Route
from pgdrift.core.model import Outcome
from pgdrift.core.shown.render import headline
from pgdrift.core.watched import Watched
from tests.core.build import policy, snap, table
from tests.core.environment import Environment

BASE = snap(table())
DRIFTED = snap(table(), policy("p"))
AGAIN = snap(table(), policy("p", command="SELECT"))
P = "policy:public.orders.p"


def drifted() -> Environment:
    production = Environment(Watched("production", routes=[Route(["chat"])]))
    production.look(BASE)
    production.look(DRIFTED)
    assert production.keys() == [P]
    return production


def test_what_was_called_right_is_no_drift_and_is_told_as_over() -> None:
    production = drifted()
    first_seen = production.against().findings[0].first_seen
    production.accept(P)
    production.look(DRIFTED)
    own = production.against()
    assert (own.outcome, own.findings, [f.key for f in own.accepted]) == (
        Outcome.IN_SYNC,
        (),
        [P],
    )
    assert own.accepted[0].first_seen == first_seen
    assert production.reasons() == ["first", "resolved"]
    # It is there still: nobody is told that it went.
    over = production.told[-1][0]
    assert headline(over) == "production has nothing left that was not accepted"
    assert over.incident.detail == "has nothing left that was not accepted"


def test_what_goes_because_it_was_accepted_is_told_as_such() -> None:
    production = drifted()
    production.look(snap(table(), policy("p"), policy("q"), policy("r")))
    q, r = P[:-1] + "q", P[:-1] + "r"
    production.accept(q)
    production.look(snap(table(), policy("p"), policy("q")))
    changed = production.told[-1][0]
    assert {f.key for f in changed.gone} == {q, r}
    assert changed.incident.detail == f"accepted by ada, and still there: {q} (x)"
    production.look(BASE)
    over = production.told[-1][0]
    assert headline(over) == "production is in sync with its sync point again"


def test_it_comes_back_when_the_object_changes_again() -> None:
    production = drifted()
    production.accept(P)
    production.look(DRIFTED)
    production.look(AGAIN)
    assert (production.keys(), production.against().accepted) == ([P], ())
    assert production.reasons() == ["first", "resolved", "first"]
    production.look(DRIFTED)  # and is right again when it is what was called right
    assert production.keys() == []


def test_it_comes_back_when_the_acceptance_ends_as_old_as_it_is() -> None:
    production = drifted()
    first_seen = production.against().findings[0].first_seen
    production.accept(P, until=production.now + timedelta(minutes=90))
    production.look(DRIFTED)
    assert production.keys() == []
    production.look(DRIFTED)
    assert production.keys() == [P]
    assert production.against().findings[0].first_seen == first_seen
    assert ("mark_ended", f"{P} in production no longer accepted: its time is over") in (
        production.events()
    )


def test_what_is_right_stays_so_while_nobody_can_look() -> None:
    production = drifted()
    production.accept(P)
    production.fail()
    own = production.against()
    assert (own.outcome, own.findings, [f.key for f in own.accepted]) == (
        Outcome.UNKNOWN,
        (),
        [P],
    )
    production.look(DRIFTED)
    assert production.reasons() == ["first", "resolved"]


def test_beside_what_is_right_drift_is_drift() -> None:
    production = drifted()
    production.accept(P)
    production.look(snap(table(), policy("p"), policy("q")))
    assert production.keys() == ["policy:public.orders.q"]
    assert production.against().outcome is Outcome.DRIFTED


def test_what_was_called_right_against_one_yardstick_is_right_against_that_one() -> None:
    production = Environment(Watched("production", "staging"))
    production.upstream = BASE
    production.look(BASE)
    production.look(DRIFTED)
    production.accept(P, against="staging")
    production.look(DRIFTED)
    assert (production.keys("staging"), production.keys()) == ([], [P])
