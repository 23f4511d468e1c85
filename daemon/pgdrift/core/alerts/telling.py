"""What a look says: verdicts, before it is decided; lines for the timeline, after.

What is to be told, and to whom, is decided elsewhere (pipeline.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from pgdrift.core.alerts.incident import Notice, Reason, Verdict
from pgdrift.core.alerts.life import RECORD
from pgdrift.core.alerts.marks import Ended, Mark, Verb
from pgdrift.core.book import Book
from pgdrift.core.model import LEDGER, REACH, SYNC, Against, Event, Outcome, Severity
from pgdrift.core.shown.render import headline, one_line
from pgdrift.core.watched import Watched

# Not `changed`: so a line of an object that changed is called.
_VERBS = {
    Reason.FIRST: "opened",
    Reason.CHANGED: "incident_changed",
    Reason.WORSE: "worsened",
    Reason.REOPENED: "reopened",
    Reason.RESOLVED: "resolved",
}
_MARKED = {Verb.ACK: "acknowledged", Verb.SILENCE: "silenced", Verb.ACCEPT: "accepted"}


def verdicts(watched: Watched, book: Book, against: Collection[Against]) -> Iterator[Verdict]:
    """Give a verdict per yardstick, and an end to what the environment followed once."""
    for a in against:
        yield Verdict(watched.name, a.yardstick, a.outcome, a.findings, a.reason)
    known = {SYNC, REACH, watched.follows, *(a.yardstick for a in against)}
    for i in book.incidents:
        if i.against not in known:
            ended = "no ledger is read any more"
            detail = ended if i.against == LEDGER else f"no longer follows {i.against}"
            yield Verdict(watched.name, i.against, Outcome.IN_SYNC, detail=detail)


def reach(watched: Watched, reason: str, unread: tuple[str, ...] = ()) -> Verdict:
    """Return the verdict on whether the environment can be judged; empty `reason`: it can.

    `unread` are the parts that could not be, where it was looked at.
    """
    grave = Severity.CRITICAL if watched.policy.protected else Severity.WARNING
    outcome = Outcome.DRIFTED if reason else Outcome.IN_SYNC
    return Verdict(watched.name, REACH, outcome, detail=reason, severity=grave, unread=unread)


def line(notice: Notice, channels: Collection[str]) -> Event:
    """Return the line that tells of a notice; what the timeline itself heard names no channel."""
    environment, text = notice.incident.environment, headline(notice)
    if RECORD not in channels:
        text += f" ({', '.join(map(one_line, channels))})"
    elif verb := _VERBS.get(notice.reason):
        return Event(environment, notice.at, verb, text)
    return Event(environment, notice.at, "told", f"{notice.reason.value}: {text}")


def expired(book: Book, now: datetime) -> Iterator[Event]:
    """Give a line for each mark whose time is over since the last look."""
    for m in book.marks:
        if m.until and (book.looked_at or m.at) < m.until <= now:
            yield _over(book.environment, m, "its time is over", now)


def ended(
    environment: str, marks: Iterable[Mark], gone: Sequence[Ended], now: datetime
) -> Iterator[Event]:
    """Give a line for each mark that this look ended."""
    why = {e.mark: e.why for e in gone}
    return (_over(environment, m, why[m.id], now) for m in marks if m.id in why)


def _over(environment: str, mark: Mark, why: str, now: datetime) -> Event:
    text = one_line(f"{mark.words} no longer {_MARKED[mark.verb]}: {why}")
    return Event(environment, now, "mark_ended", text)
