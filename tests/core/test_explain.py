"""Which route decides and why the others did not; and what of an environment nobody hears of."""

from __future__ import annotations

from pgdrift.core.alerts.explain import explain, supposed, unheard
from pgdrift.core.alerts.owners import Owners, Owning, Team
from pgdrift.core.alerts.route import Route, Subject
from pgdrift.core.model import REACH, SYNC, ChangeClass, Direction, Severity
from tests.core.build import NOW

NOBODY = Owners()
ALL = tuple(Severity)


def subject(key: str = "table:public.t", severity: Severity = Severity.WARNING) -> Subject:
    found = supposed(key, severity, ChangeClass.SECURITY, Direction.CHANGED, NOW)
    return Subject("production", SYNC, severity, found)


def test_each_route_says_what_becomes_of_it() -> None:
    routes = [
        Route(["a"], ["staging"]),
        Route(["b", "c"], go_on=True),
        Route(["owner"]),
        Route(["d"], classes=[ChangeClass.SECURITY]),
        Route(["e"]),
    ]
    said = explain(routes, subject(), NOBODY)
    assert [(a.to, a.decided) for a in said] == [
        ((), False),
        (("b", "c"), False),
        ((), False),
        (("d",), True),
        ((), False),
    ]
    assert [a.why_not for a in said] == [
        "it is for staging, not for production",
        "",
        "nobody owns it who has a channel",
        "",
        "it is not asked: route 3 decides",
    ]


def test_a_supposed_finding_has_the_key_that_was_asked_for() -> None:
    for key in ("table:public.t", 'column:public."Order".id', "function:app.f(integer, text)"):
        found = subject(key).finding
        assert found is not None
        assert found.key == key


def said(*routes: Route, owners: Owners = NOBODY) -> tuple[str, ...]:
    return unheard(routes, "production", [SYNC, REACH, "staging"], owners, NOW)


def test_what_nobody_hears_of_is_summed_up() -> None:
    assert said() == ("what is critical", "what is warning")
    assert said(Route(["a"])) == ()
    assert said(Route(["a"], severity=[Severity.CRITICAL])) == ("what is warning",)
    assert said(Route(["a"], ["staging"])) == ("what is critical", "what is warning")
    assert said(Route(["a"], against=[SYNC, "staging"])) == (
        "what is critical against reach",
        "what is warning against reach",
    )
    grave = [c for c in ChangeClass if c is not ChangeClass.COSMETIC]
    routes = [Route(["a"], classes=grave), Route(["a"], against=[REACH])]
    assert said(*routes) == (
        "what is critical of class cosmetic",
        "what is warning of class cosmetic",
    )
    patchy = [Route(["a"], classes=grave), Route(["a"], against=[REACH, SYNC])]
    assert said(*patchy)[0] == (
        "some of what is critical, as cosmetic against staging that is ahead"
    )


def test_what_depends_on_a_name_or_an_owner_is_no_way_for_all() -> None:
    owners = Owners((Owning("*", ("x",)),), {"x": Team("a")})
    assert said(Route(["a"], objects=["public.*"]))[0] == "what is critical"
    assert said(Route(["owner"]), Route(["a"], severity=ALL), owners=owners) == ()
