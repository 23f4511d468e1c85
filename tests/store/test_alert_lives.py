"""Lives at random through the real outbox: what waits, is folded, told together, fails or is killed.

Whoever reads a channel knows what its messages said, and no more. In the end that is what was
decided, nothing was told twice as new, and all that was told as open was told as over.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.hours import Hours
from pgdrift.core.alerts.incident import Delivery, Notice, Reason, Verdict
from pgdrift.core.alerts.pipeline import tell
from pgdrift.core.alerts.route import Quiet, Route
from pgdrift.core.book import Step
from pgdrift.core.model import SYNC, Finding, Outcome, Severity
from pgdrift.core.watched import Watched
from pgdrift.errors import SinkError
from pgdrift.sinks.outbox import Outbox, Told, deliver_due
from pgdrift.store import Store
from tests.core.build import changed, finding, table_id

T = TypeVar("T")
Thread = tuple[str, str]

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
NAMES = ("one", "two")
PLACES = ("east", "west")
ALL = tuple(Severity)
WAIT = timedelta(minutes=20)
NIGHT = Quiet((Hours(time(2), time(6), ZoneInfo("UTC")),))
ROUTES = (
    Route(["chat"], severity=ALL),
    Route(["chat"], severity=ALL, wait=WAIT),
    Route(["chat"], severity=ALL, wait=WAIT, group_by=["severity"]),
    Route(["chat"], severity=ALL, quiet=NIGHT),
    Route(["chat"], severity=ALL, quiet=NIGHT, wait=WAIT, group_by=["class"]),
    Route(["chat"], severity=ALL, repeat=timedelta(hours=1)),
)
# What becomes of a try: whether it arrives, and whether we hear so.
ENDS = ("told", "told", "refused", "lost", "silent", "killed before", "killed after")


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Person:
    """Whoever reads one thread: what they know, by what they were told."""

    known: dict[str, str] = field(default_factory=dict)
    open: bool = False
    heard: set[str] = field(default_factory=set)

    def read(self, notice: Notice, *, folded: bool) -> None:
        """Take in a message, and object to what nobody should be told."""
        id_, before = notice.incident.id, self.known
        self.known = {f.key: fact(f) for f in notice.incident.findings}
        match notice.reason:
            case Reason.FIRST:
                assert not self.open, "told as new what was told before"
                assert id_ not in self.heard, "told as new once more"
            case Reason.REOPENED:
                assert id_ in self.heard
                assert not self.open or folded
            case Reason.RESOLVED:
                assert self.open or folded, "told the end of what was never told"
                assert not self.known
            case _:
                assert self.open
        if not folded:
            assert set(notice.new) == self.known.keys() - before.keys()
        assert {f.key for f in notice.gone}.isdisjoint(self.known)
        self.heard.add(id_)
        self.open = notice.reason is not Reason.RESOLVED


class Lives(RuleBasedStateMachine):
    """Two environments, one channel, one store, and a daemon that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self._run(Store.open(f"sqlite:///{Path(self.folder.name)}/pgdrift.db"))
        self.now = NOW
        self.route = ROUTES[0]
        self.there: dict[str, dict[str, Finding]] = {place: {} for place in PLACES}
        self.arrived: dict[str, Delivery] = {}
        self.people: dict[Thread, Person] = {}
        self.ends: list[str] = []
        # The outbox takes what is raised in the sending for a bug of that, and goes on.
        self.wrong: list[AssertionError] = []

    def _run(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return self.loop.run_until_complete(run())

    @rule(
        place=st.sampled_from(PLACES),
        minutes=st.sampled_from([0, 1, 10, 30]),
        name=st.sampled_from(NAMES),
        to=st.sampled_from("bc"),
        severity=st.sampled_from(ALL),
        mended=st.booleans(),
    )
    def something_changes(
        self, place: str, minutes: int, name: str, to: str, severity: Severity, mended: bool
    ) -> None:
        self.now += timedelta(minutes=minutes)
        if mended:
            self.there[place].pop(name, None)
        else:
            change = changed(table_id(name), owner=("a", to))
            self.there[place][name] = finding(change, severity)
        self._look(place)

    @rule(number=st.integers(0, len(ROUTES) - 1))
    def the_operator_configures(self, number: int) -> None:
        self.route = ROUTES[number]

    @rule(
        minutes=st.sampled_from([0, 1, 20, 30]),
        ends=st.lists(st.sampled_from(ENDS), max_size=4),
    )
    def what_is_due_is_told(self, minutes: int, ends: list[str]) -> None:
        self.now += timedelta(minutes=minutes)
        self.ends = list(ends)
        try:
            self._run(self._round())
        except Killed:
            self._run(self.store.recover())
        if self.wrong:
            raise self.wrong[0]

    def _look(self, place: str) -> None:
        found = tuple(self.there[place].values())
        outcome = Outcome.DRIFTED if found else Outcome.IN_SYNC
        watched = Watched(place, routes=(self.route,))
        book = self._run(self.store.load(place, snapshots=False))
        told = tell(watched, book, [Verdict(place, SYNC, outcome, found)], self.now)
        step = Step(
            place, self.now, incidents=told.incidents, notices=told.notices, ended=told.ended
        )
        self._run(self.store.save(step))

    async def _round(self) -> list[Told]:
        s = self.store
        box = Outbox(s.due, s.begin, s.done, s.failed, s.postpone)
        tries = deliver_due(box, self._send, now=lambda: self.now, jitter=lambda: 0.0)
        return [told async for told in tries]

    async def _send(self, delivery: Delivery) -> Mapping[str, str]:
        """Tell it as Slack is told: what may have arrived is looked for by the delivery's id."""
        end = self.ends.pop(0) if self.ends else "told"
        if end == "killed before":
            raise Killed
        if end == "refused":
            raise SinkError("no", reason="refused", retry=True)
        if end == "lost":
            raise SinkError("no", reason="unreachable", retry=True, in_doubt=True)
        try:
            self._arrives(delivery)
        except AssertionError as error:
            self.wrong.append(error)
        if end == "killed after":
            raise Killed
        if end == "silent":
            raise SinkError("no", reason="unreachable", retry=True, in_doubt=True)
        return {"ts": delivery.id}

    def _arrives(self, delivery: Delivery) -> None:
        before = self.arrived.setdefault(delivery.id, delivery)
        if before is delivery:
            self._read(delivery)
        else:
            assert delivery.uncertain, "told again, and nobody could know"
            assert (before.notice, before.parts) == (delivery.notice, delivery.parts)

    def _read(self, delivery: Delivery) -> None:
        counted = Counter(delivery.threads)
        assert len(delivery.parts or (delivery.notice,)) == len(counted)
        for thread, notice in zip(counted, delivery.parts or (delivery.notice,), strict=True):
            assert thread[0] == notice.incident.id
            self.people.setdefault(thread, Person()).read(notice, folded=counted[thread] > 1)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Once nothing waits, everybody knows what was decided to be told, and nothing else."""
        if self._run(self.store.waiting()):
            return
        for place in PLACES:
            book = self._run(self.store.load(place, snapshots=False))
            for incident in (*book.incidents, *book.resolved):
                for thread in incident.threads:
                    if not thread.channel:
                        continue
                    person = self.people[incident.id, thread.group]
                    assert person.open is thread.open
                    assert person.known == {f.key: f.fact for f in thread.told}

    def teardown(self) -> None:
        """All is mended, and the channel lives: whoever heard of anything was told its end."""
        try:
            for place in PLACES:
                self.there[place].clear()
                self._look(place)
            # Until the night is over; then one message of each thread in a round.
            for minutes in (*[30] * 12, *[0] * 40):
                self.what_is_due_is_told(minutes, [])
            assert self._run(self.store.waiting()) == 0
            self.nothing_is_lost()
            assert not any(person.open for person in self.people.values())
        finally:
            self._run(self.store.close())
            self.loop.close()
            self.folder.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
