"""What is to be told of one look: verdicts in; incidents, notices and their channels out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pgdrift.core import route
from pgdrift.core.book import Book
from pgdrift.core.incident import Incident, Notice, Reason, Verdict, step
from pgdrift.core.model import REACH, SYNC, Against, Event, Outcome, Severity
from pgdrift.core.render import headline
from pgdrift.core.watched import Watched

_VERBS = {Reason.OPENED: "opened", Reason.RESOLVED: "resolved"}


@dataclass(frozen=True, slots=True)
class Told:
    """The incidents that changed, what to tell to which channels, and lines for the timeline."""

    incidents: tuple[Incident, ...]
    notices: tuple[tuple[Notice, tuple[str, ...]], ...]
    events: tuple[Event, ...]


def tell(watched: Watched, book: Book, verdicts: Iterable[Verdict], now: datetime) -> Told:
    """Step every incident, and route what is to be told; who was told before hears the end too."""
    open_ = {i.against: i for i in book.incidents}
    kept: list[Incident] = []
    notices: list[tuple[Notice, tuple[str, ...]]] = []
    for verdict in verdicts:
        before = open_.get(verdict.against)
        grave = before.severity if before else Severity.INFO
        repeat = route.repeat_after(watched.routes, watched.name, grave)
        after, notice = step(before, verdict, now, repeat)
        if notice:
            to = route.channels(watched.routes, notice.incident)
            after = replace(notice.incident, channels=to)
            notices.append((replace(notice, incident=after), to))
        if after is not None and after != before:
            kept.append(after)
    return Told(tuple(kept), tuple(notices), tuple(_event(n) for n, _ in notices))


def verdicts(watched: Watched, book: Book, against: Iterable[Against]) -> Iterator[Verdict]:
    """Give a verdict per yardstick, and an end to what the environment followed once."""
    for a in against:
        yield Verdict(watched.name, a.yardstick, a.outcome, a.findings, a.reason)
    for i in book.incidents:
        if i.against not in {SYNC, REACH, watched.follows}:
            detail = f"no longer follows {i.against}"
            yield Verdict(watched.name, i.against, Outcome.IN_SYNC, detail=detail)


def reach(watched: Watched, reason: str) -> Verdict:
    """Return the verdict on whether the environment can be judged; empty `reason`: it can."""
    grave = Severity.CRITICAL if watched.policy.protected else Severity.WARNING
    outcome = Outcome.DRIFTED if reason else Outcome.IN_SYNC
    return Verdict(watched.name, REACH, outcome, detail=reason, severity=grave)


def _event(notice: Notice) -> Event:
    verb = _VERBS.get(notice.reason, "told")
    environment = notice.incident.environment
    return Event(environment, notice.at, verb, f"{notice.reason.value}: {headline(notice)}")
