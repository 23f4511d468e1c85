"""The JSON API: standings out, as data. Shapes: docs/api.md; a change of one is a new version."""

import json
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from aiohttp import web
from multidict import MultiMapping

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.duties import Replicas
from pgdrift.core.model import ChangeClass, Direction, Severity, Standing
from pgdrift.core.shown.marked import mark_json
from pgdrift.core.shown.report import (
    findings_json,
    incident_json,
    rule_json,
    standing_json,
    tray_json,
)
from pgdrift.log import masked
from pgdrift.web import view
from pgdrift.web.site import SITE, Configured, Site

_FILTERS = ("environment", "against", "direction", "severity", "class", "kind")


async def status(request: web.Request) -> web.Response:
    """Answer with how every environment stands, without the findings themselves."""
    if request.query:
        return error(400, f"this address takes no parameters, got: {_names(request.query)}")
    site = request.app[SITE]
    incidents = tuple(site.incidents())
    return as_json(
        {
            "version": site.version,
            "at": site.now().isoformat(),
            "ready": site.ready(),
            "configuration": masked(_configuration(site.configured())),
            "environments": [_environment(site, s, incidents) for s in site.standings().values()],
            "ignore_rules": [masked(rule_json(r)) for r in site.rules()],
            "marks": [masked(mark_json(m)) for m in site.marks()],
            "channels": [masked(tray_json(t)) for t in site.trays()],
            "replicas": _replicas(site.replicas()),
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
        for standing in standings
        for row in findings_json(standing)
        if all(row[name] in values for name, values in wanted.items())
    ]
    return as_json({"count": len(found), "findings": found})


def _environment(
    site: Site, standing: Standing, incidents: tuple[Incident, ...]
) -> dict[str, object]:
    """Return a standing, each incident with the id of the plan that was made for it."""
    mine = [i for i in incidents if i.environment == standing.environment]
    rows = [{**incident_json(i), "plan": site.plans.plan_of(i) or None} for i in mine]
    return {n: masked(v) for n, v in {**standing_json(standing), "incidents": rows}.items()}


def error(status: int, message: str) -> web.Response:
    """Return an error as JSON."""
    return as_json({"error": message}, status)


def _replicas(found: Replicas | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "this": found.this,
        "members": list(found.members),
        "leader": found.leader,
        "watched_by": dict(found.watched_by),
    }


def _configuration(configured: Configured | None) -> dict[str, object] | None:
    if configured is None:
        return None
    at = configured.refused_at
    refused = {"at": at.isoformat(), "error": configured.refused} if at else None
    return {"read_at": configured.read_at.isoformat(), "refused": refused}


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


def _names(query: MultiMapping[str]) -> str:
    return ", ".join(map(repr, query))


def as_json(body: dict[str, object], status: int = 200) -> web.Response:
    """Return an answer as JSON."""
    # Escaped to ASCII: text of a damaged snapshot file need not be valid Unicode.
    return web.Response(
        text=json.dumps(body, indent=2) + "\n", status=status, content_type="application/json"
    )
