"""A plan that is run, as the looks beside it see it: held, explained exactly, watched closely."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.look import Watched
from pgdrift.core.model import Confidence, Origin, Outcome, Snapshot
from pgdrift.core.why.enacted import CLOSELY, Enactment, Result, left_by
from tests.core.build import NOW, column, index, snap, table
from tests.core.environment import Environment

BASE = snap(table(), column("old"))
WANTED = snap(table(), column("a"), index("a_idx"))
HERE = "pgdrift writes here, process 7 of owner"


def ran(after: Snapshot = WANTED, **more: object) -> Enactment:
    """Return a run of the plan that makes WANTED of BASE, which left what there is `after`."""
    made = Enactment(
        "3f2a91c0b7de", "production", "up", "bob", "ticket 7", NOW, left=left_by(BASE, after)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def started(*enacted: Enactment) -> Environment:
    production = Environment(Watched("production"))
    production.look(BASE, minutes=1)
    production.book = replace(production.book, enacted=enacted)
    return production


def origins(production: Environment) -> dict[str, Origin | None]:
    assert production.last
    events = production.last.step.events
    return {e.subject: e.detail.origin for e in events if e.detail and e.subject}


def test_what_a_plan_left_is_its_own_with_who_and_why() -> None:
    production = started(ran(ended_at=NOW, result=Result.DONE))
    assert production.look(WANTED, minutes=1).standing.outcome is Outcome.IN_SYNC
    assert production.told == []
    assert set(origins(production).values()) == {Origin.MIGRATION}
    assert production.last
    blames = [e.detail.blame for e in production.last.step.events if e.detail]
    assert {(b.confidence, b.who, b.migration) for b in blames} == {
        (Confidence.EXACT, "bob", "plan 3f2a91c0b7de (ticket 7)")
    }
    # The very next change is nobody's.
    assert production.look(BASE, minutes=1).standing.outcome is Outcome.DRIFTED


@pytest.mark.parametrize(
    ("found", "drifted"),
    [
        (snap(table(), column("a"), index("a_idx"), column("b")), {"column:public.orders.b"}),
        (
            snap(table(), column("a", "orders", "public", type="text"), index("a_idx")),
            {"column:public.orders.a"},
        ),
        (
            snap(table(owner="eve"), column("a"), index("a_idx")),
            {"table:public.orders"},
        ),
    ],
    ids=["something beside it", "the same object, done otherwise", "an object it never touched"],
)
def test_what_somebody_did_beside_a_plan_is_drift(found: Snapshot, drifted: set[str]) -> None:
    production = started(ran(ended_at=NOW, result=Result.DONE))
    production.look(found, minutes=1)
    assert set(production.keys()) == drifted


def test_while_it_runs_nothing_is_judged_and_whoever_runs_it_is_named() -> None:
    production = started(ran())
    production.at_work = HERE
    half = snap(table(), column("a"))
    look = production.look(half, minutes=1)
    assert look.standing.outcome is Outcome.UNKNOWN
    assert "plan 3f2a91c0b7de, by bob: ticket 7" in look.standing.reason
    assert "plan 3f2a91c0b7de, by bob: ticket 7" in look.standing.at_work
    assert (look.closely, look.step.snapshot) == (True, None)
    production.at_work = ""
    production.book = replace(
        production.book, enacted=(ran(ended_at=production.now, result=Result.DONE),)
    )
    look = production.look(WANTED, minutes=1)
    assert (look.standing.outcome, look.standing.at_work) == (Outcome.IN_SYNC, "")
    assert look.closely
    assert any("done" in n and "watched closely until" in n for n in look.standing.notes)
    # And not for ever.
    look = production.look(WANTED, minutes=CLOSELY.total_seconds() / 60)
    assert (look.closely, look.standing.notes) == (False, ())


def test_what_was_cut_off_is_said_and_what_it_left_is_its_own_as_far_as_it_came() -> None:
    half = snap(table(), column("a"))
    production = started(ran(left={**left_by(BASE, WANTED), **left_by(BASE, half)}))
    look = production.look(half, minutes=1)
    assert look.standing.outcome is Outcome.IN_SYNC
    (note,) = look.standing.notes
    assert "cut off" in note
    assert "pgdrift apply … --resume" in note
    # Half of a statement that runs in no transaction: nobody wrote down that it would be so.
    left = snap(table(), column("a"), index("a_idx", "orders", valid=False))
    production.look(left, minutes=1)
    assert production.keys() == ["index:public.a_idx"]


def test_two_plans_in_one_window_have_each_their_own() -> None:
    first = ran(ended_at=NOW, result=Result.DONE)
    second = replace(
        ran(ended_at=NOW, result=Result.DONE, plan="bbbbbbbbbbbb", by="eve"),
        began_at=NOW + timedelta(seconds=30),
        left={"index:public.a_idx": WANTED.objects[index("a_idx").id].digest},
    )
    production = started(second, first)
    production.look(WANTED, minutes=1)
    assert production.last
    who = {e.subject: e.detail.blame.who for e in production.last.step.events if e.detail}
    assert who == {
        "column:public.orders.a": "bob",
        "column:public.orders.old": "bob",
        "index:public.a_idx": "eve",
    }
