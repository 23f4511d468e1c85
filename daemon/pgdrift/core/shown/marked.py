"""Incidents and what people said of them, in; text, Markdown or JSON out. Times are UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.marks import Mark, Verb, holding
from pgdrift.core.alerts.mute import standing
from pgdrift.core.model import REACH, Value
from pgdrift.core.shown.render import code, one_line, summary
from pgdrift.core.shown.report import incident_json

_DONE = {Verb.ACK: "acknowledged", Verb.SILENCE: "silenced", Verb.ACCEPT: "accepted"}


def mark_json(mark: Mark) -> dict[str, Value]:
    """Return what somebody said as JSON; times are ISO 8601, UTC."""
    return {
        "id": mark.id,
        "verb": mark.verb.value,
        "about": mark.words,
        "environment": mark.environment or None,
        "incident": mark.incident,
        "findings": sorted({f.key for f in mark.findings}),
        "actor": mark.actor,
        "reason": mark.reason,
        "at": mark.at.isoformat(),
        "until": mark.until.isoformat() if mark.until else None,
        "ended_at": mark.ended_at.isoformat() if mark.ended_at else None,
        "ended_by": mark.ended_by or None,
    }


def mark_text(mark: Mark) -> str:
    """Return what somebody said on one line: `mark 3: silenced index:* in prod* by ada until …`."""
    until = f" until {_when(mark.until)}" if mark.until else ""
    text = f"mark {mark.id}: {_DONE[mark.verb]} {mark.words} by {mark.actor}{until}: {mark.reason}"
    if mark.ended_at:
        text += f" (ended {_when(mark.ended_at)} by {mark.ended_by})"
    return one_line(text)


def state(incident: Incident, marks: Iterable[Mark], now: datetime) -> str:
    """Return an incident's state, or what stands on an open one: acknowledged, silenced."""
    if incident.state is not State.OPEN:
        return incident.state.value
    return standing(holding(marks, now), incident) or incident.state.value


def incidents_json(
    incidents: Sequence[Incident], marks: Sequence[Mark], now: datetime
) -> dict[str, Value]:
    """Return incidents, with what stands on them, and the marks, as JSON."""
    return {
        "incidents": [
            {
                "environment": i.environment,
                **incident_json(i),
                "standing": state(i, marks, now),
                "channels": list(i.channels),
            }
            for i in incidents
        ],
        "marks": [mark_json(m) for m in marks],
    }


def incidents_text(incidents: Sequence[Incident], marks: Sequence[Mark], now: datetime) -> str:
    """Return incidents a line each, then what people said."""
    lines = [
        f"{i.id}  {state(i, marks, now):12}  {i.severity.value:8}  {_since(i)}  {_what(i)}"
        for i in incidents
    ]
    return "\n".join([*(lines or ["no incident"]), *_said(marks, one_line)])


def incidents_markdown(incidents: Sequence[Incident], marks: Sequence[Mark], now: datetime) -> str:
    """Return the same as a Markdown table and list."""
    rows = [
        f"| {code(i.id)} | {state(i, marks, now)} | {i.severity.value} | {_since(i)}"
        f" | {code(_what(i).replace('|', '¦'))} |"
        for i in incidents
    ]
    head = ["| incident | state | severity | since | what |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, *_said(marks, code)])


def _said(marks: Sequence[Mark], harmless: object) -> Iterator[str]:
    if marks:
        yield ""
    for mark in marks:
        yield f"- {code(mark_text(mark))}" if harmless is code else mark_text(mark)


def _what(incident: Incident) -> str:
    where = one_line(incident.environment)
    if incident.against == REACH:
        return f"{where} cannot be looked at: {one_line(incident.detail)}"
    if incident.state is State.RESOLVED:
        return f"{where} against {one_line(incident.against)}, resolved"
    return f"{where} {summary(incident)}"


def _since(incident: Incident) -> str:
    return _when(incident.opened_at)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
