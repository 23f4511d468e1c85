"""A fire drill: the time in, an incident that is none out, as it opens and as it ends.

It belongs to an environment that cannot be, so that it is never looked at, and can neither close
nor mute a real one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pgdrift.core.alerts.incident import Incident, Notice, Reason, State
from pgdrift.core.digest import content_digest
from pgdrift.core.model import (
    DRILL,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    ObjectId,
    Severity,
)

_WHAT = ObjectId(DRILL, ("pgdrift", "this_is_a_drill"))


def opened(now: datetime, severity: Severity = Severity.WARNING) -> Notice:
    """Return what is told first of a drill that begins now."""
    at = {"opened_at": now.isoformat()}
    change = Change(_WHAT, ChangeType.CHANGED, {"drifted": ("no", "no, this is a drill")})
    finding = Finding(change, Direction.CHANGED, severity, ChangeClass.COSMETIC, None, now)
    incident = Incident(
        id=content_digest(DRILL, (DRILL,), "", at)[:12],
        environment=DRILL,
        against=DRILL,
        state=State.OPEN,
        severity=severity,
        opened_at=now,
        changed_at=now,
        told_at=now,
        findings=(finding,),
        detail="Somebody tries out whether this reaches you. Nothing drifted.",
    )
    return Notice(incident, Reason.FIRST, now, new=(finding.key,))


def ended(drill: Notice, now: datetime) -> Notice:
    """Return what is told at the end of a drill."""
    incident = replace(
        drill.incident,
        state=State.RESOLVED,
        findings=(),
        changed_at=now,
        told_at=now,
        resolved_at=now,
        revision=drill.incident.revision + 1,
        detail="The drill is over. Nothing drifted.",
    )
    return Notice(incident, Reason.RESOLVED, now, gone=drill.incident.findings)


def kept(drill: Notice) -> Incident:
    """Return the incident as the store keeps it: over from the start, whatever becomes of it."""
    i = drill.incident
    return replace(i, state=State.RESOLVED, findings=(), resolved_at=drill.at)
