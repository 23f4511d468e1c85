"""Who hears of what: the first route that matches, finding by finding; and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.alerts.globs import any_of
from pgdrift.core.alerts.hours import Hours, until
from pgdrift.core.alerts.owners import Owners, Owning, Team, parsed
from pgdrift.core.alerts.route import WITHIN, Audience, Quiet, Route, Subject, address, audiences
from pgdrift.core.ignore import matches
from pgdrift.core.model import REACH, SYNC, ChangeClass, Direction, Finding, Severity
from tests.core.build import NOW, changed, column, finding, index, policy

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
ALL = tuple(Severity)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

BAD = finding(changed(policy("own", "invoice").id), CRITICAL, cls=ChangeClass.SECURITY)
SLOW = finding(changed(index("ix_total").id), WARNING, cls=ChangeClass.PERFORMANCE)
NOTE = finding(changed(column("note").id), INFO, Direction.BEHIND, ChangeClass.COSMETIC)
EVERYTHING = (BAD, SLOW, NOTE)


def heard(*routes: Route, findings: tuple[Finding, ...] = EVERYTHING) -> dict[str, list[Finding]]:
    """Return what each channel hears, in whatever threads."""
    found: dict[str, list[Finding]] = {}
    for a in audiences(routes, "production", SYNC, findings):
        found.setdefault(a.channel, []).extend(a.findings)
    return found


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
    assert Route(["c"], [glob]).matches(Subject(environment, SYNC, CRITICAL)) is matches


def test_a_route_is_for_warnings_and_worse_unless_it_says_more() -> None:
    assert heard(Route(["c"])) == {"c": [BAD, SLOW]}
    assert heard(Route(["c"], severity=ALL)) == {"c": [BAD, SLOW, NOTE]}


@pytest.mark.parametrize(
    ("route", "hears"),
    [
        (Route(["c"], classes=[ChangeClass.SECURITY]), [BAD]),
        (Route(["c"], directions=[Direction.BEHIND]), [NOTE]),
        (Route(["c"], kinds=["index", "col*"]), [SLOW, NOTE]),
        (Route(["c"], objects=["public.orders*"]), [NOTE]),
        (Route(["c"], objects=["policy:public.*"]), [BAD]),
        (Route(["c"], against=[SYNC]), [BAD, SLOW, NOTE]),
        (Route(["c"], against=["staging"]), []),
        (Route(["c"], owners=["bill*"]), [BAD]),
        (Route(["c"], ["staging", "prod*"]), [BAD, SLOW, NOTE]),
    ],
)
def test_each_condition_lets_through_what_it_is_for(route: Route, hears: list[Finding]) -> None:
    owners = Owners((Owning("public.invoice", ("billing",)),))
    found = audiences([replace(route, severity=ALL)], "production", SYNC, EVERYTHING, owners=owners)
    assert [f for a in found for f in a.findings] == hears


def test_the_first_route_that_matches_decides_unless_it_says_continue() -> None:
    safe = Route(["security"], classes=[ChangeClass.SECURITY])
    rest = Route(["team"], severity=ALL)
    assert heard(safe, rest) == {"security": [BAD], "team": [SLOW, NOTE]}
    assert heard(replace(safe, go_on=True), rest) == {"security": [BAD], "team": [BAD, SLOW, NOTE]}
    assert heard(rest, safe) == {"team": [BAD, SLOW, NOTE]}


def test_what_no_route_is_for_is_told_to_nobody() -> None:
    assert heard(Route(["c"]), findings=(NOTE,)) == {}
    assert heard() == {}


def test_a_channel_hears_of_a_finding_once_by_however_many_routes() -> None:
    both = [Route(["a", "b"], go_on=True), Route(["b", "c"], group_by=["environment"])]
    found = audiences(both, "production", SYNC, (BAD,))
    assert [(a.channel, a.findings) for a in found] == [("a", (BAD,)), ("b", (BAD,)), ("c", (BAD,))]


def test_an_incident_without_findings_goes_by_environment_severity_and_yardstick() -> None:
    routes = [
        Route(["security"], classes=[ChangeClass.SECURITY]),
        Route(["net"], against=[REACH]),
        Route(["all"]),
    ]
    (found,) = audiences(routes, "production", REACH, (), CRITICAL)
    assert (found.channel, found.findings, found.severity) == ("net", (), CRITICAL)
    assert audiences(routes, "production", REACH, (), INFO) == ()


def test_one_incident_is_one_thread_per_channel_as_grave_as_what_is_told_there() -> None:
    routes = [Route(["a"], severity=[WARNING, INFO], go_on=True), Route(["b"], severity=ALL)]
    found = {a.channel: a for a in audiences(routes, "production", SYNC, EVERYTHING)}
    assert {a.group for a in found.values()} == {""}
    assert [found["a"].severity, found["b"].severity] == [WARNING, CRITICAL]
    assert {a.digest for a in found.values()} == {""}


def test_finer_keys_part_an_incident_into_threads() -> None:
    route = Route(["a"], severity=ALL, group_by=["environment", "against", "class", "kind"])
    found = audiences([route], "production", SYNC, EVERYTHING)
    assert {a.group: a.findings for a in found} == {
        "class=security,kind=policy": (BAD,),
        "class=performance,kind=index": (SLOW,),
        "class=cosmetic,kind=column": (NOTE,),
    }


def test_without_the_environment_messages_of_several_can_become_one() -> None:
    route = Route(["a"], group_by=["severity"])
    here, there = (audiences([route], name, SYNC, (BAD,)) for name in ("production", "tenant-acme"))
    assert here[0].digest == there[0].digest != ""
    assert audiences([route], "production", SYNC, (SLOW,))[0].digest != here[0].digest


def test_an_owner_hears_in_the_channel_of_his_team_and_who_has_none_goes_on() -> None:
    owners = Owners(
        (Owning("*", ("nobody",)), Owning("public.invoice", ("billing", "audit"))),
        {"billing": Team("#billing", "S1"), "audit": Team("#audit")},
    )
    routes = [Route(["owner"], severity=ALL, mention="U1"), Route(["dba"], severity=ALL)]
    found = audiences(routes, "production", SYNC, EVERYTHING, owners=owners)
    assert {a.channel: (a.findings, a.mention) for a in found} == {
        "#billing": ((BAD,), ("S1",)),
        "#audit": ((BAD,), ("U1",)),
        "dba": ((SLOW, NOTE), ()),
    }


def test_what_several_routes_lead_to_one_channel_is_as_patient_as_the_least() -> None:
    quiet = Quiet((Hours(time(22), time(7)),))
    routes = [
        Route(["a"], severity=[CRITICAL], repeat=HOUR, wait=MINUTE),
        Route(["a"], severity=[WARNING], quiet=quiet, mention="U1", fallback=["b", "a"]),
    ]
    (both,) = audiences(routes, "production", SYNC, EVERYTHING)
    assert both == Audience("a", "", (BAD, SLOW), CRITICAL, HOUR, mention=("U1",), fallback=("b",))
    (calm,) = audiences(routes, "production", SYNC, (SLOW,))
    assert calm.quiet == quiet


OWNERS_FILE = """
# Who is asked about what.
*                     @dba
billing.*             @billing @finance   # two of them
table:billing.ledger
hr.pay\\ roll          people
\\#odd                 @odd
"""


@pytest.mark.parametrize(
    ("key", "owners"),
    [
        ("table:public.orders", ("dba",)),
        ("column:billing.invoice.total", ("billing", "finance")),
        ("table:billing.ledger", ()),
        ("index:billing.ledger", ("billing", "finance")),
        ("column:hr.pay roll.amount", ("people",)),
        ("table:#odd", ("odd",)),
        ("table:hr.payroll", ("dba",)),
    ],
)
def test_the_last_rule_that_matches_says_who_owns_an_object(
    key: str, owners: tuple[str, ...]
) -> None:
    assert Owners(parsed(OWNERS_FILE)).of(key) == owners


def test_hostile_lines_of_an_owners_file_are_rules_like_all_others() -> None:
    for text in ("\\", "*", "@", "# only", "a\x00b @c", "[ @x", "a:b:c @x\r\n\r\n"):
        Owners(parsed(text)).of("table:public.a")


GLOBS = st.text("ab.*?[]!-(|", max_size=6)


@given(st.lists(GLOBS, max_size=3), GLOBS)
def test_many_globs_at_once_stand_for_what_each_of_them_does(globs: list[str], name: str) -> None:
    assert any_of(globs, name) == any(matches(name, glob) for glob in globs)


BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Hours(time(22), time(7), BERLIN)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-22T21:59", None),
        ("2026-11-22T22:00", "2026-11-23T07:00"),
        ("2026-11-23T03:00", "2026-11-23T07:00"),
        ("2026-11-23T07:00", None),
        # The night is an hour shorter, and an hour longer.
        ("2026-03-28T23:30", "2026-03-29T07:00"),
        ("2026-10-25T00:30", "2026-10-25T07:00"),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(now: str, end: str | None) -> None:
    assert NIGHT.until(at(now)) == (at(end) if end else None)


def test_hours_are_of_the_day_on_which_they_begin_and_follow_one_another() -> None:
    friday = replace(NIGHT, days=frozenset({4}))
    weekend = Hours(time(0), time(0), BERLIN, frozenset({5, 6}))
    assert friday.until(at("2026-11-21T03:00")) == at("2026-11-21T07:00")
    assert friday.until(at("2026-11-20T03:00")) is None
    assert until([friday, weekend], at("2026-11-20T23:00")) == at("2026-11-23T00:00")
    assert until([weekend, NIGHT], at("2026-11-22T12:00")) == at("2026-11-23T07:00")
    always = Hours(time(0), time(0))
    assert until([always], NOW) is not None
    assert until([], NOW) is None


def test_a_message_waits_for_what_else_comes_and_for_the_end_of_the_night() -> None:
    alone = Audience("a", wait=MINUTE, severity=WARNING)
    assert address(alone, NOW, first=True).not_before == NOW + MINUTE
    assert address(alone, NOW, first=False).not_before is None
    assert address(replace(alone, wait=timedelta(0)), NOW, first=True).not_before is None
    shared = replace(alone, digest="by severity=warning")
    assert address(shared, NOW, first=False).not_before == NOW + MINUTE

    asleep = replace(alone, quiet=Quiet((NIGHT,)))
    night = at("2026-11-22T23:00")
    held = address(asleep, night, first=True)
    assert (held.not_before, held.digest) == (at("2026-11-23T07:00"), "quiet hours")
    woken = address(replace(asleep, severity=CRITICAL), night, first=False)
    assert (woken.not_before, woken.digest) == (None, WITHIN)


def test_a_route_says_why_it_is_not_for_something() -> None:
    route = Route(["a"], ["staging"], classes=[ChangeClass.SECURITY])
    assert route.why_not(Subject("production", SYNC, CRITICAL)) == (
        "it is for staging, not for production"
    )
    assert route.why_not(Subject("staging", SYNC, INFO)) == (
        "it is for warning or critical, and this is info"
    )
    assert route.why_not(Subject("staging", SYNC, CRITICAL, SLOW)) == "it is for security alone"
    assert route.why_not(Subject("staging", SYNC, CRITICAL, BAD)) == ""
