"""A real Alertmanager on this machine, which sends what it makes of alerts to a receiver of ours."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.daemon.house import free_port

COMMAND = next(filter(None, map(shutil.which, ("prometheus-alertmanager", "alertmanager"))), "")

_CONFIG = """\
route:
  receiver: here
  group_by: [environment]
  group_wait: 100ms
  group_interval: 200ms
  repeat_interval: 1h
receivers:
  - name: here
    webhook_configs: [{ url: "URL", send_resolved: true }]
"""


@dataclass
class Alertmanager:
    url: str

    async def get(self, path: str) -> Any:
        return json.loads(await asyncio.to_thread(self._fetch, path))

    async def alerts(self) -> list[Any]:
        found: list[Any] = await self.get("/api/v2/alerts")
        return found

    def _fetch(self, path: str) -> bytes:
        with urlopen(self.url + path, timeout=10) as answer:
            return bytes(answer.read())


@asynccontextmanager
async def alertmanager(
    folder: Path, tells: str, port: int | None = None
) -> AsyncIterator[Alertmanager]:
    """Run one in this folder; it posts to the address `tells`."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    (folder / "am.yml").write_text(_CONFIG.replace("URL", tells))
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        f"--config.file={folder}/am.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=sys.stderr,
        stderr=sys.stderr,
    )
    running = Alertmanager(f"http://127.0.0.1:{port}")
    try:
        async with asyncio.timeout(60):
            while not await _ready(running):
                assert process.returncode is None
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(running: Alertmanager) -> bool:
    try:
        await asyncio.to_thread(running._fetch, "/-/ready")
    except OSError:
        await asyncio.sleep(0.05)  # between two knocks
        return False
    return True
