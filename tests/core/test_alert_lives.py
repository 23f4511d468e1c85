"""Lives at random against a simple oracle: nothing is lost, nothing told twice as new, all ends told.

What people know is what they were told, message by message, and no more: the oracle reads the
notices as they do. Looks, clocks, silences, acknowledgements, acceptances, windows, routes, dead
channels and restarts come in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pgdrift.core.alerts.accept import of_book, parted
from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.hold import Maintenance, Patience
from pgdrift.core.alerts.incident import Incident, Notice, Reason, Verdict
from pgdrift.core.alerts.marks import Mark, Matcher, Verb, right
from pgdrift.core.alerts.pipeline import tell
from pgdrift.core.alerts.route import Route
from pgdrift.core.book import Book, Step
from pgdrift.core.model import SYNC, ChangeClass, Finding, Outcome, Severity
from pgdrift.core.watched import Watched
from pgdrift.store import codec
from tests.core.build import NOW, changed, finding, table_id
from tests.core.environment import keep

ALL = list(Severity)
GRACE = timedelta(minutes=10)
CHANNELS = ("chat", "security", "mail")
ROUTES = (
    (Route(["chat"], severity=ALL),),
    (
        Route(["security"], classes=[ChangeClass.SECURITY], severity=ALL, go_on=True),
        Route(["chat", "mail"], repeat=timedelta(hours=2)),
    ),
    (
        Route(["chat"], severity=ALL, group_by=["environment", "class"], go_on=True),
        Route(["mail"], severity=[Severity.CRITICAL]),
    ),
)
NAMES = ("one", "two", "three")
Names = tuple[str, ...]
Address = tuple[str, str]
DRIFTS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from("bc"),
    st.sampled_from(ALL),
    st.sampled_from([ChangeClass.SECURITY, ChangeClass.STRUCTURE]),
)


@dataclass
class Person:
    """Whoever reads one thread of a channel: what they know, by what they were told."""

    known: dict[str, tuple[str, Severity]] = field(default_factory=dict)
    open: bool = False
    incidents: set[str] = field(default_factory=set)
    heard: int = 0

    def read(self, notice: Notice, muted: AbstractSet[str]) -> None:
        """Take in a message, and object to what nobody should be told.

        What was muted when it was written stands in it, and nobody is told how it became.
        """
        found = {f.key: (fact(f), f.severity) for f in notice.incident.findings}
        found |= {key: self.known[key] for key in found.keys() & muted & self.known.keys()}
        match notice.reason:
            case Reason.FIRST:
                assert not self.open, "told as new what was told before"
                assert notice.incident.id not in self.incidents, "told as new once more"
            case Reason.REOPENED:
                assert not self.open
                assert notice.incident.id in self.incidents
            case Reason.REPEAT:
                assert self.open
                assert found.keys() == self.known.keys()
            case Reason.RESOLVED:
                assert self.open, "told the end of what was never told"
                assert not found
            case _:
                assert self.open
                assert found != self.known, "told a change that is none"
        assert set(notice.new) == found.keys() - self.known.keys()
        assert {f.key for f in notice.gone} == self.known.keys() - found.keys()
        self.known, self.open = found, notice.reason is not Reason.RESOLVED
        self.incidents.add(notice.incident.id)
        self.heard += 1


class Lives(RuleBasedStateMachine):
    """One environment, what is really there, and the people of three channels."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.watched = Watched("production", routes=ROUTES[0])
        self.book = Book("production")
        self.there: dict[str, Finding] = {}
        self.judged: tuple[Finding, ...] = ()
        self.muted: set[str] = set()
        self.quiet = self.acknowledged = False
        self.dead: set[str] = set()
        self.queues: dict[Address, deque[tuple[Notice, AbstractSet[str]]]] = {}
        self.people: dict[Address, Person] = {}
        self.ids: set[str] = set()

    @rule(
        minutes=st.sampled_from([1, 1, 5, 5, 15, 59, 61, 180, -3]),
        drifts=st.lists(DRIFTS, min_size=1, max_size=3) | st.just([]),
        mended=st.sampled_from([(), (), (), ("one",), ("two", "three"), NAMES]),
    )
    def things_change_and_are_looked_at(
        self, minutes: int, drifts: list[tuple[str, str, Severity, ChangeClass]], mended: Names
    ) -> None:
        self.now += timedelta(minutes=minutes)
        for name in mended:
            self.there.pop(name, None)
        for name, to, severity, cls in drifts:
            made = finding(changed(table_id(name), owner=("a", to)), severity)
            seen = self.there[name].first_seen if name in self.there else self.now
            self.there[name] = replace(made, cls=cls, first_seen=seen)
        self._look()

    @rule(
        does=st.sampled_from(["silence", "silence all", "ack", "accept", "end", "nothing"]),
        hours=st.integers(1, 5),
    )
    def somebody_says_something(self, does: str, hours: int) -> None:
        until = self.now + timedelta(hours=hours)
        match does:
            case "silence" | "silence all":
                matcher = Matcher("prod*", "*" if does == "silence all" else "table:public.t*")
                self._mark(Verb.SILENCE, until=until, matcher=matcher)
            case "ack":
                for incident in self.book.incidents:
                    self._mark(Verb.ACK, incident=incident.id, environment="production")
            case "accept" if self.there:
                found = (right(next(iter(self.there.values())), SYNC),)
                self._mark(Verb.ACCEPT, until=until, environment="production", findings=found)
            case "end":
                self.book = replace(self.book, marks=self.book.marks[1:])
        self._look()

    @rule(
        number=st.integers(0, len(ROUTES) - 1),
        grace=st.booleans(),
        hours=st.sampled_from([0, 0, 1, 3]),
    )
    def the_operator_configures(self, number: int, grace: bool, hours: int) -> None:
        window = Maintenance("x", (), self.now, self.now + timedelta(hours=hours))
        patience = Patience(GRACE if grace else timedelta(0), (window,))
        self.watched = replace(self.watched, routes=ROUTES[number], patience=patience)
        self._look()

    @rule(channel=st.sampled_from([*CHANNELS, None]))
    def something_fails(self, channel: str | None) -> None:
        if channel:
            self.dead ^= {channel}
            self._deliver()
        else:
            self._look_in_vain()
            self._start_anew()

    def _start_anew(self) -> None:
        def kept(incidents: tuple[Incident, ...]) -> tuple[Incident, ...]:
            return tuple(codec.INCIDENT.read(codec.INCIDENT.write(i)) for i in incidents)

        incidents, resolved = kept(self.book.incidents), kept(self.book.resolved)
        assert (incidents, resolved) == (self.book.incidents, self.book.resolved)
        self.book = replace(self.book, incidents=incidents, resolved=resolved)

    def _look_in_vain(self) -> None:
        said = len(self.ids)
        self._tell(Verdict("production", SYNC, Outcome.UNKNOWN, (), "no route"))
        assert len(self.ids) == said

    def _look(self) -> None:
        found = tuple(self.there.values())
        self.judged, _ = parted(SYNC, found, of_book(self.book, self.now))
        outcome = Outcome.DRIFTED if self.judged else Outcome.IN_SYNC
        holding = any(m.holds(self.now) for m in self.book.marks)
        self.quiet = holding or self._planned()
        self.muted = {f.key for f in self.judged if self._is_quiet(f)}
        self.acknowledged = any(
            m.verb is Verb.ACK and m.holds(self.now) and i.id == m.incident
            for m in self.book.marks
            for i in self.book.incidents
        )
        self._tell(Verdict("production", SYNC, outcome, self.judged))
        self._deliver()

    def _tell(self, verdict: Verdict) -> None:
        told = tell(self.watched, self.book, [verdict], self.now)
        step = Step("production", self.now, incidents=told.incidents, ended=told.ended)
        self.book = keep(self.book, step)
        for notice, to in told.notices:
            assert notice.id not in self.ids, "two notices share an id"
            self.ids.add(notice.id)
            assert not to or self.muted.isdisjoint(notice.new), "told what was to be quiet"
            for address in to:
                key = address.channel, address.group
                gone = {f.key for f in notice.gone}
                assert gone.isdisjoint(self._wanted(key)), "told as gone what is there"
                self.queues.setdefault(key, deque()).append((notice, frozenset(self.muted)))

    def _deliver(self) -> None:
        for (channel, group), queue in self.queues.items():
            while queue and channel not in self.dead:
                self.people.setdefault((channel, group), Person()).read(*queue.popleft())

    def _mark(self, verb: Verb, **fields: object) -> None:
        number = max((m.id for m in self.book.marks), default=0) + 1
        mark = Mark(number, verb, "ada", "reason", self.now, **fields)  # type: ignore[arg-type]
        self.book = replace(self.book, marks=(*self.book.marks, mark))

    # The oracle

    def _is_quiet(self, found: Finding) -> bool:
        """Say in the plainest way whether nobody is to be told of a finding now."""
        new = timedelta(0) <= self.now - found.first_seen < self.watched.patience.grace
        silenced = any(
            m.holds(self.now) and m.matcher and m.matcher.covers("production", found)
            for m in self.book.marks
        )
        return self._planned() or new or silenced

    def _planned(self) -> bool:
        windows = self.watched.patience.maintenance
        return any(w.start <= self.now < w.end for w in windows if w.start and w.end)

    def _wanted(self, where: Address) -> dict[str, tuple[str, Severity]]:
        """Return what is there that a thread is for, by the routes as they read."""
        channel, group = where
        first: dict[str, tuple[str, Severity]] = {}
        for found in self.judged:
            for route in self.watched.routes:
                if found.severity not in route.severity:
                    continue
                if route.classes and found.cls not in route.classes:
                    continue
                finer = f"class={found.cls.value}" if "class" in route.group_by else ""
                if channel in route.to and finer == group:
                    first[found.key] = fact(found), found.severity
                if not route.go_on:
                    break
        return first

    @invariant()
    def nothing_is_lost(self) -> None:
        """Everybody whose channel lives knows what there was to be told at the last look."""
        threads = {*self.people, *((c, g) for c in CHANNELS for g in ("", *_GROUPS))}
        for where in threads:
            person = self.people.get(where, Person())
            if self.queues.get(where):
                continue
            wanted = self._wanted(where)
            for key, (said, severity) in wanted.items():
                if key not in self.muted:
                    assert key in person.known, f"{where} was never told of {key}"
                    assert person.known[key][0] == said
                    assert person.known[key][1].rank >= severity.rank
                    assert self.acknowledged or person.known[key][1] == severity
            assert person.open or not person.known
            if not self.muted and not self.quiet:
                assert person.known.keys() == wanted.keys(), "what went was not told"
            assert not person.open or wanted.keys() & person.known.keys(), "the end was not told"

    def teardown(self) -> None:
        """All is mended, and all channels live: whoever heard of anything was told its end."""
        self.dead.clear()
        self.there.clear()
        self._look()
        assert not any(person.open for person in self.people.values())
        assert self.book.incidents == ()
        heard = {c for c, _ in self.people}
        assert {c for i in self.book.resolved for c in i.channels} == heard


_GROUPS = tuple(f"class={c.value}" for c in (ChangeClass.SECURITY, ChangeClass.STRUCTURE))

TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
