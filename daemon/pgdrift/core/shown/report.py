"""How environments stand, in; text, Markdown or JSON out, for the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.ignore import RuleStanding, RuleState
from pgdrift.core.model import (
    LEDGER,
    SYNC,
    Against,
    Direction,
    Finding,
    HistoryState,
    How,
    Outcome,
    Standing,
    Value,
)
from pgdrift.core.shown.render import (
    code,
    finding_json,
    finding_markdown,
    finding_text,
    one_line,
    renames,
)
from pgdrift.core.why.migrations import as_json, counted, words

_MIGRATIONS = 20

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
        and {
            "id": synced.id,
            "at": _time(synced.at),
            "reason": synced.reason,
            "actor": synced.actor,
            "how": synced.how.value,
            "migration": synced.migration or None,
        },
        "against": [_against_json(a) for a in standing.against],
        "not_compared": dict(standing.not_compared),
        "notes": list(standing.notes),
        "at_work": standing.at_work or None,
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


def rule_json(standing: RuleStanding) -> dict[str, Value]:
    """Return how an ignore rule stands as JSON."""
    rule = standing.rule
    return {
        "object": rule.object,
        "attributes": list(rule.attributes),
        "environments": list(rule.environments),
        "reason": rule.reason,
        "until": rule.until.isoformat() if rule.until else None,
        "state": standing.state.value,
    }


def rule_note(standing: RuleStanding) -> str:
    """Say what people are to know of an ignore rule; empty while it does what it is for."""
    rule = standing.rule
    if standing.state is RuleState.EXPIRED:
        return f"the ignore rule {rule.name} ended on {rule.until}: is it still needed?"
    if standing.state is RuleState.UNMATCHED:
        return f"the ignore rule {rule.name} leaves out nothing: is it still needed?"
    return ""


def tray_json(tray: Tray) -> dict[str, Value]:
    """Return how a channel's deliveries stand as JSON."""
    return {
        "name": tray.channel,
        "waiting": tray.waiting,
        "oldest_waiting": _time(tray.oldest_at),
        "why": tray.why or None,
        "delivered_at": _time(tray.delivered_at),
        "given_up": tray.given_up,
        "dead_since": _time(tray.dead_since),
        "dead_letters": [
            {"headline": one_line(d.headline), "reason": d.reason, "at": d.at.isoformat()}
            for d in tray.dead
        ],
    }


def tray_notes(tray: Tray) -> list[str]:
    """Say what people are to know of a channel; nothing while it takes what it is told."""
    notes = []
    if tray.dead_since:
        since = f"{tray.dead_since:%Y-%m-%d %H:%M} UTC"
        notes.append(f"channel {tray.channel} cannot be reached: dead since {since}")
    if tray.waiting and tray.why and tray.oldest_at:
        since = f"{tray.oldest_at:%Y-%m-%d %H:%M} UTC"
        notes.append(f"channel {tray.channel}: {tray.waiting} waiting since {since}: {tray.why}")
    if tray.given_up:
        notes.append(f"channel {tray.channel}: {tray.given_up} given up, never told:")
        notes += [f"{d.at:%Y-%m-%d %H:%M} UTC, {d.reason}: {d.headline}" for d in tray.dead]
    return notes


def trays_text(trays: Iterable[Tray]) -> str:
    """Return as plain text what people are to know of channels; empty for nothing."""
    return "\n".join(f"note: {one_line(note)}" for t in trays for note in tray_notes(t))


def trays_markdown(trays: Iterable[Tray]) -> str:
    """Return as Markdown what people are to know of channels; empty for nothing."""
    return "\n".join(f"- note: {code(note)}" for t in trays for note in tray_notes(t))


def rules_text(standings: Iterable[RuleStanding]) -> str:
    """Return as plain text what people are to know of ignore rules; empty for nothing."""
    return "\n".join(f"note: {one_line(note)}" for note in map(rule_note, standings) if note)


def rules_markdown(standings: Iterable[RuleStanding]) -> str:
    """Return as Markdown what people are to know of ignore rules; empty for nothing."""
    return "\n".join(f"- note: {code(note)}" for note in map(rule_note, standings) if note)


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
        yield from (f"    {line}" for line in _histories(against, one_line))
    for note in _remarks(standing, one_line):
        yield f"  note: {note}"


def _markdown(standing: Standing) -> Iterator[str]:
    reason = f": {code(standing.reason)}" if standing.reason else ""
    yield f"## {code(standing.environment)}: {_WORDS[standing.outcome]}{reason}"
    for against in standing.against:
        yield f"Against {_yardstick(standing, against, code)}: {_state(against, code)}"
        for finding in against.findings:
            yield finding_markdown(finding, standing.environment, against.yardstick)
        if against.histories:
            yield "\n".join(f"- {line}" for line in _histories(against, code))
    if remarks := list(_remarks(standing, code)):
        yield "\n".join(f"- note: {note}" for note in remarks)


def _yardstick(standing: Standing, against: Against, harmless: _Harmless) -> str:
    if against.yardstick == LEDGER:
        return "its ledger"
    if against.yardstick != SYNC:
        return harmless(against.yardstick)
    point = standing.sync_point
    if point is None:
        return "its sync point"
    at = f"{point.at:%Y-%m-%d %H:%M} UTC"
    if point.how is How.FIRST_LOOK:
        return f"its first look of {at}, for nothing was declared yet"
    return f"its sync point of {at}"


def _state(against: Against, harmless: _Harmless) -> str:
    if against.outcome is Outcome.UNKNOWN:
        return f"unknown: {harmless(against.reason)}" if against.reason else "unknown"
    count = len(against.findings)
    state = f"{count} finding{'' if count == 1 else 's'}" if count else "in sync"
    if twice := renames(f.change for f in against.findings):
        state += f" ({twice} rename{'' if twice == 1 else 's'} counted twice)"
    if unsure := sum(f.direction is Direction.UNKNOWN for f in against.findings):
        on = "them" if unsure == count else f"{unsure} of them"
        state += f", the two never agreed on {on}"
    if missing := against.migrations_missing:
        state += f", {missing} migration{'' if missing == 1 else 's'} missing"
    for word, n in counted(f for f in against.histories if f.state is not HistoryState.MISSING):
        state += f", {n} migration{'' if n == 1 else 's'} {word}"
    if against.accepted:
        state += f", {len(against.accepted)} accepted"
    return f"{state}, {against.ignored} ignored" if against.ignored else state


def _histories(against: Against, harmless: _Harmless) -> Iterator[str]:
    """Say which migrations differ, the first of them: a new environment may lack hundreds."""
    yield from (harmless(words(f)) for f in against.histories[:_MIGRATIONS])
    if (more := len(against.histories) - _MIGRATIONS) > 0:
        yield f"and {more} more migrations"


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
        "histories": [as_json(f) for f in against.histories],
        "accepted": len(against.accepted),
        "ignored": against.ignored,
        "ignored_by": dict(against.ignored_by),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
