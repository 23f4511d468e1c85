"""Plays the story against the running daemon, and tells it on the terminal.

What pgdrift says is asked of its own API and of those it told; the wait for each effect is bounded.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.text import Text

from pgdrift.demo.catcher import Catcher, Post
from pgdrift.demo.databases import DBA, Shop
from pgdrift.demo.story import Clean, Expected, Finding, Planned, Step, Told

_POLL_SECONDS = 0.2
_MOVED = {
    "ahead": "is ahead of",
    "behind": "is behind",
    "diverged": "has diverged from",
    "changed": "has drifted from",
    "unknown": "differs from",
}


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the databases, the daemon and its configuration, those it tells.

    `pause` is the time to read between two steps, `patience` the longest wait for an effect, both
    in seconds.
    """

    shop: Shop
    config: Path
    url: str
    caught: Catcher
    console: Console
    pause: float = 3.0
    patience: float = 20.0

    async def play(self, steps: Sequence[Step]) -> str:
        """Play every step; return the title of the one that failed, or an empty string."""
        async with aiohttp.ClientSession(self.url) as session:
            for number, step in enumerate(steps):
                if number:
                    await asyncio.sleep(self.pause)
                if not await self._play(session, number, step):
                    return step.title
        return ""

    async def _play(self, session: aiohttp.ClientSession, number: int, step: Step) -> bool:
        self._say(Text(f"\n{number}  {step.title}", style="bold"))
        self._line("done", step.done)
        self._line("expected", step.should)
        began = time.monotonic()
        if step.act:
            await step.act(self.shop)
        if step.declares:
            await declare(self.config, step.declares, DBA, "the index stays, see 0043")
        done = datetime.now(UTC)
        for expected in step.expected:
            words = await self._wait(session, expected, done)
            if words is None and isinstance(expected, Planned):
                # It is made with what time is left: on a busy machine the story goes on before.
                self._line("later", f"{_plain(expected)}: `pgdrift plans` lists it", "yellow")
                continue
            if words is None:
                self._line("missing", f"{_plain(expected)}, not within {self.patience:g} s", "red")
                return False
            self._line("pgdrift", f"{words}  ({time.monotonic() - began:.1f} s)", "green")
        return True

    async def _wait(
        self, session: aiohttp.ClientSession, expected: Expected, done: datetime
    ) -> str | None:
        deadline = time.monotonic() + self.patience
        while True:
            words = await self._seen(session, expected, done)
            if words is not None or time.monotonic() > deadline:
                return words
            await asyncio.sleep(_POLL_SECONDS)

    async def _seen(
        self, session: aiohttp.ClientSession, expected: Expected, done: datetime
    ) -> str | None:
        if isinstance(expected, Told):
            return told(self.caught, expected)
        try:
            if isinstance(expected, Clean):
                return clean(await _get(session, "/api/v1/status"), expected, done)
            if isinstance(expected, Planned):
                id_ = planned(await _get(session, "/api/v1/status"), expected)
                return id_ and self._plan_words(expected, id_)
            return found(await _get(session, "/api/v1/findings"), expected)
        except aiohttp.ClientConnectionError:
            return None  # it does not serve yet

    def _plan_words(self, of: Planned, id_: str) -> str:
        export = f"pgdrift plans export {id_} --config {self.config}"
        where = f"{self.url}/plans/{id_}"
        return f"plan to make {of.environment} as {of.against}: {where}; to take it: {export}"

    def _line(self, label: str, words: str, style: str = "") -> None:
        self._say(Text(f"   {label:<9}", style="dim").append(words, style=style or "default"))

    def _say(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)


async def declare(config: Path, environment: str, actor: str, reason: str) -> None:
    """Declare an environment right as a person does: by the command, in a process of its own.

    Raises RuntimeError with what the command said when it fails.
    """
    words = ("sync", environment, "--reason", reason, "--actor", actor, "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pgdrift",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"pgdrift sync failed: {said.decode(errors='replace').strip()}")


def found(answer: Any, wanted: Finding) -> str | None:
    """Say the finding in words when it is among those of the API, else return None."""
    for f in answer["findings"]:
        if (
            (f["environment"], f["against"], f["name"]) == _key(wanted)
            and (f["direction"], f["severity"]) == (wanted.direction, wanted.severity)
            and wanted.cls in (None, f["class"])
            and wanted.who in (None, f["blame"]["who"])
        ):
            return _finding_words(f)
    return None


def clean(answer: Any, wanted: Clean, since: datetime) -> str | None:
    """Say that the environment was seen in sync with all its yardsticks since, else None."""
    environment = next((e for e in answer["environments"] if e["name"] == wanted.environment), None)
    if environment is None or not environment["seen_at"]:
        return None
    outcomes = {a["yardstick"]: a["outcome"] for a in environment["against"]}
    follows = environment["follows"]
    expected = {"sync", follows} - {None}
    fresh = datetime.fromisoformat(environment["seen_at"]) > since
    # A ledger is measured against, too, where there is one.
    if not fresh or not expected <= set(outcomes) or set(outcomes.values()) != {"in_sync"}:
        return None
    with_whom = f"{follows} and its sync point" if follows else "its sync point"
    return f"{wanted.environment}: in sync with {with_whom}, {environment['objects']} objects"


def planned(answer: Any, wanted: Planned) -> str | None:
    """Return the id of the plan that was made for an incident, once there is one."""
    for e in answer["environments"]:
        if e["name"] == wanted.environment:
            plans = (i["plan"] for i in e["incidents"] if i["against"] == wanted.against)
            return next(filter(None, plans), None)
    return None


def told(caught: Catcher, wanted: Told) -> str | None:
    """Say which message came, when one with the words did, else return None."""
    if wanted.to.startswith("#"):
        posts = (p.text for p in _flat(caught.posts()) if p.channel == wanted.to)
        line = next((text for text in posts if wanted.words in text), None)
        return f"Slack to {wanted.to}: {line}" if line else None
    for mail in caught.mails:
        if wanted.to in mail.recipients and wanted.words in mail.subject + mail.text:
            return f"e-mail to {wanted.to}: {mail.subject}"
    return None


def _flat(posts: Iterable[Post]) -> Iterable[Post]:
    for post in posts:
        yield post
        yield from post.replies


def _key(wanted: Finding) -> tuple[str, str, str]:
    return wanted.environment, wanted.against, wanted.name


def _finding_words(f: Any) -> str:
    words = f"[{f['severity']}, {f['class']}] {f['environment']} {_MOVED[f['direction']]} "
    words += "its sync point" if f["against"] == "sync" else f["against"]
    words += f": {f['kind']} {f['name']}"
    if f["direction"] != "behind":
        words += f" {f['change']}, {f['origin']}"
    if who := f["blame"]["who"]:
        words += f", by {who} ({f['blame']['confidence']})"
    return words


def _plain(expected: Expected) -> str:
    match expected:
        case Finding():
            where = f"{expected.environment} against {expected.against}"
            return f"{expected.severity} finding {expected.name}, {where}, {expected.direction}"
        case Clean():
            return f"{expected.environment} in sync"
        case Planned():
            return f"a plan for {expected.environment} against {expected.against}"
        case Told():
            return f"a message to {expected.to} with “{expected.words}”"


async def _get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as answer:
        answer.raise_for_status()
        return await answer.json()
