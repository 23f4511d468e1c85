"""Whether a plan can mend an incident, which is what people are offered one by."""

from __future__ import annotations

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.model import CHANNELS, DRILL, LEDGER, REACH


def can_be_planned(incident: Incident) -> bool:
    """Tell whether a plan can mend an incident: an open one of an environment that differs."""
    return (
        incident.state is State.OPEN
        and bool(incident.findings)
        and incident.environment not in {DRILL, CHANNELS}
        and incident.against not in {REACH, LEDGER, DRILL}
    )
