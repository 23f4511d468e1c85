"""One run of the demo: everything is built, the daemon runs, the story plays, all is removed."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pgdrift.app import serve
from pgdrift.demo.catcher import catcher
from pgdrift.demo.config import Places, write_config
from pgdrift.demo.databases import build
from pgdrift.demo.stage import Stage
from pgdrift.demo.story import STORY
from pgdrift.errors import ConfigError
from pgdrift.sources.embedded import embedded_server

_HOST = "127.0.0.1"
_PORTS_TRIED = 100
_PAUSE_SECONDS = 3.0
_HURRIED_SECONDS = 50.0  # less time than this, and nobody is reading


async def run_demo(
    *, port: int = 8080, exit_after: float | None = None, console: Console | None = None
) -> int:
    """Run the demo until SIGINT or SIGTERM, or for so many seconds; return the exit code.

    0 when the story came to its end, 1 when it did not. Raises ConfigError without binaries or a
    free port.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    demo = Demo(console or Console(highlight=False), port, exit_after, stop)
    playing = asyncio.create_task(demo.run())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            {playing, stopped}, timeout=exit_after, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopped.cancel()
        await demo.end(playing)
    return demo.conclude()


class Demo:
    """One run of the demo, and how far it came."""

    def __init__(
        self, console: Console, port: int, exit_after: float | None, stop: asyncio.Event
    ) -> None:
        """Keep where to tell, on which port to serve, how long there is, and what ends it."""
        self.console = console
        self.port = port
        self.exit_after = exit_after
        self.stop = stop
        self.serving = False
        self.complete = False

    async def run(self) -> None:
        """Build everything, run the daemon and play the story; returns when the daemon ends."""
        self._say("Starting PostgreSQL and three databases …")
        token = f"xoxb-{secrets.token_hex(16)}"
        async with embedded_server({"fsync": "off"}) as server, catcher(token) as caught:
            shop = await build(server)
            port = free_port(self.port)
            places = Places(port, caught.slack.url, token, caught.smtp_port)
            config = write_config(server.folder("demo"), shop, places)
            page = f"http://{_HOST}:{port}"
            self._addresses(page, caught.url)
            await self._serve(
                config, Stage(shop, config, page, caught, self.console, self._pause())
            )

    async def end(self, playing: asyncio.Task[None]) -> None:
        """Let the daemon end in its own way; what is only being built is given up."""
        self.stop.set()
        if not self.serving:
            playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing

    def conclude(self) -> int:
        """Say how it went; return the exit code."""
        self._say("\nServer, databases and files of the demo are removed.")
        if self.complete:
            return 0
        self._say("The story did not come to its end.", style="red")
        return 1

    async def _serve(self, config: Path, stage: Stage) -> None:
        self.serving = True
        telling = asyncio.create_task(self._tell(stage))
        telling.add_done_callback(self._ended)
        try:
            await serve(config, stop=self.stop)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling

    def _ended(self, telling: asyncio.Task[None]) -> None:
        """End everything when the telling itself broke: nothing else would ever say so."""
        if not telling.cancelled() and telling.exception():
            self.stop.set()

    async def _tell(self, stage: Stage) -> None:
        failed = await stage.play(STORY)
        if failed:
            self._say(f"\nThe story stopped at “{failed}”.", style="bold red")
        else:
            self.complete = True
            self._say("\nThe story is complete.", style="bold green")
        self._addresses(stage.url, stage.caught.url)
        if self.exit_after is None:
            self._say("Everything stays up until Ctrl-C.")

    def _addresses(self, page: str, inbox: str) -> None:
        wanted = f"http://{_HOST}:{self.port}"
        note = "" if page == wanted or not self.port else f"  (port {self.port} is taken)"
        self._say(f"  page       {page}/{note}")
        self._say(f"  metrics    {page}/metrics")
        self._say(f"  messages   {inbox}/  (what Slack and mail readers see)")

    def _pause(self) -> float:
        hurried = self.exit_after is not None and self.exit_after < _HURRIED_SECONDS
        return _PAUSE_SECONDS / 10 if hurried else _PAUSE_SECONDS

    def _say(self, words: str, style: str = "") -> None:
        self.console.print(Text(words, style=style), soft_wrap=True)


def free_port(wanted: int) -> int:
    """Return the port, or the next free one above it; 0 is any free one.

    Raises ConfigError when all are taken.
    """
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_HOST, port))
            return int(probe.getsockname()[1])
    raise ConfigError(
        f"no free port from {wanted} on", reason="usage", hint="set PGDRIFT_DEMO_PORT to another"
    )
