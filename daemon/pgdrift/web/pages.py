"""The pages for people, as HTML that needs no script. Everything that is shown is hostile text:
it is escaped and made printable in one place, where a template prints it.
"""

import asyncio
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from aiohttp import ETag, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from pgdrift.core.alerts.incident import State
from pgdrift.core.alerts.marks import Verb
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.model import Event, Finding, Standing
from pgdrift.core.shown import marked, render
from pgdrift.core.shown.report import rule_note, tray_notes
from pgdrift.core.shown.variants import differs, some
from pgdrift.core.variants import count_words, groups
from pgdrift.core.why.blame import blame_line
from pgdrift.errors import PgdriftError
from pgdrift.log import get_logger, redact
from pgdrift.web import view
from pgdrift.web.site import SITE

log = get_logger("web")

_SECTIONS = 20  # environments whose findings the status page spells out
_ON_STATUS = 15  # findings per yardstick on the status page
_ON_ENVIRONMENT = 500  # and on the environment's own page
_DIFF_LINES = 400
_ROOT = files("pgdrift.web")


async def status(request: web.Request) -> web.Response:
    """Show how the whole fleet stands."""
    site = request.app[SITE]
    standings = site.standings()
    found = [g for g in groups(standings.values()) if g.size > 1]
    in_tables = {g.name for g in found}
    # An environment of a group stands in its table; a page takes no thousand cards.
    alone = {n: s for n, s in standings.items() if s.group not in in_tables}
    context: dict[str, Any] = {
        "verdict": view.verdict(standings.values()),
        "groups": found,
        "stages": view.stages(alone),
        "standings": view.by_concern(alone),
        "limit": _ON_STATUS,
        "sections": _SECTIONS,
        "configured": site.configured(),
        "replicas": site.replicas(),
        "channel_notes": [tray_notes(t) for t in site.trays() if tray_notes(t)],
        "rule_notes": [note for note in map(rule_note, site.rules()) if note],
    }
    return await page(request, "status.html", base="", **context)


async def environment(request: web.Request) -> web.Response:
    """Show one environment in full. Raises HTTPNotFound for a name that is not watched."""
    site = request.app[SITE]
    standing = site.standings().get(request.match_info["name"])
    if standing is None:
        raise web.HTTPNotFound
    events, lost = await _timeline(request, standing)
    context: dict[str, Any] = {
        "standing": standing,
        "verdict": view.verdict([standing]),
        "incidents": [
            i
            for i in site.incidents()
            if i.environment == standing.environment and i.state is State.OPEN
        ],
        "plan_of": site.plans.plan_of,
        "can_be_planned": can_be_planned,
        "state": lambda incident: marked.state(incident, site.marks(), site.now()),
        "said": lambda incident: [
            marked.mark_text(m) for m in site.marks() if m.incident == incident.id
        ],
        "silences": [
            marked.mark_text(m)
            for m in site.marks()
            if m.incident is None and m.verb is not Verb.ACCEPT and m.is_for(standing.environment)
        ],
        "events": events,
        "timeline_lost": lost,
        "replicas": site.replicas(),
        "limit": _ON_ENVIRONMENT,
    }
    return await page(request, "environment.html", base="../", **context)


async def refusal(request: web.Request, status: int, message: str) -> web.Response:
    """Return an error as a page."""
    base = "../" * (request.path.count("/") - 1)
    return await page(
        request, "refusal.html", status=status, base=base, code=status, message=message
    )


async def _timeline(request: web.Request, standing: Standing) -> tuple[list[Event], str]:
    try:
        return list(await request.app[SITE].timeline(standing.environment)), ""
    except PgdriftError as error:
        # The findings are worth showing without their past.
        log.warning("web.timeline_lost", environment=standing.environment, reason=error.reason)
        return [], str(error)


async def page(
    request: web.Request, template: str, *, status: int = 200, **context: object
) -> web.Response:
    """Return a template as a page, or that it is as the browser has it."""
    site = request.app[SITE]
    # In a thread: a page of hundreds of environments must not hold up the watching.
    html = await asyncio.to_thread(
        _templates.get_template(template).render, version=site.version, now=site.now(), **context
    )
    # Text of a damaged snapshot file need not be valid Unicode.
    body = html.encode("utf-8", "backslashreplace")
    tag = blake2b(body, digest_size=12).hexdigest()
    known = request.if_none_match or ()
    if status == 200 and ETag(tag) in known:
        response = web.Response(status=304)
    else:
        response = web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
    response.etag = tag
    return response


def _diff(finding: Finding) -> tuple[list[tuple[str, str]], int]:
    """Return lines of a diff, each with its class, and how many were left off."""
    classes = {"-": "del", "+": "ins"}
    lines = render.diff(finding.change)
    shown = [(classes.get(line[:1], "same"), line) for line in lines[:_DIFF_LINES]]
    return shown, max(0, len(lines) - _DIFF_LINES)


def _printed(value: object) -> object:
    return render.printable(value) if type(value) is str else value


@cache
def _stamp(name: str) -> str:
    """Name a static file by its content too, so that no browser shows yesterday's style."""
    content = (_ROOT / "static" / name).read_bytes()
    return f"static/{name}?{blake2b(content, digest_size=4).hexdigest()}"


def _make_templates() -> Environment:
    env = Environment(
        loader=PackageLoader("pgdrift.web"),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "path": lambda name: quote(name, safe="", errors="replace"),
        "line": render.one_line,
        "redact": redact,
    }
    env.globals |= {
        "view": view,
        "diff": _diff,
        "told": SimpleNamespace(differs=differs, some=some, count_words=count_words),
        "direction_words": render.direction_words,
        "blame_line": blame_line,
        "static": _stamp,
    }
    return env


_templates = _make_templates()
