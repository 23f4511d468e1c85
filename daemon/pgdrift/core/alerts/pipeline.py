"""The way of an alert, as a list: judge → hold → route → group → mute → decide.

Verdicts of one look, what is remembered and the clock in; what to keep and what to tell to whom
out. Delivery begins where this ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pgdrift.core.alerts import accept, hold, mute, telling
from pgdrift.core.alerts.incident import Incident, Notice, Reason, State, Thread, Verdict
from pgdrift.core.alerts.life import RECORD, known, lived, lives_on, with_past
from pgdrift.core.alerts.marks import Ended, Mark, Verb, acknowledged_by, holding, rights
from pgdrift.core.alerts.route import Address, Audience, address, audiences
from pgdrift.core.alerts.thread import Facts, Share, decide, facts_of, stepped, told
from pgdrift.core.book import Book
from pgdrift.core.model import Event, Finding, Outcome
from pgdrift.core.watched import Watched

Key = tuple[str, str]
"""A channel, and the group that names the thread there."""


@dataclass(frozen=True, slots=True)
class Told:
    """The incidents that changed, what to tell where, lines for the timeline, marks that ended."""

    incidents: tuple[Incident, ...] = ()
    notices: tuple[tuple[Notice, tuple[Address, ...]], ...] = ()
    events: tuple[Event, ...] = ()
    ended: tuple[Ended, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One verdict on its way. `before` is the incident as it was, `incident` as it is now.

    `held` are the keys of what waits, `silenced` of what somebody does not want to be told of.
    """

    watched: Watched
    verdict: Verdict
    marks: tuple[Mark, ...]
    now: datetime
    before: Incident
    incident: Incident
    facts: Facts
    held: frozenset[str]
    silenced: frozenset[str] = frozenset()

    def thread(self, key: Key) -> Thread | None:
        """Return what a channel was told so far."""
        return next((t for t in self.before.threads if (t.channel, t.group) == key), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """Why one channel is told, what it knew, and what it knows then."""

    reason: Reason
    before: Thread | None
    after: Thread
    audience: Audience | None

    @property
    def said(self) -> tuple[object, ...]:
        """What is said: channels that are told the same hear it by one notice."""
        return self.reason, self.after.group, tuple(told(self.before)), self.after.told


def tell(watched: Watched, book: Book, verdicts: Iterable[Verdict], now: datetime) -> Told:
    """Return what to tell of one look, and what to keep of it."""
    each = [_one(watched, book, verdict, now) for verdict in verdicts]
    return Told(
        tuple(i for t in each for i in t.incidents),
        tuple(n for t in each for n in t.notices),
        (*telling.expired(book, now), *(e for t in each for e in t.events)),
        tuple(m for t in each for m in t.ended),
    )


def _one(watched: Watched, book: Book, verdict: Verdict, now: datetime) -> Told:
    case = _judged_and_held(watched, book, verdict, now)
    if case is None:
        return Told()
    heard = _routed_and_grouped(case)
    case = replace(case, silenced=mute.silenced(case.marks, case.incident, known(case.incident)))
    decisions = [_decided(case, key, heard.get(key)) for key in _keys(case, heard)]
    return _kept(case, book, [d for d in decisions if d.reason is not Reason.NOTHING])


def _judged_and_held(watched: Watched, book: Book, verdict: Verdict, now: datetime) -> Case | None:
    """Return whose life it is and what of it waits; None where there is nothing to decide.

    An unknown outcome changes nothing: it neither opens nor resolves.
    """
    if verdict.outcome is Outcome.UNKNOWN:
        return None
    before = lives_on(book, verdict, watched.reopen, now)
    if before is None:
        return None
    record = next((t for t in before.threads if t.channel == RECORD), None)
    facts = facts_of(verdict, told(record))
    held = hold.held(watched.patience, before, verdict.findings, now) if facts else {}
    incident = lived(before, verdict, held, len(facts))
    waits = mute.waiting(watched.patience, before, held, now)
    return Case(watched, verdict, holding(book.marks, now), now, before, incident, facts, waits)


def _routed_and_grouped(case: Case) -> Mapping[Key, Audience]:
    """Return who hears of what there is now, by channel and group."""
    return _audiences(case, case.verdict.findings) if case.facts else {}


def _keys(case: Case, heard: Mapping[Key, Audience]) -> Iterable[Key]:
    """Return the threads to decide on: the timeline's, those that hear of it, those that heard."""
    threads = ((t.channel, t.group) for t in case.before.threads)
    return dict.fromkeys([(RECORD, ""), *heard, *threads])


def _decided(case: Case, key: Key, audience: Audience | None) -> Decision:
    thread, share = case.thread(key), _share(case, key, audience)
    reason = decide(thread, share, case.now)
    return Decision(reason, thread, stepped(thread, share, reason, case.now), audience)


def _share(case: Case, key: Key, audience: Audience | None) -> Share:
    """Return what one thread hears of now, and what of it is muted."""
    channel, group = key
    if channel == RECORD:
        return Share(channel, group, case.facts, case.held)
    if audience is None:
        return Share(channel, group)
    mine = {f.key for f in audience.findings} or {hold.WHOLE}
    return Share(
        channel,
        group,
        {k: f for k, f in case.facts.items() if k in mine},
        case.held | case.silenced,
        acknowledged_by(case.marks, case.incident.id) is not None,
        audience.repeat,
    )


def _kept(case: Case, book: Book, decisions: Sequence[Decision]) -> Told:
    """Return what is kept and told: what is the same for several channels is one notice."""
    same: dict[tuple[object, ...], list[Decision]] = {}
    for decision in decisions:
        same.setdefault(decision.said, []).append(decision)
    incident = _stepped(case, decisions, len(same))
    numbered = enumerate(same.values(), case.before.revision + 1)
    said = [(_notice(case, incident, alike, number), alike) for number, alike in numbered]
    ended = tuple(_ended(case, incident, decisions))
    return Told(
        () if incident in book.incidents else (incident,),
        tuple(to for to, _ in said),
        (
            *(
                telling.line(notice, [d.after.channel for d in alike])
                for (notice, _), alike in said
            ),
            *telling.ended(incident.environment, case.marks, ended, case.now),
        ),
        ended,
    )


def _stepped(case: Case, decisions: Sequence[Decision], notices: int) -> Incident:
    """Return the incident as it is kept, with what each channel was told by now."""
    now, resolved = case.now, case.incident.state is State.RESOLVED
    told_now = {(d.after.channel, d.after.group): d.after for d in decisions}
    threads = {(t.channel, t.group): t for t in case.before.threads} | told_now
    incident = replace(
        case.incident,
        threads=tuple(threads.values()),
        channels=tuple(dict.fromkeys(c for c, _ in threads if c != RECORD)),
        revision=case.before.revision + notices,
        changed_at=now if (RECORD, "") in told_now or resolved else case.before.changed_at,
        told_at=now if decisions else case.before.told_at,
        resolved_at=now if resolved else None,
    )
    return with_past(incident, told(case.thread((RECORD, ""))))


def _notice(
    case: Case, incident: Incident, alike: Sequence[Decision], number: int
) -> tuple[Notice, tuple[Address, ...]]:
    """Return one notice and where it goes; the incident in it is as these channels know it."""
    one = alike[0]
    resolved = one.reason is Reason.RESOLVED
    shown = {f.key for f in one.after.told}
    was = told(one.before)
    all_ = known(case.incident)
    gone = tuple(all_[key] for key in was if key not in shown and key in all_)
    view = replace(
        incident,
        state=State.RESOLVED if resolved else State.OPEN,
        severity=one.before.severity if resolved and one.before else one.after.severity,
        findings=tuple(f for f in case.verdict.findings if f.key in shown),
        detail=_detail(case, incident, one.reason, gone),
        resolved_at=case.now if resolved else None,
        revision=number,
        threads=(),
        past=(),
    )
    new = tuple(f.key for f in view.findings if f.key not in was)
    notice = Notice(view, one.reason, case.now, new=new, gone=gone)
    return notice, tuple(_addresses(case, alike, gone))


def _detail(case: Case, incident: Incident, reason: Reason, gone: Sequence[Finding]) -> str:
    if reason is Reason.RESOLVED and incident.state is not State.RESOLVED:
        return "has nothing left that is told here"
    called_right = rights(case.marks, incident.environment)
    accepted = accept.still_there(gone, incident.against, called_right) if called_right else ""
    if accepted and reason is Reason.RESOLVED:
        accepted = "has nothing left that was not accepted"
    return incident.detail or accepted


def _addresses(case: Case, alike: Sequence[Decision], gone: Sequence[Finding]) -> Iterator[Address]:
    """Give how a notice goes to each channel; what is over goes as what was there did."""
    before = _audiences(case, gone) if any(d.audience is None for d in alike) else {}
    for d in alike:
        if d.after.channel == RECORD:
            continue
        key = d.after.channel, d.after.group
        audience = d.audience or before.get(key) or Audience(*key, severity=d.after.severity)
        first = d.reason in (Reason.FIRST, Reason.REOPENED)
        yield address(audience, case.now, first=first)


def _audiences(case: Case, findings: Sequence[Finding]) -> Mapping[Key, Audience]:
    found = audiences(
        case.watched.routes,
        case.verdict.environment,
        case.verdict.against,
        findings,
        max(case.verdict.severity, case.before.severity, key=lambda s: s.rank),
        case.watched.owners,
    )
    return {(a.channel, a.group): a for a in found}


def _ended(case: Case, incident: Incident, decisions: Sequence[Decision]) -> Iterator[Ended]:
    """Give the acknowledgements that hold no longer: it is over, or worse than what was seen."""
    worse = any(d.reason is Reason.WORSE for d in decisions)
    over = incident.state is State.RESOLVED
    for mark in case.marks:
        if mark.verb is Verb.ACK and mark.incident == incident.id and (over or worse):
            yield Ended(mark.id, "it is resolved" if over else "it became worse")
