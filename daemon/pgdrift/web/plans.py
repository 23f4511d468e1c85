"""The pages of plans: one in full, and the way to it from the incident that it was made for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from pgdrift.core.plan import record, shown
from pgdrift.core.plan.model import Plan, Statement, Way
from pgdrift.core.plan.summed import hazard, summed
from pgdrift.core.printable import one_line
from pgdrift.core.why.enacted import Enactment
from pgdrift.errors import PgdriftError
from pgdrift.log import get_logger
from pgdrift.web.pages import page
from pgdrift.web.site import SITE

log = get_logger("web")

# A page of more would be read by nobody: the command has them all.
_STATEMENTS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One statement as the page shows it; `back` are the numbers of what takes it back."""

    statement: Statement
    hazards: list[str]
    state: str
    back: tuple[int, ...] = ()


async def plan(request: web.Request) -> web.StreamResponse:
    """Show one plan. Raises HTTPNotFound where none of that name is kept."""
    site = request.app[SITE]
    try:
        found = await site.plan(request.match_info["id"])
    except PgdriftError as error:
        log.warning("web.plan_lost", reason=error.reason)
        raise web.HTTPNotFound from error
    if found is None:
        raise web.HTTPNotFound
    kept, enacted = found
    incident = next((i for i in site.incidents() if i.id == kept.incident), None)
    of = kept.plan
    context: dict[str, Any] = {
        "kept": kept,
        "plan": of,
        "standing": shown.standing(of),
        "incident": incident,
        "outdated": site.plans.words(incident) if incident else "",
        "enacted": enacted,
        "sum": summed(of.up),
        "up": list(_lines(of, of.up, enacted, "up"))[:_STATEMENTS],
        "down": list(_lines(of, of.down, enacted, "down"))[:_STATEMENTS],
        "limit": _STATEMENTS,
        "left_line": shown.left_line,
        "on": one_line(shlex.quote(kept.environment)),
    }
    return await page(request, "plan.html", base="../", **context)


async def of_incident(request: web.Request) -> web.StreamResponse:
    """Lead to the plan that was made for an incident, or say why there is none (yet)."""
    site = request.app[SITE]
    incident = next((i for i in site.incidents() if i.id == request.match_info["id"]), None)
    if incident is None:
        raise web.HTTPNotFound
    if id_ := site.plans.plan_of(incident):
        raise web.HTTPFound(f"../../plans/{quote(id_, safe='')}")
    why = site.plans.words(incident)
    return await page(request, "no_plan.html", base="../../", incident=incident, why=why)


def _lines(plan: Plan, way: Way, enacted: tuple[Enactment, ...], title: str) -> Iterator[Line]:
    runs = [record.latest(e.entries) for e in enacted]
    run = next((r for r in runs if r and r.way == title), None)
    states = record.states(way, run)
    back: dict[object, list[int]] = {}
    for s in plan.down.statements if title == "up" else ():
        back.setdefault(s.object, []).append(s.number)
    for s in way.statements:
        state = states[s.number].value
        yield Line(s, hazard(s), state if run else "", tuple(back.get(s.object, ())))
