"""The way of an alert: held, told to whom it is routed, muted, ended, and come back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

import pytest

from pgdrift.core.alerts.hold import Maintenance, Patience
from pgdrift.core.alerts.hours import Hours
from pgdrift.core.alerts.incident import Incident, Notice, State, Verdict
from pgdrift.core.alerts.marks import Mark, Matcher, Verb
from pgdrift.core.alerts.pipeline import Told, tell
from pgdrift.core.alerts.route import Address, Quiet, Route
from pgdrift.core.book import Book, Step
from pgdrift.core.model import REACH, SYNC, ChangeClass, Direction, Finding, Outcome, Severity
from pgdrift.core.watched import Watched
from tests.core.build import NOW, after, changed, finding, table_id
from tests.core.environment import keep

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ONE = finding(changed(table_id("one"), owner=("a", "b")))
TWO = finding(changed(table_id("two"), owner=("a", "b")))
LOUDER = replace(ONE, severity=CRITICAL)
SECRET = replace(finding(changed(table_id("rls"), rls=(True, False))), cls=ChangeClass.SECURITY)
CHAT = Watched("production", routes=[Route(["chat"], severity=list(Severity))])


@dataclass
class Life:
    """What one environment has to tell, look by look."""

    watched: Watched = CHAT
    book: Book = field(default_factory=lambda: Book("production"))
    now: datetime = NOW
    notices: list[tuple[Notice, tuple[Address, ...]]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def look(self, *findings: Finding, against: str = SYNC, **pause: float) -> Told:
        """Find this, an hour after the look before or after the pause that is given."""
        outcome = Outcome.DRIFTED if findings else Outcome.IN_SYNC
        return self.tell(Verdict("production", against, outcome, findings), **pause)

    def tell(self, verdict: Verdict, **pause: float) -> Told:
        self.now += timedelta(**(pause or {"hours": 1}))
        told = tell(self.watched, self.book, [verdict], self.now)
        step = Step("production", self.now, incidents=told.incidents, ended=told.ended)
        self.book = keep(self.book, step)
        self.notices += told.notices
        self.ended += [e.mark for e in told.ended]
        self.lines += [(e.verb, e.text) for e in told.events]
        return told

    def reach(self, reason: str = "no route", *, unread: tuple[str, ...] = ()) -> Told:
        outcome = Outcome.DRIFTED if reason else Outcome.IN_SYNC
        return self.tell(Verdict("production", REACH, outcome, (), reason, CRITICAL, unread))

    def mark(self, verb: Verb, **fields: object) -> Mark:
        """Say something of all that is open, or of what a matcher says."""
        number = len(self.book.marks) + 1
        about = {} if "matcher" in fields else {"incident": self.incident.id}
        given = {"environment": "production"} | about | fields
        mark = Mark(number, verb, "ada", "reason", self.now, **given)  # type: ignore[arg-type]
        self.book = replace(self.book, marks=(*self.book.marks, mark))
        return mark

    @property
    def incident(self) -> Incident:
        (incident,) = self.book.incidents
        return incident

    def heard(self, channel: str = "chat") -> list[str]:
        """Return why a channel was told something, each time."""
        return [
            notice.reason.value for notice, to in self.notices if channel in [a.channel for a in to]
        ]


# One life


def test_what_opens_tells_all_there_is() -> None:
    life = Life()
    life.look(ONE, replace(TWO, severity=CRITICAL))
    ((notice, to),) = life.notices
    told, kept = notice.incident, life.incident
    assert [a.channel for a in to] == ["chat"]
    assert (told.environment, told.against, told.state) == ("production", SYNC, State.OPEN)
    assert (told.severity, told.revision) == (CRITICAL, 1)
    assert told.opened_at == told.changed_at == told.told_at == notice.at == after(hours=1)
    assert notice.new == (ONE.key, TWO.key)
    assert notice.gone == ()
    assert (told.id, told.findings, told.channels) == (kept.id, kept.findings, ("chat",))


def test_what_goes_on_tells_what_came_and_what_went() -> None:
    life = Life()
    life.look(ONE)
    life.look(TWO)
    notice, _ = life.notices[-1]
    assert (notice.new, notice.gone) == ((TWO.key,), (ONE,))
    assert (notice.incident.findings, notice.incident.revision) == ((TWO,), 2)
    assert (life.incident.opened_at, life.incident.changed_at) == (after(hours=1), after(hours=2))


def test_what_is_resolved_says_what_it_was() -> None:
    life = Life()
    life.look(ONE, TWO)
    life.look()
    notice, _ = life.notices[-1]
    assert (notice.reason.value, notice.gone) == ("resolved", (ONE, TWO))
    told = notice.incident
    assert (told.state, told.resolved_at, told.findings) == (State.RESOLVED, after(hours=2), ())
    assert told.severity is WARNING
    assert life.book.incidents == ()
    assert [verb for verb, _ in life.lines] == ["opened", "resolved"]


def test_not_knowing_changes_nothing_at_all() -> None:
    life = Life()
    unknown = Verdict("production", SYNC, Outcome.UNKNOWN, (LOUDER, TWO), "no route to host")
    assert life.tell(unknown) == Told()
    life.look(ONE)
    assert life.tell(unknown) == Told()
    assert life.incident.findings == (ONE,)


def test_without_news_the_incident_still_knows_its_present_findings() -> None:
    life = Life()
    life.look(ONE)
    later = replace(ONE, first_seen=after(hours=-3))
    assert life.look(later).notices == ()
    assert life.incident.findings == (later,)
    assert life.look(later) == Told()  # nothing to keep, either


def test_an_environment_that_cannot_be_looked_at_is_an_incident_of_its_own() -> None:
    life = Life()
    life.look(ONE)
    life.reach("refused")
    life.reach("timed out")  # another reason for the same silence
    life.reach("in part", unread=("policy",))
    life.reach("")
    assert life.heard() == ["first", "first", "changed", "resolved"]
    assert [i.against for i in life.book.incidents] == [SYNC]


def test_what_an_older_release_told_is_not_told_again() -> None:
    life = Life()
    life.look(ONE)
    old = replace(life.incident, threads=())
    life.book = replace(life.book, incidents=(old,))
    life.look(ONE)
    life.look(ONE, TWO)
    life.look()
    assert life.heard() == ["first", "changed", "resolved"]


# Whom it is told


def test_each_channel_hears_of_what_is_routed_to_it_and_of_nothing_else() -> None:
    security = Route(["security"], classes=[ChangeClass.SECURITY], go_on=True)
    life = Life(replace(CHAT, routes=[security, Route(["chat"])]))
    life.look(ONE)
    life.look(ONE, SECRET)
    life.look(ONE)
    life.look()
    assert life.heard("chat") == ["first", "changed", "changed", "resolved"]
    assert life.heard("security") == ["first", "resolved"]
    shares = [
        n.incident.findings for n, to in life.notices if "security" in [a.channel for a in to]
    ]
    assert shares == [(SECRET,), ()]
    ended = next(n for n, to in life.notices if n.reason.value == "resolved")
    assert ended.incident.detail == "has nothing left that is told here"
    ids = [n.id for n, _ in life.notices]
    assert len(set(ids)) == len(ids)
    assert len({n.incident.id for n, _ in life.notices}) == 1


def test_channels_that_hear_the_same_hear_it_by_one_notice() -> None:
    life = Life(replace(CHAT, routes=[Route(["chat", "mail"])]))
    life.look(ONE)
    ((_, to),) = life.notices
    assert [a.channel for a in to] == ["chat", "mail"]


def test_finer_groups_are_threads_of_their_own() -> None:
    life = Life(replace(CHAT, routes=[Route(["chat"], group_by=["environment", "class"])]))
    life.look(ONE, SECRET)
    life.look(ONE)
    groups = [(n.reason.value, a.group) for n, to in life.notices for a in to]
    assert groups == [
        ("first", "class=structure"),
        ("first", "class=security"),
        ("resolved", "class=security"),
    ]


def test_what_goes_elsewhere_is_over_for_whoever_heard_of_it_first() -> None:
    grave = Route(["oncall"], severity=[CRITICAL])
    life = Life(replace(CHAT, routes=[grave, Route(["chat"], severity=[WARNING])]))
    life.look(ONE)
    life.look(LOUDER)
    life.look(ONE)
    assert life.heard("chat") == ["first", "resolved", "reopened"]
    assert life.heard("oncall") == ["first", "resolved"]


def test_the_end_waits_for_the_morning_as_the_beginning_did() -> None:
    night = Quiet((Hours(time(12), time(18)),))
    life = Life(replace(CHAT, routes=[Route(["chat"], quiet=night)]))
    life.look(ONE)
    life.look()
    assert [a.not_before for _, to in life.notices for a in to] == [after(hours=6)] * 2


# What waits


@pytest.mark.parametrize(("minutes", "heard"), [(4, []), (5, ["first"])])
def test_nothing_is_told_before_its_grace_is_over(minutes: int, heard: list[str]) -> None:
    life = Life(replace(CHAT, patience=Patience(5 * MINUTE)))
    new = replace(ONE, first_seen=life.now + MINUTE)
    life.look(new, minutes=1)
    assert (life.incident.state, life.notices, life.lines) == (State.PENDING, [], [])
    life.look(new, minutes=minutes)
    assert life.heard() == heard
    life.look(minutes=1)
    assert life.heard() == ([*heard, "resolved"] if heard else [])
    assert bool(life.lines) is bool(heard)
    assert life.book.incidents == ()


def test_what_is_new_waits_while_what_was_told_goes_on() -> None:
    life = Life(replace(CHAT, patience=Patience(5 * MINUTE)))
    old = replace(ONE, first_seen=after(hours=-1))
    life.look(old, replace(TWO, first_seen=after(hours=1)))
    ((notice, _),) = life.notices
    assert (notice.incident.findings, life.incident.state) == ((old,), State.OPEN)
    life.look(old, replace(TWO, first_seen=after(hours=1)), minutes=5)
    assert life.notices[-1][0].new == (TWO.key,)


def test_one_look_that_fails_is_no_news_where_there_is_grace() -> None:
    life = Life(replace(CHAT, patience=Patience(90 * MINUTE)))
    life.reach()
    life.reach("")
    life.reach()
    life.reach()
    assert life.heard() == []
    life.reach()
    life.reach("")
    assert life.heard() == ["first", "resolved"]


def test_in_a_maintenance_window_nothing_is_told_but_the_end() -> None:
    window = Maintenance("upgrade", ["prod*"], after(hours=2), after(hours=4))
    life = Life(replace(CHAT, patience=Patience(maintenance=[window])))
    life.look(ONE, TWO)
    life.look(ONE, SECRET)  # one went, one came
    life.look(ONE, SECRET)
    assert life.heard() == ["first"]
    life.look(ONE, SECRET)  # the window is over
    notice, _ = life.notices[-1]
    assert (notice.reason.value, notice.new, notice.gone) == ("changed", (SECRET.key,), (TWO,))


def test_what_is_over_in_a_maintenance_window_is_told_as_such() -> None:
    window = Maintenance("upgrade", [], after(hours=2), after(hours=4))
    life = Life(replace(CHAT, patience=Patience(maintenance=[window])))
    life.look(ONE)
    life.look()
    assert life.heard() == ["first", "resolved"]


def test_a_window_comes_back_each_week_and_is_for_its_environments() -> None:
    sunday = Hours(time(12), time(14), days=frozenset({6}))
    here, elsewhere = Maintenance("weekly", [], weekly=sunday), Maintenance("x", ["dev"], NOW, NOW)
    for window, heard in ((here, []), (elsewhere, ["first"])):
        life = Life(replace(CHAT, patience=Patience(maintenance=[window])))
        life.look(ONE)  # Sunday, 13:00
        assert life.heard() == heard
        life.look(ONE)
        assert life.heard() == ["first"]


# What comes back


@pytest.mark.parametrize(("minutes", "last"), [(59, "reopened"), (60, "first")])
def test_what_comes_back_soon_is_the_incident_that_it_was(minutes: int, last: str) -> None:
    life = Life()
    life.look(ONE, TWO)
    life.look()
    life.look(ONE, minutes=minutes)
    assert life.heard() == ["first", "resolved", last]
    assert (len({n.incident.id for n, _ in life.notices}) == 1) is (last == "reopened")
    life.look()
    assert life.heard()[-1] == "resolved"


def test_another_change_is_another_incident_however_soon() -> None:
    life = Life()
    life.look(ONE)
    life.look()
    life.look(TWO, minutes=1)
    assert life.heard() == ["first", "resolved", "first"]
    assert len({n.incident.id for n, _ in life.notices}) == 2


def test_what_nobody_was_told_of_does_not_come_back() -> None:
    life = Life(replace(CHAT, patience=Patience(2 * HOUR)))
    life.look(replace(ONE, first_seen=life.now))
    first = life.incident
    life.look()
    life.look(replace(ONE, first_seen=life.now), minutes=1)
    assert life.incident.id != first.id


# What somebody does not want to be told of


def test_a_silence_is_quiet_until_its_end_and_tells_the_end_all_the_same() -> None:
    life = Life()
    life.mark(Verb.SILENCE, until=after(hours=4), matcher=Matcher("prod*", "table:*"))
    life.look(ONE)
    assert life.heard() == []
    assert life.lines[0][0] == "opened"  # the timeline is not silenced
    life.look(ONE, hours=3)
    assert life.heard() == ["first"]
    assert ("mark_ended", "table:* in prod* no longer silenced: its time is over") in life.lines
    life.mark(Verb.SILENCE, until=after(days=9))
    life.look(LOUDER)
    life.look()
    assert life.heard() == ["first", "resolved"]


@pytest.mark.parametrize(
    ("matcher", "covered"),
    [
        (Matcher(), "one two rls reach"),
        (Matcher("dev"), ""),
        (Matcher(object="table:public.t*"), "two"),
        (Matcher(classes=(ChangeClass.SECURITY,)), "rls"),
        (Matcher(severities=(CRITICAL,)), "reach"),
        (Matcher(severities=(WARNING,)), "one two rls"),
        (Matcher(directions=(Direction.BEHIND,)), ""),
        (Matcher(directions=(ONE.direction,)), "one two rls"),
    ],
)
def test_a_silence_is_for_what_its_matcher_says(matcher: Matcher, covered: str) -> None:
    life = Life()
    life.mark(Verb.SILENCE, until=after(days=1), matcher=matcher)
    life.look(ONE, TWO, SECRET)
    life.reach()
    heard = [n.incident for n, to in life.notices if to]
    told = [f.change.id.path[-1] for i in heard for f in i.findings]
    told += ["reach" for i in heard if i.against == REACH]
    assert sorted(told) == sorted({"one", "two", "rls", "reach"} - set(covered.split()))


def test_an_acknowledged_incident_is_not_repeated_and_what_goes_is_no_news() -> None:
    life = Life(replace(CHAT, routes=[Route(["chat"], repeat=2 * HOUR)]))
    life.look(ONE, TWO)
    life.mark(Verb.ACK)
    life.look(ONE, hours=9)
    assert life.heard() == ["first"]
    life.look(ONE, SECRET)
    assert life.heard() == ["first", "changed"]
    assert life.notices[-1][0].gone == (TWO,)
    assert life.ended == []
    life.look(LOUDER, SECRET)
    assert (life.heard()[-1], life.ended) == ("worse", [1])
    assert life.lines[-1][1].endswith("no longer acknowledged: it became worse")


def test_an_acknowledgement_ends_with_its_incident() -> None:
    life = Life()
    life.look(ONE)
    life.mark(Verb.ACK)
    life.look()
    assert (life.heard(), life.ended) == (["first", "resolved"], [1])
    assert life.lines[-1][1].endswith("no longer acknowledged: it is resolved")


def test_a_repetition_is_no_change() -> None:
    life = Life(replace(CHAT, routes=[Route(["chat"], repeat=2 * HOUR)]))
    life.look(ONE)
    life.look(ONE, hours=2)
    notice, _ = life.notices[-1]
    assert (notice.reason.value, notice.new, notice.gone) == ("repeat", (), ())
    assert (life.incident.changed_at, life.incident.told_at) == (after(hours=1), after(hours=3))


def test_what_the_timeline_alone_hears_of_is_not_called_told() -> None:
    life = Life(Watched("production"))
    for findings in ((ONE,), (ONE, TWO), (LOUDER, TWO), (), (ONE,)):
        life.look(*findings)
    verbs = [verb for verb, _ in life.lines]
    assert verbs == ["opened", "incident_changed", "worsened", "resolved", "opened"]
