"""A process of the real command line, out of the nest of this test process: see nest.py."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

_NEST = Path(__file__).with_name("nest.py")


class Hatched:
    """One process: what asyncio's have of use here."""

    def __init__(self, told: int) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self._told = told
        self._said = b""
        self._began, self._ended = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().add_reader(told, self._read)

    def _read(self) -> None:
        new = os.read(self._told, 100)
        self._said += new
        lines = self._said.splitlines(keepends=True)
        whole = [int(line) for line in lines if line.endswith(b"\n")]
        if whole:
            self.pid = whole[0]
            self._began.set()
        if len(whole) == 2 or not new:
            self.returncode = whole[1] if len(whole) == 2 else -signal.SIGKILL
            self._began.set()
            self._ended.set()
            asyncio.get_running_loop().remove_reader(self._told)
            os.close(self._told)

    async def began(self) -> Hatched:
        await self._began.wait()
        assert self.pid, "the nest could not be built"
        return self

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


async def hatch(
    program: Sequence[str],
    out: IO[bytes],
    err: IO[bytes],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
) -> Hatched:
    """Start `-m MODULE ARGUMENT…` or `SCRIPT ARGUMENT…`; what it says goes into the two files."""
    asked = {"program": list(program), "env": dict(env), "cwd": str(cwd or Path.cwd())}
    body = json.dumps(asked).encode()
    told, telling = os.pipe()
    nest = _nest()
    with Path(os.devnull).open("rb") as nothing:
        files = [nothing.fileno(), out.fileno(), err.fileno(), telling]
        socket.send_fds(nest, [len(body).to_bytes(4, "big")], files)
    nest.sendall(body)
    os.close(telling)
    return await Hatched(told).began()


@cache
def _nest() -> socket.socket:
    """Return the way to the nest, which is gone when this end is closed."""
    here, there = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, str(_NEST), str(there.fileno())],
        pass_fds=[there.fileno()],
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    there.close()
    atexit.register(process.wait)
    atexit.register(here.close)
    return here
