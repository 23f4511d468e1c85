"""What a fleet costs: `pgdrift serve` over many databases of one server, as a process of its own.

In comes how many, and how many tables each; out come figures of that process alone: processor
time, memory, how late the latest look is, how long one change in all of them takes to be decided.
Linux only. `python -m bench.fleet --sizes 100,300,1000`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import sqlite3
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench import schema
from bench.report import as_text
from bench.stage import server
from bench.timing import Ratio, amount
from pgdrift.reconcile.scripts import NOTIFY
from pgdrift.sources.embedded import EmbeddedServer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Looks may come so late, in intervals.
_LATEST = 1.2
_BLOCKED = 0.05
_PATIENCE = 3600.0


@dataclass(slots=True)
class Fleet:
    """So many databases of one schema, and the daemon that watches them."""

    running: EmbeddedServer
    names: Sequence[str]
    folder: Path
    interval: float
    listens: bool = False
    port: int = field(default_factory=_free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start the daemon; return the seconds until its metrics show every environment."""
        began = time.perf_counter()
        self.process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "pgdrift",
                "serve",
                "--config",
                str(self.folder / "fleet.yaml"),
            ),
            stderr=(self.folder / "log").open("ab"),
        )
        while len(await self.series("pgdrift_environment_up")) < len(self.names):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return time.perf_counter() - began

    async def stop(self) -> None:
        """Stop the daemon."""
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    def processor(self) -> float:
        """Return the seconds of processor time that the daemon took so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """Return how many megabytes of memory the daemon holds now."""
        lines = dict(line.split(":", 1) for line in self._proc("status").splitlines())
        return int(lines["VmRSS"].split()[0]) / 1024

    def _proc(self, name: str) -> str:
        assert self.process, "the daemon was not started"
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    async def series(self, name: str) -> dict[str, float]:
        """Return the samples of one metric, by their labels."""
        try:
            page = await asyncio.to_thread(self._page)
        except OSError:
            return {}
        found = re.findall(rf"^{name}(\S*) (\S+)$", page, re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    def _page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as page:
            return str(page.read().decode())

    def kept(self, query: str) -> float:
        """Return one number of the daemon's store."""
        with closing(sqlite3.connect(f"file:{self.folder}/fleet.db?mode=ro", uri=True)) as store:
            return float(store.execute(query).fetchone()[0] or 0)

    async def until(self, query: str, wanted: float) -> float:
        """Return the seconds until a number of the store is at least the wanted one."""
        began = time.perf_counter()
        while self.kept(query) < wanted:
            assert time.perf_counter() - began < _PATIENCE, f"{query}: {self.kept(query)}"
            await asyncio.sleep(0.5)
        return time.perf_counter() - began


@asynccontextmanager
async def fleet(
    running: EmbeddedServer, size: int, tables: int, interval: float, *, listens: bool = False
) -> AsyncIterator[Fleet]:
    """Give a fleet that follows its first database, and drop it.

    `listens`: each wakes the daemon by its commits, over a connection of its own.
    """
    names = [f"tenant_{n:04}" for n in range(size)]
    admin = await asyncpg.connect(running.dsn())
    await _build(admin, running, tables, [NOTIFY.text] if listens else [])
    with TemporaryDirectory(prefix="pgdrift-bench-") as folder:
        made = Fleet(running, names, Path(folder), interval, listens)
        try:
            for name in names:
                await admin.execute(f"CREATE DATABASE {name} TEMPLATE fleet STRATEGY file_copy")
            (Path(folder) / "fleet.yaml").write_text(_config(made))
            yield made
        finally:
            await made.stop()
            for name in ("fleet", *names):
                await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await admin.close()


async def _build(
    admin: asyncpg.Connection, running: EmbeddedServer, tables: int, more: Sequence[str]
) -> None:
    await admin.execute("CREATE DATABASE fleet")
    inside = await asyncpg.connect(running.dsn("fleet"))
    for script in (*schema.scripts(tables), *more, "VACUUM ANALYZE", "VACUUM FULL"):
        await inside.execute(script)
    await inside.close()


def _config(of: Fleet) -> str:
    """Return the configuration; JSON is YAML."""
    environments = {
        name: {"dsn": of.running.dsn(name)} | ({"follows": of.names[0]} if n else {})
        for n, name in enumerate(of.names)
    }
    body = {
        "defaults": {"interval": f"{of.interval:g}s", "listen": "auto" if of.listens else "off"},
        # A probe, and of each database one that listens and one that looks.
        "connections": {"per_server": 1 + 2 * len(of.names)} if of.listens else {},
        "environments": environments,
        "store": {"url": f"sqlite:///{of.folder}/fleet.db"},
        "web": {"listen": f"127.0.0.1:{of.port}"},
        "log": {"level": "warning"},
    }
    return json.dumps(body)


