"""Socket Mode, Slack's side: who is connected, what is sent to them, and what they answer.

An envelope goes to one of an app's connections, whichever that is, and wants an answer in 3 s. A
connection is told some seconds ahead that it will be closed.
"""

import asyncio
import json
import uuid
from collections import deque
from typing import Any

from aiohttp import WSMsgType, web

Json = dict[str, Any]

_SECONDS = 3.0


class Sockets:
    """All websockets of one app. `tickets` are addresses that were given out and not used yet."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self.open: deque[web.WebSocketResponse] = deque()
        self.opened = 0
        self.connected = asyncio.Event()
        self.acks: list[Json] = []
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def ticket(self) -> str:
        """Return the secret part of an address that can be connected to once."""
        name = uuid.uuid4().hex
        self.tickets.add(name)
        return name

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Speak with one connection until it ends."""
        if request.query.get("ticket") not in self.tickets:
            return web.Response(status=408, text="the ticket is used up")
        self.tickets.discard(str(request.query.get("ticket")))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open.append(socket)
        self.opened += 1
        await socket.send_json({"type": "hello", "num_connections": len(self.open)})
        self.connected.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._answered(json.loads(message.data))
        finally:
            self.open.remove(socket)
        return socket

    async def send(self, kind: str, payload: Json, *, accepts: bool = False) -> Json:
        """Send an envelope and return what it was answered with; TimeoutError after 3 s."""
        await asyncio.wait_for(self.connected.wait(), _SECONDS)
        self.open.rotate(-1)
        id_ = str(uuid.uuid4())
        answer = self._waiting[id_] = asyncio.get_running_loop().create_future()
        envelope = {"envelope_id": id_, "type": kind, "payload": payload}
        await self.open[0].send_json({**envelope, "accepts_response_payload": accepts})
        try:
            return await asyncio.wait_for(answer, _SECONDS)
        finally:
            del self._waiting[id_]

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Tell every connection that it will be closed. Slack closes it itself a little later."""
        self.connected.clear()
        for socket in list(self.open):
            await socket.send_json({"type": "disconnect", "reason": reason})

    async def cut(self) -> None:
        """Close every connection without a word."""
        self.connected.clear()
        for socket in list(self.open):
            await socket.close()

    def _answered(self, answer: Json) -> None:
        self.acks.append(answer)
        waiting = self._waiting.get(str(answer.get("envelope_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.get("payload") or {})
