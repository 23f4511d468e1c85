"""The image that `make image-test` has built: its file system, and how it is to be started.

Without one nothing here is collected: building takes minutes, and mounts need root.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.daemon.hatched import Hatched
from tests.daemon.house import Daemon, Said
from tests.operate.kubelet import mount

BUILT = os.environ.get("PGDRIFT_IMAGE")
"""The folder with `rootfs`, the file system, and `config.json`, what the image says of itself."""

collect_ignore_glob = [] if BUILT else ["test_*.py"]

ROOT = Path(__file__).parents[3]
UID = 10001


class Contained:
    """A process that is the first in a space of its own; signals go to it, past who started it."""

    def __init__(self, outer: Process) -> None:
        self._outer = outer

    @property
    def returncode(self) -> int | None:
        return self._outer.returncode

    @property
    def pid(self) -> int:
        """The process as this system counts it."""
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        return int(children.read_text().split()[0])

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        # Who changed its user is not killed with who started it.
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (OSError, IndexError):
            self._outer.kill()

    async def wait(self) -> int:
        return await self._outer.wait()


class Pod:
    """What the chart gives to the program, mounted as kubelet does, and the program in it."""

    def __init__(self, folder: Path) -> None:
        assert BUILT
        self.folder = folder
        self.root = Path(BUILT) / "rootfs"
        self.image: dict[str, Any] = json.loads((Path(BUILT) / "config.json").read_text())
        self.secrets: dict[str, str] = {}
        self.processes: list[Contained] = []
        mount(folder / "etc", {})
        mount(folder / "run", {})
        for name in ("data", "tmp"):
            # As fsGroup makes a volume: its owner is root, its group may write.
            (folder / name).mkdir()
            os.chown(folder / name, 0, UID)
            (folder / name).chmod(0o2775)

    def configure(self, text: str) -> None:
        mount(self.folder / "etc", {"pgdrift.yaml": text})

    def secret(self, name: str, text: str) -> None:
        self.secrets[name] = text
        mount(self.folder / "run", self.secrets)
        for file in (self.folder / "run" / "..data").resolve().iterdir():
            os.chown(file, 0, UID)
            file.chmod(0o440)

    async def start(self, *arguments: str, log: Path, configured: bool = True) -> Contained:
        """Start the image's entry point with arguments, else with its own."""
        environment = list(self.image["Env"])
        if configured:
            environment.append("PGDRIFT_CONFIG=/etc/pgdrift/pgdrift.yaml")
        program = [*self.image["Entrypoint"], *(arguments or self.image["Cmd"])]
        contain = [str(ROOT / "deploy/image/contain.sh"), str(self.root), str(self.folder)]
        contain += [self.image["User"], *environment, "--", *program]
        with log.open("wb") as output:
            outer = await asyncio.create_subprocess_exec(*contain, stdout=output, stderr=output)
        self.processes.append(Contained(outer))
        return self.processes[-1]

    async def serve(self, port: int) -> Daemon:
        """Start it as the chart does."""
        log = self.folder / f"log-{len(self.processes)}"
        process = await self.start("serve", log=log)
        return Daemon(cast("Hatched", process), log, port)  # it is asked for no more than both have

    async def run(self, *arguments: str, configured: bool = False) -> Said:
        """Run a command to its end; what it says on both is `out`."""
        log = self.folder / f"log-{len(self.processes)}"
        process = await self.start(*arguments, log=log, configured=configured)
        code = await asyncio.wait_for(process.wait(), 180)
        return Said(code, log.read_text(), "")

    def files(self) -> dict[str, tuple[int, int]]:
        """Return the files of the image with their times and sizes."""
        found = (p for p in self.root.rglob("*") if p.is_file() and not p.is_symlink())
        stats = {str(p.relative_to(self.root)): p.stat() for p in found}
        return {name: (s.st_mtime_ns, s.st_size) for name, s in stats.items()}


@pytest.fixture
async def pod(tmp_path: Path) -> AsyncIterator[Pod]:
    made = Pod(tmp_path)
    yield made
    for process in made.processes:
        if process.returncode is None:
            process.kill()
            await process.wait()