async def measure(of: Fleet, intervals: int) -> list[Ratio]:
    """Return all figures of one fleet."""
    all_seen = "SELECT count(*) FROM environment WHERE seen_at IS NOT NULL"
    await of.start()
    _say(f"{len(of.names)}: first looks")
    took = await of.until(all_seen, len(of.names))
    first = of.processor()
    # What one change wakes another for is over by then.
    await asyncio.sleep(of.interval)
    _say(f"{len(of.names)}: at rest, {intervals} intervals")
    rest = await _at_rest(of, intervals)
    _say(f"{len(of.names)}: one change in each")
    change = await _all_change(of)
    await of.stop()
    _say(f"{len(of.names)}: started again")
    shown = await of.start()
    return [
        amount("first looks, all", took, "s"),
        amount("first looks, processor", first / len(of.names) * 1000, "ms each"),
        *rest,
        *change,
        amount("known to the store: first gauges", shown, "s", 10),
    ]


async def _at_rest(of: Fleet, intervals: int) -> list[Ratio]:
    """Measure while nothing changes."""
    oldest, latest, began = "SELECT min(looked_at) FROM environment", 0.0, time.perf_counter()
    blocked, processor = await _blocked(of), of.processor()
    while time.perf_counter() - began < intervals * of.interval:
        await asyncio.sleep(0.5)
        latest = max(latest, time.time() - of.kept(oldest) / 1e6)
    spent, passed = of.processor() - processor, time.perf_counter() - began
    return [
        amount("at rest, of one core", 100 * spent / passed, "%", 10),
        amount("at rest, each look", 1000 * spent / intervals / len(of.names), "ms"),
        amount("at rest, memory", of.resident(), "MB", 250),
        amount("at rest, oldest look", latest / of.interval, "intervals", _LATEST),
        amount("at rest, beats > 50 ms late", await _blocked(of) - blocked, ""),
    ]


async def _all_change(of: Fleet) -> list[Ratio]:
    """Measure one change in every database at once."""
    drifted = "SELECT count(*) FROM environment WHERE outcome = 'drifted'"
    blocked, processor = await _blocked(of), of.processor()
    began = time.perf_counter()
    # The one that all others follow last: its change makes everyone look.
    for name in (*of.names[1:], of.names[0]):
        inside = await asyncpg.connect(of.running.dsn(name))
        await inside.execute("CREATE TABLE area0.hotfix (id int)")
        await inside.close()
    changing = time.perf_counter() - began
    await of.until(drifted, len(of.names))
    passed = time.perf_counter() - began
    return [
        amount("changing all took", changing, "s"),
        amount("all changed: decided after", passed / of.interval, "intervals", 2),
        amount("all changed: of it after the last", (passed - changing) / of.interval, "intervals"),
        amount(
            "all changed, processor", 1000 * (of.processor() - processor) / len(of.names), "ms each"
        ),
        amount("all changed, memory", of.resident(), "MB", 250),
        amount("all changed, beats > 50 ms late", await _blocked(of) - blocked, ""),
    ]


async def _blocked(of: Fleet) -> float:
    """Return how many beats of the event loop came more than 50 ms late."""
    found = await of.series("pgdrift_event_loop_lag_seconds_(?:bucket|count)")
    within = found.get(f'{{le="{_BLOCKED}"}}', 0.0)
    return found.get("", 0.0) - within


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def run(asked: argparse.Namespace) -> str:
    """Measure at each size and return what is to be printed."""
    results: dict[int, list[Ratio]] = {}
    async with server(asked.binaries) as running:
        for size in asked.sizes:
            _say(f"{size} databases of {asked.tables} tables: building")
            async with fleet(running, size, asked.tables, asked.interval) as built:
                results[size] = await measure(built, asked.intervals)
                # To drop a thousand takes as long as to make them.
                _say(as_text({size: results[size]}, {}))
    return as_text(results, {}).replace(" tables", " databases")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--sizes", type=lambda t: [int(n) for n in t.split(",")], default=[100])
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--interval", type=float, default=30.0)
    parser.add_argument("--intervals", type=int, default=3)
    parser.add_argument("--binaries", type=Path)
    print(asyncio.run(run(parser.parse_args())))
