"""A way to a server that can be cut as networks cut it: refused, reset, or silent."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Literal

Mode = Literal["open", "refuse", "reset", "silent"]


class Proxy:
    """Forwards a port to another one. `silent` takes connections and bytes and passes on none."""

    def __init__(self) -> None:
        self.port = 0
        self.mode: Mode = "open"
        self.taken = 0
        # How many had left at each first word of one who was not answered.
        self.left_before_asked: list[int] = []
        self._target = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._gates: list[asyncio.Event] = []
        self._askers: list[asyncio.StreamReader] = []

    async def start(self, target: int) -> int:
        """Listen, and return the port."""
        self._target = target
        self._open.set()
        await self._listen()
        return self.port

    async def stop(self) -> None:
        self._reset_all()
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def turn(self, mode: Mode) -> None:
        """Behave so from now on, towards those who are connected too."""
        before, self.mode = self.mode, mode
        if mode == "silent":
            self._open.clear()
            return
        if mode in {"refuse", "reset"} or before == "silent":
            self._reset_all()
        self._open.set()
        if mode == "refuse" and self._server is not None:
            self._server.close()
        if before == "refuse":
            await self._listen()

    def hold_last(self) -> None:
        """Be silent for good towards who connected last, of those who still are."""
        self._gates[-1].clear()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        self._writers.add(writer)
        if self.mode == "reset":
            _reset(writer)
            return
        task = asyncio.current_task()
        assert task
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with suppress(OSError, asyncio.CancelledError):
            await self._forward(reader, writer)
        self._writers.discard(writer)
        _reset(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(there[1])
        gate = asyncio.Event()
        gate.set()
        self._gates.append(gate)
        self._askers.append(reader)
        try:
            ways = (self._pass(reader, there[1], gate), self._pass(there[0], writer, gate))
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._gates.remove(gate)
            self._writers.discard(there[1])
            there[1].close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if self.mode == "silent" and reader in self._askers:
                gone = sum(r.at_eof() or r.exception() is not None for r in self._askers)
                self.left_before_asked.append(gone)
            await self._open.wait()
            await gate.wait()
            writer.write(data)
            await writer.drain()
        writer.close()

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)
        self._writers.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, as a firewall or a dead host's neighbour does."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
