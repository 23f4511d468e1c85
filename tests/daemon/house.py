"""What the tests of the whole daemon need: its configuration, its process, its page, its store."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pgdrift.demo.slack import SlackDouble
from tests.daemon.hatched import Hatched, hatch
from tests.sinks.mailserver import MailServer

Json = dict[str, Any]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOKEN = "xoxb-1-secret-of-the-house"
CHANNEL = "C0DBONCALL"
ALL = ["info", "warning", "critical"]
# Waited only where something fails: long enough for a slow machine with much else to do.
PATIENCE = 180.0


async def until(condition: Callable[[], Any], what: object, seconds: float = PATIENCE) -> Any:
    """Return what the condition gives once that is true; fail in the end, saying what there was."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        await asyncio.sleep(0.1)


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to no connection."""
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def through(dsn: str, port: int) -> str:
    """Return a DSN that leads to another port."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=re.sub(r":\d+$", f":{port}", parts.netloc)))


def clean_environment() -> dict[str, str]:
    # Compiled once and not by every process: they are many.
    foreign = ("PGDRIFT_", "PG", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    inside = os.pathsep.join([str(ROOT), kept.get("PYTHONPATH", "")])
    return kept | {"PYTHONPATH": inside.rstrip(os.pathsep), "COLUMNS": "200", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int | None
    out: str
    err: str

    @property
    def both(self) -> str:
        return self.out + self.err

    def json(self) -> Json:
        found: Json = json.loads(self.out)
        return found


async def pgdrift(
    *arguments: str | Path, cwd: Path | None = None, seconds: float = PATIENCE, driver: str = ""
) -> Said:
    """Run a command to its end; `driver` is a script of this folder that runs it."""
    program = [str(HERE / driver)] if driver else ["-m", "pgdrift"]
    program += map(str, arguments)
    with TemporaryFile() as out, TemporaryFile() as err:
        process = await hatch(program, out, err, env=clean_environment(), cwd=cwd)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said = [os.pread(f.fileno(), os.fstat(f.fileno()).st_size, 0).decode() for f in (out, err)]
    return Said(process.returncode, *said)


class Daemon:
    """One daemon in a process of its own."""

    def __init__(self, process: Hatched, log: Path, port: int) -> None:
        self.process = process
        self.log = log
        self.url = f"http://127.0.0.1:{port}"

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def events(self, name: str) -> list[Json]:
        """Return what it logged under a name."""
        lines = (line for line in self.said.splitlines() if line.startswith("{"))
        return [e for e in map(json.loads, lines) if e.get("event") == name]

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def ready(self) -> Daemon:
        async def ready() -> bool:
            assert self.process.returncode is None, self.said
            try:
                return (await self.get("/readyz"))[0] == 200
            except aiohttp.ClientError:
                return False

        await until(ready, lambda: self.said)
        return self

    async def watching(self) -> Daemon:
        """Return once every environment was seen: a loaded machine can make a first look fail."""
        await self.ready()

        async def seen() -> bool:
            return 0 not in (await self.metrics("pgdrift_environment_up")).values()

        await until(seen, lambda: self.said)
        return self

    async def metrics(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a metric by the values of their labels, in the labels' order."""
        text = (await self.get("/metrics"))[1]
        return {
            tuple(value for _, value in sorted(s.labels.items())): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
            if s.name == name
        }

    async def metric(self, name: str, *labels: str) -> float | None:
        """Return one sample, by the values of its labels in the order of the labels' names."""
        return (await self.metrics(name)).get(labels)

    async def looks(self, environment: str) -> float:
        found = await self.metrics("pgdrift_looks_total")
        return sum(value for (name, _), value in found.items() if name == environment)

    async def look_again(self, environment: str, times: int = 2) -> None:
        """Return when it has looked again, from beginning to end."""
        wanted = await self.looks(environment) + times

        async def looked() -> bool:
            return await self.looks(environment) >= wanted

        await until(looked, lambda: self.said)

    async def findings(self, **wanted: str) -> list[Json]:
        query = "&".join(f"{k}={quote(v)}" for k, v in wanted.items())
        status, text = await self.get(f"/api/v1/findings?{query}")
        assert status == 200, text
        found: list[Json] = json.loads(text)["findings"]
        return found

    async def environment(self, name: str) -> Json:
        found = json.loads((await self.get("/api/v1/status"))[1])["environments"]
        return next((e for e in found if e["name"] == name), {})

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Return how it ended, once it did."""
        try:
            return await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"still running after {seconds:g} s: {self.said}") from None

    async def end(self) -> None:
        """Ask it to end, and see that it ends well."""
        self.signal(signal.SIGTERM)
        assert await self.ended() == 0, self.said
        assert "Traceback" not in self.said


@dataclass
class House:
    """A configuration in a folder, the channels it leads to, and the daemons started with it."""

    folder: Path
    slack: SlackDouble
    mail: MailServer
    data: Json = field(default_factory=dict)
    daemons: list[Daemon] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = free_port()
        (self.folder / "token").write_text(TOKEN)
        self.data = {
            "defaults": {
                "interval": "200ms",
                "timeout": "60s",
                "promotion_lag": "24h",
                "plans": "off",  # each is a process more: for the tests that are about them
            },
            "environments": {},
            "alerts": {
                "channels": {"oncall": self.slack_channel(), "dba": self.mail_channel()},
                "routes": [{"severity": ALL, "to": ["oncall"]}],
            },
            "store": {"url": f"sqlite:///{self.store}"},
            "web": {"listen": f"127.0.0.1:{self.port}"},
            "log": {"level": "debug", "format": "json"},
        }

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "pgdrift.db"

    def slack_channel(self) -> Json:
        token = str(self.folder / "token")
        return {
            "type": "slack",
            "token_file": token,
            "channel": "#db-oncall",
            "base_url": self.slack.url,
        }

    def mail_channel(self) -> Json:
        return {
            "type": "email",
            "host": "127.0.0.1",
            "port": self.mail.port,
            "starttls": "none",
            "to": ["dba@example.org"],
        }

    def watch(self, name: str, dsn: str, **more: object) -> None:
        """Add an environment."""
        self.data["environments"][name] = {"dsn": dsn, **more}

    def tell(self, *channels: str, **more: object) -> None:
        """Let everything go to these channels."""
        self.data["alerts"]["routes"] = [{"severity": ALL, "to": list(channels), **more}]

    def write(self) -> Path:
        text = yaml.safe_dump(self.data, sort_keys=False, allow_unicode=True)
        self.config.write_text(text, encoding="utf-8")
        return self.config

    async def start(self, *driver: str) -> Daemon:
        """Start a daemon; `driver` is a script of this folder and its arguments."""
        program = [str(HERE / driver[0])] if driver else ["-m", "pgdrift"]
        log = self.folder / f"log-{len(self.daemons)}"
        program += [*driver[1:], "serve", "--config", str(self.write())]
        with log.open("wb") as output:
            process = await hatch(program, output, output, env=clean_environment(), cwd=self.folder)
        self.daemons.append(Daemon(process, log, self.port))
        return self.daemons[-1]

    async def pgdrift(self, *arguments: str | Path) -> Said:
        """Run a command with this house's configuration."""
        return await pgdrift(*arguments, "--config", self.write(), cwd=self.folder)

    def deliveries(self) -> list[Mapping[str, Any]]:
        """Return the outbox as it is kept, in the order in which it was decided."""
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(r) for r in connection.execute("select * from delivery order by seq")]

    def roots(self) -> list[Json]:
        """Return the messages that began a thread: what was told as new."""
        return [m for m in self.slack.messages if "thread_ts" not in m]

    async def root(self, words: str) -> Json:
        """Return the one message that says this, once it is there."""
        found: list[Json] = await until(
            lambda: [m for m in self.roots() if words in all_text(m)], self.told
        )
        assert len(found) == 1, self.told()
        return found[0]

    def told(self) -> str:
        """Return everything for the message of a failure."""
        messages = "\n".join(f"{m.get('thread_ts', '')} {m['text']}" for m in self.slack.messages)
        logs = "\n".join(d.said[-4000:] for d in self.daemons)
        return f"{messages}\n{[m['Subject'] for m in self.mail.mails]}\n{logs}"

    async def all_told(self, count: int) -> None:
        """Return when so many deliveries were decided and none is still on its way."""

        def settled() -> bool:
            found = self.deliveries()
            return len(found) >= count and all(d["state"] in {"done", "failed"} for d in found)

        await until(settled, self.told)


def all_text(message: Mapping[str, Any]) -> str:
    """Return all that a Slack message says now."""
    return str(message["text"]) + json.dumps(message["blocks"], ensure_ascii=False)
