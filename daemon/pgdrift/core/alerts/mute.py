"""What of an incident is not to be told now because somebody said so: marks in, keys out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from pgdrift.core.alerts.hold import WHOLE, Patience, window
from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.marks import Mark, acknowledged_by, all_silenced_by, silenced_by
from pgdrift.core.model import REACH, Finding


def waiting(
    patience: Patience, incident: Incident, held: Collection[str], now: datetime
) -> frozenset[str]:
    """Return the keys of what is held; in a planned window also of what may have gone in it."""
    if not window(patience, incident.environment, now):
        return frozenset(held)
    return frozenset(held).union(f.key for t in incident.threads for f in t.told)


def silenced(
    marks: Iterable[Mark], incident: Incident, known: Mapping[str, Finding]
) -> frozenset[str]:
    """Return the keys of what is silenced, of what there is and of what went. Marks must hold."""
    marks, where, id_ = tuple(marks), incident.environment, incident.id
    if incident.against == REACH:
        whole = all_silenced_by(marks, where, id_, incident.severity)
        return frozenset([WHOLE] if whole else [])
    return frozenset(key for key, f in known.items() if silenced_by(marks, where, id_, f))


def standing(marks: Iterable[Mark], incident: Incident) -> str:
    """Return what stands on an incident: `acknowledged`, `silenced` (all of it), or nothing."""
    marks = tuple(marks)
    found = {f.key: f for f in incident.findings}
    if silenced(marks, incident, found) >= (found.keys() or {WHOLE}):
        return "silenced"
    return "acknowledged" if acknowledged_by(marks, incident.id) else ""
