"""Who hears of an incident: every route that matches, and everybody who was told before."""

from datetime import timedelta

import pytest

from pgdrift.core.incident import Incident, State
from pgdrift.core.model import Severity
from pgdrift.core.route import Route, channels, repeat_after
from tests.core.build import NOW

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
HOUR = timedelta(hours=1)


def incident(
    environment: str = "production", severity: Severity = CRITICAL, told: tuple[str, ...] = ()
) -> Incident:
    return Incident("i", environment, "sync", State.OPEN, severity, NOW, NOW, NOW, channels=told)


@pytest.mark.parametrize(
    ("environment", "glob", "matches"),
    [
        ("production", "*", True),
        ("production", "production", True),
        ("tenant-acme", "tenant-*", True),
        ("production", "tenant-*", False),
        ("production", "Production", False),
        ("production-eu", "production", False),
    ],
)
def test_a_route_is_for_environments_by_glob(environment: str, glob: str, matches: bool) -> None:
    assert Route(["c"], glob).matches(environment, CRITICAL) is matches


def test_a_route_is_for_warnings_and_worse_unless_it_says_more() -> None:
    quiet, all_ = Route(["c"]), Route(["c"], severity=list(Severity))
    assert [quiet.matches("e", s) for s in (CRITICAL, WARNING, INFO)] == [True, True, False]
    assert [all_.matches("e", s) for s in (CRITICAL, WARNING, INFO)] == [True, True, True]


def test_all_matching_routes_are_heard_and_nobody_twice() -> None:
    routes = [Route(["a", "b"]), Route(["b", "c"], "prod*"), Route(["d"], "staging")]
    assert channels(routes, incident()) == ("a", "b", "c")


def test_who_was_told_before_hears_on_first_even_when_no_route_matches() -> None:
    assert channels([], incident(told=("old",))) == ("old",)
    assert channels([Route(["a", "old"])], incident(told=("old",))) == ("old", "a")


def test_nobody_hears_what_no_route_is_for() -> None:
    assert channels([Route(["a"])], incident(severity=INFO)) == ()


def test_an_open_incident_is_told_again_after_the_shortest_wait_that_matches() -> None:
    routes = [
        Route(["a"], repeat=12 * HOUR),
        Route(["b"], repeat=4 * HOUR),
        Route(["c"], "staging", repeat=HOUR),
        Route(["d"]),
    ]
    assert repeat_after(routes, "production", CRITICAL) == 4 * HOUR
    assert repeat_after(routes, "staging", WARNING) == HOUR
    assert repeat_after(routes, "staging", INFO) is None
    assert repeat_after([], "production", CRITICAL) is None
