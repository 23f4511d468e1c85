"""The demo's story, played to the real daemon while a real Prometheus scrapes it.

Beside the story stand what makes the rest of the metrics speak: an environment that is not there,
one that hears notifications and in which drift is accepted, and a channel that is dead.
"""

from __future__ import annotations

import asyncio
import io
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from pgdrift.demo.catcher import catcher
from pgdrift.demo.config import Places, write_config
from pgdrift.demo.databases import ENVIRONMENTS, build
from pgdrift.demo.stage import Stage
from pgdrift.demo.story import STORY
from pgdrift.reconcile.scripts import NOTIFY
from pgdrift.sources.embedded import embedded_server
from tests.conftest import run_sql
from tests.daemon.hatched import hatch
from tests.daemon.house import PATIENCE, Daemon, clean_environment, free_port, pgdrift, until
from tests.observe.prom import Prometheus

TOKEN = "xoxb-observed"
JOB = "pgdrift"
TENANT, ARCHIVE = "tenant", "archive"
EVERYTHING = ["info", "warning", "critical"]
# The options of somebody else's mapping are hidden from pgdrift: it is counted, and not compared.
HIDDEN = """
create foreign data wrapper elsewhere;
create server archive foreign data wrapper elsewhere;
create user mapping for anna server archive options (password 'secret');
"""
_PAUSE_SECONDS = 1.0
_POLL_SECONDS = 0.5


@dataclass
class Played:
    """What is left of it: Prometheus with all that it scraped, from when to when, and the pages."""

    prometheus: Prometheus
    began: float = field(default_factory=time.time)
    ended: float = 0.0
    pages: list[str] = field(default_factory=list)
    instance: str = ""


async def play(folder: Path, running: Prometheus, port: int) -> Played:
    """Play the story to its end; return what Prometheus and we saw of it."""
    told = io.StringIO()
    async with embedded_server({"fsync": "off"}) as server, catcher(TOKEN) as caught:
        shop = await build(server)
        for environment in ENVIRONMENTS:
            await run_sql(server.dsn(environment), HIDDEN)
        await run_sql(server.dsn(), f"create database {TENANT}")
        await run_sql(server.dsn(TENANT), NOTIFY.text)
        places = Places(port, caught.slack.url, TOKEN, caught.smtp_port)
        config = write_config(folder, shop, places)
        _extend(config, server.dsn(TENANT))
        async with _daemon(folder, config, port) as daemon:
            played = Played(running, instance=f"127.0.0.1:{port}")
            keeping = asyncio.create_task(_keep_pages(daemon, played.pages))
            accepting = asyncio.create_task(_drift_and_accept(daemon, server.dsn(TENANT), config))
            console = Console(file=told, width=200)
            stage = Stage(shop, config, daemon.url, caught, console, _PAUSE_SECONDS, PATIENCE)
            failed = await stage.play(STORY)
            assert not failed, told.getvalue() + daemon.said
            await accepting
            await _seen_by(running, daemon)
            # What is asked in steps has the last of them before now.
            await _scraped_twice()
            keeping.cancel()
            played.ended = time.time()
    return played


def _extend(config: Path, tenant: str) -> None:
    data = yaml.safe_load(config.read_text(encoding="utf-8"))
    data["environments"][TENANT] = {"dsn": tenant}
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    data["environments"][ARCHIVE] = {"dsn": nowhere}
    alerts = data["alerts"]
    nowhere = f"http://127.0.0.1:{free_port()}/api/"
    alerts["channels"]["dead"] = {**alerts["channels"]["dev"], "base_url": nowhere}
    everything = {"severity": EVERYTHING, "to": ["dead"], "continue": True}
    of_tenant = {"environment": TENANT, "severity": EVERYTHING, "to": ["dev"]}
    alerts["routes"] = [everything, of_tenant, *alerts["routes"]]
    alerts["dead_after"] = "3s"
    config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


@asynccontextmanager
async def _daemon(folder: Path, config: Path, port: int) -> AsyncIterator[Daemon]:
    log = folder / "daemon.log"
    program = ["-m", "pgdrift", "serve", "--config", str(config)]
    with log.open("wb") as output:
        process = await hatch(program, output, output, env=clean_environment(), cwd=folder)
    daemon = Daemon(process, log, port)
    try:
        yield await daemon.ready()
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0, daemon.said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _keep_pages(daemon: Daemon, pages: list[str]) -> None:
    while True:
        pages.append((await daemon.get("/metrics"))[1])
        await asyncio.sleep(_POLL_SECONDS)


async def _drift_and_accept(daemon: Daemon, dsn: str, config: Path) -> None:
    """Let somebody change the tenant's database by hand, and somebody else agree for two days."""

    async def listening() -> bool:
        return await daemon.metric("pgdrift_wakeups_total", TENANT) != 0

    await until(listening, lambda: daemon.said)
    await run_sql(dsn, "create table by_hand (id int)")
    (finding,) = await until(lambda: daemon.findings(environment=TENANT), lambda: daemon.said)
    await _scraped_twice()
    key = f"{finding['kind']}:{finding['name']}"
    words = ("accept", TENANT, key, "--reason", "agreed", "--for", "2d", "--config", config)
    said = await pgdrift(*words)
    assert said.code == 0, said.both


async def _scraped_twice() -> None:
    await asyncio.sleep(2 * _POLL_SECONDS + 1.0)


async def _seen_by(running: Prometheus, daemon: Daemon) -> None:
    """Return once Prometheus has seen the end, and what its rules make of it."""
    for expr in (
        'pgdrift_outcome{environment="production", outcome="in_sync"} == 1',
        'environment:pgdrift_time_to_resolve_seconds:mean_30d{environment="production"} > 0',
        f'pgdrift_accepted_findings{{environment="{TENANT}"}} == 1',
        'ALERTS{alertname="PgdriftChannelDead", alertstate="firing"}',
        'absent(ALERTS{environment="production"})',
    ):
        await until(_has(running, expr), lambda e=expr: f"{e}\n{daemon.said}")


def _has(running: Prometheus, expr: str) -> Callable[[], Any]:
    async def has() -> bool:
        return bool(await asyncio.to_thread(running.query, expr))

    return has
