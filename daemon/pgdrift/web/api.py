"""The JSON API: standings out, as data. Shapes: docs/api.md; a change of one is a new version."""

import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime

from aiohttp import web
from multidict import MultiMapping

from pgdrift.core.incident import Incident
from pgdrift.core.model import Against, ChangeClass, Direction, Finding, Severity, Standing
from pgdrift.core.render import finding_json
from pgdrift.log import redact
from pgdrift.web import view
from pgdrift.web.site import SITE, Site

_FILTERS = ("environment", "against", "direction", "severity", "class", "kind")


async def status(request: web.Request) -> web.Response:
    """Answer with how every environment stands, without the findings themselves."""
    if request.query:
        return error(400, f"this address takes no parameters, got: {_names(request.query)}")
    site = request.app[SITE]
    incidents = tuple(site.incidents())
    return _json(
        {
            "version": site.version,
            "at": _time(site.now()),
            "ready": site.ready(),
            "environments": [_standing(s, incidents) for s in site.standings().values()],
        }
    )


async def findings(request: web.Request) -> web.Response:
    """Answer with all findings, or those that every filter lets through."""
    site = request.app[SITE]
    standings = site.standings().values()
    if refused := _refused(site, request.query, standings):
        return error(400, refused)
    wanted = {name: set(request.query.getall(name)) for name in request.query}
    found = [
        row
        for row in _rows(standings)
        if all(row[name] in values for name, values in wanted.items())
    ]
    return _json({"count": len(found), "findings": found})


def error(status: int, message: str) -> web.Response:
    """Return an error as JSON."""
    return _json({"error": message}, status)


def _rows(standings: Iterable[Standing]) -> Iterator[dict[str, object]]:
    for standing in standings:
        for against in standing.against:
            for finding in against.findings:
                yield _finding(standing, against, finding)


def _finding(standing: Standing, against: Against, finding: Finding) -> dict[str, object]:
    return {
        "environment": standing.environment,
        "against": against.yardstick,
        **finding_json(finding),
    }


def _refused(site: Site, query: MultiMapping[str], standings: Iterable[Standing]) -> str:
    """Say what of the query cannot be meant; empty when all of it can."""
    if unknown := [name for name in query if name not in _FILTERS]:
        return f"unknown parameter {unknown[0]!r}; there are: {', '.join(_FILTERS)}"
    known: dict[str, AbstractSet[str]] = {
        "environment": {s.environment for s in standings},
        "against": {a.yardstick for s in standings for a in s.against},
        "direction": {d.value for d in Direction},
        "severity": {s.value for s in Severity},
        "class": {c.value for c in ChangeClass},
        "kind": site.kinds | {f.change.id.kind for s in standings for f in view.findings(s)},
    }
    for name, value in query.items():
        if value not in known[name]:
            return f"unknown {name} {value!r}; there are: {', '.join(sorted(known[name]))}"
    return ""


def _standing(standing: Standing, incidents: Iterable[Incident]) -> dict[str, object]:
    synced = standing.sync_point
    return {
        "name": standing.environment,
        "outcome": standing.outcome.value,
        "reason": redact(standing.reason),
        "follows": standing.follows,
        "protected": standing.protected,
        "looked_at": _time(standing.looked_at),
        "seen_at": _time(standing.seen_at),
        "server_version": standing.server_version,
        "objects": standing.objects,
        "sync_point": synced
        and {"at": _time(synced.at), "reason": synced.reason, "actor": synced.actor},
        "against": [_against(a) for a in standing.against],
        "not_compared": dict(standing.not_compared),
        "notes": [redact(note) for note in standing.notes],
        "incidents": [_incident(i) for i in incidents if i.environment == standing.environment],
    }


def _against(against: Against) -> dict[str, object]:
    grave = view.worst(against.findings)
    return {
        "yardstick": against.yardstick,
        "outcome": against.outcome.value,
        "reason": redact(against.reason),
        "findings": len(against.findings),
        "severity": grave and grave.value,
        "oldest_finding": _time(view.oldest(against.findings)),
        "migrations_missing": against.migrations_missing,
    }


def _incident(incident: Incident) -> dict[str, object]:
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
        "detail": redact(incident.detail),
        "revision": incident.revision,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _names(query: MultiMapping[str]) -> str:
    return ", ".join(map(repr, query))


def _json(body: dict[str, object], status: int = 200) -> web.Response:
    # Escaped to ASCII: text of a damaged snapshot file need not be valid Unicode.
    return web.Response(
        text=json.dumps(body, indent=2) + "\n", status=status, content_type="application/json"
    )
