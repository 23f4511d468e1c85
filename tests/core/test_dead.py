"""A channel is dead when nothing arrives there for long, or for good; and back when something does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pgdrift.core.alerts.dead import Health, over, step
from pgdrift.core.alerts.incident import Reason, State
from pgdrift.core.shown.render import headline
from tests.core.build import NOW

AFTER = timedelta(minutes=15)


def ago(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("stuck", "gave_up", "delivered", "dead"),
    [
        (None, None, None, False),
        (None, None, 5, False),
        (14, None, None, False),
        (15, None, None, True),
        (20, None, 30, True),
        # One message does not get through, others do.
        (20, None, 10, False),
        (None, 1, None, True),
        (None, 1, 5, True),
        (None, 10, 5, False),
        (5, 10, 7, False),
    ],
)
def test_when_a_channel_is_dead(
    stuck: float | None, gave_up: float | None, delivered: float | None, dead: bool
) -> None:
    health = Health("oncall", ago(stuck), ago(gave_up), ago(delivered), "unreachable")
    assert health.is_dead(NOW, AFTER) is dead
    assert (step(None, health, NOW, AFTER, ["dba"]) is not None) is dead


def test_it_is_told_once_and_its_end_when_something_arrived_since() -> None:
    failing = Health("oncall", ago(20), None, ago(30), "unreachable")
    first = step(None, failing, NOW, AFTER, ["dba"])
    assert first is not None
    assert (first.reason, headline(first)) == (Reason.FIRST, "channel oncall cannot be reached")
    assert "since 2026-11-22 11:40 UTC: unreachable" in first.incident.detail
    assert "is told in dba" in first.incident.detail
    later = NOW + timedelta(minutes=1)
    assert step(first.incident, failing, later, AFTER, ["dba"]) is None
    # What was given up may be tried anew, which says nothing: only what arrives does.
    assert step(first.incident, Health("oncall", None, None, ago(30)), later, AFTER, []) is None

    back = Health("oncall", None, None, later)
    end = step(first.incident, back, later, AFTER, ["dba"])
    assert end is not None
    assert (end.reason, headline(end)) == (Reason.RESOLVED, "channel oncall can be reached again")
    assert end.incident.channels == ("dba",)
    assert end.id != first.id
    gone = over(first.incident, later, "It is no longer configured.")
    assert (gone.incident.state, gone.incident.detail) == (
        State.RESOLVED,
        "It is no longer configured.",
    )
