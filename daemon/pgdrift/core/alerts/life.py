"""Whose life a verdict is about: begun, gone on, come back or ended; what is kept of it.

One incident is the life of the findings of one environment against one yardstick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.incident import Fact, Incident, State, Thread, Verdict
from pgdrift.core.book import Book
from pgdrift.core.digest import content_digest
from pgdrift.core.model import Finding, Outcome, Severity

RECORD = ""
"""The channel of the timeline: it hears of everything that is not held, and is never silenced."""


def lives_on(book: Book, verdict: Verdict, reopen: timedelta, now: datetime) -> Incident | None:
    """Return the incident that a verdict is about; None where nothing is and nothing was.

    What comes back within `reopen` is the incident that it was.
    """
    mine = [i for i in book.incidents if i.against == verdict.against]
    if mine:
        return _adopted(mine[0])
    if verdict.outcome is not Outcome.DRIFTED:
        return None
    gone = (i for i in book.resolved if i.against == verdict.against)
    last = max(gone, key=lambda i: i.resolved_at or i.opened_at, default=None)
    if last and _comes_back(last, verdict, reopen, now):
        return replace(last, state=State.PENDING, changed_at=now, resolved_at=None, detail="")
    return _begun(verdict, now)


def lived(incident: Incident, verdict: Verdict, held: Collection[str], keys: int) -> Incident:
    """Return the incident as it is after a look; of `keys` findings those that are `held` wait."""
    ended = verdict.outcome is Outcome.IN_SYNC
    opens = incident.state is State.OPEN or len(held) < keys
    found = [f.severity for f in verdict.findings if f.key not in held]
    grave = max((verdict.severity, *found), key=lambda s: s.rank)
    return replace(
        incident,
        state=State.RESOLVED if ended else State.OPEN if opens else State.PENDING,
        severity=incident.severity if ended else grave,
        findings=() if ended else verdict.findings,
        past=_past(incident, verdict),
        detail=verdict.detail or ("" if ended else incident.detail),
        unread=incident.unread if verdict.unread is None or ended else verdict.unread,
    )


def known(incident: Incident) -> Mapping[str, Finding]:
    """Return the findings of an incident by key, also those that were told of and went."""
    return {f.key: f for f in (*incident.past, *incident.findings)}


def with_past(incident: Incident, recorded: Collection[str]) -> Incident:
    """Return the incident with only those findings that went of which more is to be said.

    Of an open one those of which a channel waits to hear the end; of one that is over those that
    were `recorded`: should they come back, it is the same incident.
    """
    told = {f.key for thread in incident.threads for f in thread.told}
    wanted = recorded if incident.state is State.RESOLVED else told
    return replace(incident, past=tuple(f for f in incident.past if f.key in wanted))


def _past(incident: Incident, verdict: Verdict) -> tuple[Finding, ...]:
    """Return what was there and went: what of it was told still has an end to be told."""
    there = {f.key for f in verdict.findings}
    return tuple(f for key, f in known(incident).items() if key not in there)


def _begun(verdict: Verdict, now: datetime) -> Incident:
    opened = {"opened_at": now.isoformat()}
    return Incident(
        id=content_digest("incident", (verdict.environment, verdict.against), "", opened)[:12],
        environment=verdict.environment,
        against=verdict.against,
        state=State.PENDING,
        severity=Severity.INFO,
        opened_at=now,
        changed_at=now,
        told_at=now,
        revision=0,
    )


def _comes_back(last: Incident, verdict: Verdict, reopen: timedelta, now: datetime) -> bool:
    """Tell whether some of it was there before; another change is another incident."""
    if last.resolved_at is None or now - last.resolved_at >= reopen:
        return False
    if not verdict.findings:
        return True
    return not {f.key for f in last.past}.isdisjoint(f.key for f in verdict.findings)


def _adopted(incident: Incident) -> Incident:
    """Return an incident as today's releases keep it: an older one had no threads."""
    if incident.threads or incident.state is not State.OPEN:
        return incident
    facts = tuple(_facts(incident))
    threads = (
        Thread(name, incident.told_at, "", facts, incident.severity)
        for name in dict.fromkeys([RECORD, *incident.channels])
    )
    return replace(incident, threads=tuple(threads))


def _facts(incident: Incident) -> Iterable[Fact]:
    if incident.findings:
        return (Fact(f.key, f.severity, fact(f)) for f in incident.findings)
    unread = "?" if incident.unread is None else "|".join(incident.unread)
    return (Fact("", incident.severity, unread),)
