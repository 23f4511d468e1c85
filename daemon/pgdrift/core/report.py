"""How environments stand, in; text, Markdown or JSON out, for the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from pgdrift.core.incident import Incident
from pgdrift.core.model import SYNC, Against, Finding, Outcome, Standing, Value
from pgdrift.core.render import code, finding_json, finding_markdown, finding_text, one_line

_WORDS = {
    Outcome.IN_SYNC: "in sync",
    Outcome.DRIFTED: "drifted",
    Outcome.UNKNOWN: "unknown",
}


def standing_json(standing: Standing, incidents: Iterable[Incident] = ()) -> dict[str, Value]:
    """Return a standing as JSON, findings counted; times are ISO 8601, UTC."""
    synced = standing.sync_point
    return {
        "name": standing.environment,
        "outcome": standing.outcome.value,
        "reason": standing.reason,
        "follows": standing.follows,
        "protected": standing.protected,
        "looked_at": _time(standing.looked_at),
        "seen_at": _time(standing.seen_at),
        "server_version": standing.server_version,
        "objects": standing.objects,
        "sync_point": synced
        and {"at": _time(synced.at), "reason": synced.reason, "actor": synced.actor},
        "against": [_against_json(a) for a in standing.against],
        "not_compared": dict(standing.not_compared),
        "notes": list(standing.notes),
        "incidents": [incident_json(i) for i in incidents if i.environment == standing.environment],
    }


def findings_json(standing: Standing) -> list[dict[str, Value]]:
    """Return the findings of a standing as JSON, each with environment and yardstick."""
    return [
        {"environment": standing.environment, "against": a.yardstick, **finding_json(f)}
        for a in standing.against
        for f in a.findings
    ]


def incident_json(incident: Incident) -> dict[str, Value]:
    """Return an incident as JSON, findings counted."""
    return {
        "id": incident.id,
        "against": incident.against,
        "state": incident.state.value,
        "severity": incident.severity.value,
        "opened_at": _time(incident.opened_at),
        "changed_at": _time(incident.changed_at),
        "told_at": _time(incident.told_at),
        "resolved_at": _time(incident.resolved_at),
        "findings": len(incident.findings),
        "detail": incident.detail,
        "revision": incident.revision,
    }


def standing_text(standing: Standing) -> str:
    """Return a standing as plain text: outcome, then each yardstick with its findings."""
    return "\n".join(_text(standing))


def standing_markdown(standing: Standing) -> str:
    """Return a standing as Markdown: a heading, then each yardstick with its findings."""
    return "\n\n".join(_markdown(standing))


def oldest(findings: Iterable[Finding]) -> datetime | None:
    """Return when the oldest of the findings was first seen."""
    return min((f.first_seen for f in findings), default=None)


# Names and what others say are hostile: how they are made harmless for the place they go to.
_Harmless = Callable[[str], str]


def _text(standing: Standing) -> Iterator[str]:
    name = one_line(standing.environment)
    reason = f": {one_line(standing.reason)}" if standing.reason else ""
    if not standing.against and standing.outcome is Outcome.IN_SYNC:
        yield f"{name}: {standing.objects} objects, and nothing to compare them with yet"
    else:
        yield f"{name}: {_WORDS[standing.outcome]}{reason}"
    for against in standing.against:
        yield f"  against {_yardstick(standing, against, one_line)}: {_state(against, one_line)}"
        for finding in against.findings:
            text = finding_text(finding, standing.environment, against.yardstick)
            yield from (f"    {line}" for line in text.splitlines())
    for note in _remarks(standing, one_line):
        yield f"  note: {note}"


def _markdown(standing: Standing) -> Iterator[str]:
    reason = f": {code(standing.reason)}" if standing.reason else ""
    yield f"## {code(standing.environment)}: {_WORDS[standing.outcome]}{reason}"
    for against in standing.against:
        yield f"Against {_yardstick(standing, against, code)}: {_state(against, code)}"
        for finding in against.findings:
            yield finding_markdown(finding, standing.environment, against.yardstick)
    if remarks := list(_remarks(standing, code)):
        yield "\n".join(f"- note: {note}" for note in remarks)


def _yardstick(standing: Standing, against: Against, harmless: _Harmless) -> str:
    if against.yardstick != SYNC:
        return harmless(against.yardstick)
    at = standing.sync_point.at if standing.sync_point else None
    return f"its sync point of {at:%Y-%m-%d %H:%M} UTC" if at else "its sync point"


def _state(against: Against, harmless: _Harmless) -> str:
    if against.outcome is Outcome.UNKNOWN:
        return f"unknown: {harmless(against.reason)}" if against.reason else "unknown"
    count = len(against.findings)
    state = f"{count} finding{'' if count == 1 else 's'}" if count else "in sync"
    if missing := against.migrations_missing:
        state += f", {missing} migration{'' if missing == 1 else 's'} missing"
    return f"{state}, {against.ignored} ignored" if against.ignored else state


def _remarks(standing: Standing, harmless: _Harmless) -> Iterator[str]:
    yield from map(harmless, standing.notes)
    if standing.not_compared:
        counts = sorted(standing.not_compared.items())
        yield "not compared: " + ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts)


def _against_json(against: Against) -> dict[str, Value]:
    worst = max(against.findings, key=lambda f: f.severity.rank, default=None)
    return {
        "yardstick": against.yardstick,
        "outcome": against.outcome.value,
        "reason": against.reason,
        "findings": len(against.findings),
        "severity": worst.severity.value if worst else None,
        "oldest_finding": _time(oldest(against.findings)),
        "migrations_missing": against.migrations_missing,
        "ignored": against.ignored,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
