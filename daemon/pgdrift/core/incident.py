"""The life of an incident: (incident or none, what a look found, now) → what to keep, what to tell.

One incident is the life of the findings of one environment against one yardstick. It is a pure
table of situations; the reason it gives is the word that logs, messages and tests use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pgdrift.core.digest import content_digest
from pgdrift.core.model import Change, Finding, Outcome, Severity


class State(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why people are told now."""

    OPENED = "opened"
    WORSE = "worse"
    CHANGED = "changed"
    REPEAT = "repeat"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands. `against` is `sync`, an upstream's name, or `reach`.

    `detail` says why an environment cannot be looked at, for `reach`, and why it was resolved.
    `told_at` is when a notice was last decided, `channels` are all that were told of it so far;
    `revision` counts the notices from 1.
    """

    id: str
    environment: str
    against: str
    state: State
    severity: Severity
    opened_at: datetime
    changed_at: datetime
    told_at: datetime
    resolved_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    channels: tuple[str, ...] = ()
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """One decision to tell: the incident as it stood then, and why.

    `new` and `gone` are keys of findings (`kind:name`) that came and went since the last notice.
    """

    incident: Incident
    reason: Reason
    at: datetime
    new: tuple[str, ...] = ()
    gone: tuple[Finding, ...] = ()

    @property
    def id(self) -> str:
        """Unique and stable: the incident and its revision."""
        return f"{self.incident.id}-{self.incident.revision}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one channel.

    `id` is stable over every try, so that a receiver can tell a repetition. `thread` is what the
    channel returned for the incident's latest message there, or None when this is the first.
    `uncertain` says that an earlier try may have arrived: its end was never known.
    """

    id: str
    channel: str
    notice: Notice
    attempts: int = 0
    uncertain: bool = False
    thread: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look found of one environment against one yardstick.

    `detail` says why the outcome is unknown, or why there is nothing left to compare. Against
    `reach`, drifted means that the environment cannot be looked at, with `severity`; against all
    else the findings say how grave it is.
    """

    environment: str
    against: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    severity: Severity = Severity.INFO


def step(
    incident: Incident | None, verdict: Verdict, now: datetime, repeat: timedelta | None = None
) -> tuple[Incident | None, Notice | None]:
    """Return the incident as it is now, and what to tell; None where there is nothing.

    `incident` is the open one, if any; `repeat` is after how long an open incident is told again.
    An unknown outcome changes nothing: it neither opens nor resolves.
    """
    if verdict.outcome is Outcome.UNKNOWN:
        return incident, None
    if verdict.outcome is Outcome.IN_SYNC:
        return (None, None) if incident is None else _resolve(incident, verdict, now)
    if incident is None:
        return _open(verdict, now)
    return _go_on(incident, verdict, now, repeat)


def decide(
    incident: Incident, verdict: Verdict, now: datetime, repeat: timedelta | None
) -> Reason | None:
    """Return why people are to be told of an incident that goes on, or None."""
    if _severity(verdict).rank > incident.severity.rank:
        return Reason.WORSE
    if _facts(incident.findings) != _facts(verdict.findings):
        return Reason.CHANGED
    if repeat is not None and now - incident.told_at >= repeat:
        return Reason.REPEAT
    return None


def _open(verdict: Verdict, now: datetime) -> tuple[Incident, Notice]:
    opened = {"opened_at": now.isoformat()}
    incident = Incident(
        id=content_digest("incident", (verdict.environment, verdict.against), "", opened)[:12],
        environment=verdict.environment,
        against=verdict.against,
        state=State.OPEN,
        severity=_severity(verdict),
        opened_at=now,
        changed_at=now,
        told_at=now,
        findings=verdict.findings,
        detail=verdict.detail,
    )
    return incident, Notice(incident, Reason.OPENED, now, new=_keys(verdict.findings))


def _resolve(incident: Incident, verdict: Verdict, now: datetime) -> tuple[Incident, Notice]:
    resolved = replace(
        incident,
        state=State.RESOLVED,
        findings=(),
        detail=verdict.detail or incident.detail,
        changed_at=now,
        told_at=now,
        resolved_at=now,
        revision=incident.revision + 1,
    )
    return resolved, Notice(resolved, Reason.RESOLVED, now, gone=incident.findings)


def _go_on(
    incident: Incident, verdict: Verdict, now: datetime, repeat: timedelta | None
) -> tuple[Incident, Notice | None]:
    reason = decide(incident, verdict, now, repeat)
    current = replace(
        incident,
        severity=_severity(verdict),
        findings=verdict.findings,
        detail=verdict.detail or incident.detail,
    )
    if reason is None:
        return current, None
    told = replace(
        current,
        changed_at=incident.changed_at if reason is Reason.REPEAT else now,
        told_at=now,
        revision=incident.revision + 1,
    )
    known, found = _keys(incident.findings), _keys(verdict.findings)
    new = tuple(k for k in found if k not in known)
    gone = tuple(f for f in incident.findings if f.key not in found)
    return told, Notice(told, reason, now, new=new, gone=gone)


def _severity(verdict: Verdict) -> Severity:
    return max((verdict.severity, *(f.severity for f in verdict.findings)), key=lambda s: s.rank)


def _keys(findings: Collection[Finding]) -> tuple[str, ...]:
    return tuple(f.key for f in findings)


def _facts(findings: Collection[Finding]) -> frozenset[tuple[str, ...]]:
    """Return what of the findings is worth telling when it changes."""
    return frozenset((f.key, f.direction, f.severity, _content(f.change)) for f in findings)


def _content(change: Change) -> str:
    # What came with an object is told by it alone: a new table's new policy is news.
    holds = [str(i) for i in change.contains]
    return content_digest(change.change, (), "", {"of": change.attributes, "holds": holds})
