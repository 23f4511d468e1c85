"""Groups of environments told apart by variants, as a page with a search and as JSON."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pgdrift.core.model import Standing
from pgdrift.core.shown.variants import group_json
from pgdrift.core.variants import groups
from pgdrift.log import masked
from pgdrift.web import api, view
from pgdrift.web.pages import page
from pgdrift.web.site import SITE

# Rows of a page; the search leads to the others.
_ROWS = 200
_STATES = ("any", "ok", "drift", "unknown")


async def variants(request: web.Request) -> web.Response:
    """Answer with every group and its variants, with all members."""
    if request.query:
        return api.error(400, "this address takes no parameters")
    found = groups(request.app[SITE].standings().values())
    return api.as_json({"groups": [masked(group_json(g)) for g in found]})


async def group(request: web.Request) -> web.Response:
    """Show one group: its variants, and those of its environments that are asked for."""
    site = request.app[SITE]
    standings = site.standings()
    name = request.match_info["name"]
    found = next((g for g in groups(standings.values()) if g.name == name), None)
    if found is None:
        raise web.HTTPNotFound
    asked = {key: request.query.get(key, "") for key in ("q", "variant", "state")}
    places = {m: n for n, v in enumerate(found.variants, 1) for m in v.members}
    members = [s for s in standings.values() if s.group == name and _wanted(s, asked, places)]
    members.sort(key=lambda s: s.environment)
    context: dict[str, Any] = {
        "group": found,
        "members": members[:_ROWS],
        "more": max(0, len(members) - _ROWS),
        "places": places,
        "asked": asked,
        "states": _STATES,
        "verdict": view.verdict([s for s in standings.values() if s.group == name]),
    }
    return await page(request, "group.html", base="../", **context)


def _wanted(standing: Standing, asked: dict[str, str], places: dict[str, int]) -> bool:
    level = view.level(standing)
    unknown = level == "unknown" or standing.environment not in places
    states = {"ok": level == "ok" and not unknown, "unknown": unknown}
    states["drift"] = not (states["ok"] or states["unknown"])
    return (
        asked["q"].casefold() in standing.environment.casefold()
        and asked["variant"] in ("", str(places.get(standing.environment, "")))
        and states.get(asked["state"], True)
    )
