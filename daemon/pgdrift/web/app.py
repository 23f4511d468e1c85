"""Puts routes, headers and error pages together. A look at what is known; it changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.duties import Replicas
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.model import Event, Standing
from pgdrift.log import get_logger
from pgdrift.web import api, groups, pages, plans
from pgdrift.web.site import SITE, Configured, Found, Plans, Site, no_plan, utc_now

log = get_logger("web")

# Nothing from elsewhere, no script and no style that does not come as a file of this package.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
    "Server": "pgdrift",  # and not which version of which library
}


def make_app(  # noqa: PLR0913 - the questions of the pages, each by its name
    *,
    standings: Callable[[], Mapping[str, Standing]],
    incidents: Callable[[], Iterable[Incident]],
    timeline: Callable[[str], Awaitable[Sequence[Event]]],
    metrics: Callable[[], tuple[bytes, str]],
    ready: Callable[[], bool],
    live: Callable[[], bool],
    version: str,
    kinds: Iterable[str] = (),
    rules: Callable[[], Iterable[RuleStanding]] = tuple,
    trays: Callable[[], Iterable[Tray]] = tuple,
    marks: Callable[[], Sequence[Mark]] = tuple,
    configured: Callable[[], Configured | None] = lambda: None,
    replicas: Callable[[], Replicas | None] = lambda: None,
    now: Callable[[], datetime] = utc_now,
    plan: Callable[[str], Awaitable[Found | None]] = no_plan,
    incident_plans: Plans = Plans(),  # noqa: B008 - frozen
) -> web.Application:
    """Return the application that serves page, API, metrics and health.

    `ready` says that each environment had its first look, `live` that the loop turns. `timeline`
    gives an environment's events, the latest first, and may raise StoreError.
    `kinds` are the names of all kinds of objects, so that a filter by another one is refused;
    `rules` gives how the ignore rules stand, `trays` how the channels do, `marks`
    what people said that holds now, `configured` what became of the configuration, `replicas` who
    shares the environments; `plan` and `incident_plans` what is kept of plans.
    """
    app = web.Application(middlewares=[_errors])
    app[SITE] = Site(
        standings,
        incidents,
        timeline,
        metrics,
        ready,
        live,
        version,
        frozenset(kinds),
        rules,
        trays,
        marks,
        configured,
        replicas,
        now,
        plan,
        incident_plans,
    )
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", pages.status)
    # Not the usual pattern, for that takes no braces; a slash in a name comes as %2F.
    app.router.add_get("/environments/{name:[^/]+}", pages.environment)
    app.router.add_get("/plans/{id:[0-9a-f]+}", plans.plan)
    app.router.add_get("/incidents/{id:[^/]+}/plan", plans.of_incident)
    app.router.add_get("/groups/{name:[^/]+}", groups.group)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/api/v1/status", api.status)
    app.router.add_get("/api/v1/findings", api.findings)
    app.router.add_get("/api/v1/variants", groups.variants)
    app.router.add_static("/static", Path(__file__).parent / "static")
    return app


async def _metrics(request: web.Request) -> web.Response:
    # In a thread: many environments have many series, and the watching goes on meanwhile.
    body, content_type = await asyncio.to_thread(request.app[SITE].metrics)
    return web.Response(body=body, headers={"Content-Type": content_type})


async def _healthz(request: web.Request) -> web.Response:
    live = request.app[SITE].live()
    return web.Response(text="live\n" if live else "stuck\n", status=200 if live else 503)


async def _readyz(request: web.Request) -> web.Response:
    ready = request.app[SITE].ready()
    return web.Response(text="ready\n" if ready else "not ready\n", status=200 if ready else 503)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _refusal(request, error.status, error.text or error.reason)
    except Exception:
        # A page that fails must not end the daemon; the watching goes on.
        log.exception("web.failed", path=request.path)
        return await _refusal(request, 500, "this page failed; the log says why")


async def _refusal(request: web.Request, status: int, message: str) -> web.Response:
    words = {404: "there is no such page", 405: "this address can only be read"}
    message = words.get(status, message)
    if request.path.startswith("/api/"):
        return api.error(status, message)
    return await pages.refusal(request, status, message)
