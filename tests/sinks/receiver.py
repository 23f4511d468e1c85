"""A real HTTP server on this machine that keeps what it is sent, and answers what it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came in `requests`; `status`, `text` and `headers` are what it answers."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    status: int = 204
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False

    async def take(self, request: web.Request) -> web.Response:
        kept = CIMultiDict(request.headers)
        self.requests.append(Request(request.path, kept, await request.read()))
        if self.hangs_up and request.transport is not None:
            request.transport.close()
        return web.Response(status=self.status, text=self.text, headers=self.headers)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Give a receiver of posts to any path of `url`."""
    running = Receiver()
    app = web.Application(client_max_size=100_000_000)
    app.router.add_post("/{path:.*}", running.take)
    async with TestServer(app, host="127.0.0.1") as server:
        running.url = f"http://127.0.0.1:{server.port}"
        yield running
