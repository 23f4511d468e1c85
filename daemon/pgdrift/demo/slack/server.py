"""The double as a server: HTTP calls in, a workspace's answers out, and the faults it is told to.

What a person does in Slack (`click`, `submit`, `command`) goes out by Socket Mode.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from pgdrift.demo.slack.limits import problem
from pgdrift.demo.slack.methods import METHODS, error
from pgdrift.demo.slack.sockets import Sockets
from pgdrift.demo.slack.workspace import Json, Workspace


@dataclass(frozen=True, slots=True)
class _Fault:
    """How a call is answered instead: with an error, or never, or not after it took effect."""

    status: int = 200
    error: str = ""
    retry_after: int | None = None
    method: str | None = None
    lost: bool = False
    hangs: bool = False


class SlackDouble(Workspace):
    """A workspace that can be asked. `calls` are the methods that were called, in order."""

    def __init__(
        self,
        *,
        token: str,
        app_token: str = "xapp-demo",  # noqa: S107  of nothing real
        channels: Mapping[str, str] | None = None,
        webhook: str = "/services/T0DEMO/B0DEMO/demo",
    ) -> None:
        """Make a workspace. `channels` maps names to ids; without it every name is a channel.

        The webhook posts to the first channel, or to `alerts`. Tokens that were valid once
        (`expire`) are answered as Slack answers them.
        """
        super().__init__(channels)
        self.token = token
        self.app_token = app_token
        self.expired: set[str] = set()
        self.webhook = webhook
        self.calls: list[str] = []
        self.sockets = Sockets()
        self._faults: deque[_Fault] = deque()
        self._runner: web.AppRunner | None = None
        self._origin = ""
        self._stopped = asyncio.Event()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._stopped.clear()
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/services/{path:.+}", self._webhook)
        app.router.add_post("/upload/v1/{file}", self._upload)
        app.router.add_get("/link", self.sockets.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._origin = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening; the messages stay."""
        self._stopped.set()
        await self.sockets.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The base address of the Web API, for `base_url`."""
        return f"{self._origin}/api/"

    @property
    def webhook_url(self) -> str:
        """The address of the incoming webhook."""
        return f"{self._origin}{self.webhook}"

    # What goes wrong

    def limit(self, retry_after: int, *, times: int = 1, method: str | None = None) -> None:
        """Answer the next calls (of one method) with 429 and Retry-After."""
        fault = _Fault(429, "ratelimited", retry_after, method)
        self._faults.extend([fault] * times)

    def fail(
        self, error: str, *, status: int = 200, times: int = 1, method: str | None = None
    ) -> None:
        """Answer the next calls (of one method) with an error, or with a status and no JSON."""
        self._faults.extend([_Fault(status, error, method=method)] * times)

    def lose(self, *, times: int = 1, method: str | None = None) -> None:
        """Let the next calls (of one method) take effect, and cut the connection unanswered."""
        self._faults.extend([_Fault(method=method, lost=True)] * times)

    def hang(self, *, times: int = 1, method: str | None = None) -> None:
        """Take the next calls (of one method) and never answer, until the server stops."""
        self._faults.extend([_Fault(method=method, hangs=True)] * times)

    def expire(self, new: str) -> None:
        """Rotate the bot token: the one of before is `token_expired` from now on."""
        self.expired.add(self.token)
        self.token = new

    # What people do

    async def click(self, user: str, ts: str, action: str, *, name: str = "maria") -> Json:
        """Press a button of a message; return what it was answered with."""
        message = next(m for m in self.messages if m["ts"] == ts)
        found = (
            (block.get("block_id", "b"), element)
            for block in message["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
            if element["action_id"] == action
        )
        block, element = next(found)
        return await self._act(message, {**element, "block_id": block}, user, name)

    async def choose(
        self, user: str, ts: str, value: str, *, menu: int = 0, name: str = "maria"
    ) -> Json:
        """Choose from a menu of a message, the first one or that of this number, from 0."""
        message = next(m for m in self.messages if m["ts"] == ts)
        block = [b for b in message["blocks"] if "accessory" in b][menu]
        shown = {k: v for k, v in block["accessory"].items() if k != "options"}
        option = next(o for o in block["accessory"]["options"] if o["value"] == value)
        chosen = {**shown, "block_id": block["block_id"], "selected_option": option}
        return await self._act(message, chosen, user, name)

    async def _act(self, message: Json, action: Json, user: str, name: str) -> Json:
        return await self.sockets.send(
            "interactive",
            {
                **self._person("block_actions", user, name),
                "container": {
                    "type": "message",
                    "message_ts": message["ts"],
                    "channel_id": message["channel"],
                },
                "channel": {"id": message["channel"], "name": message["channel_name"]},
                "message": {k: message[k] for k in ("type", "ts", "text", "blocks")},
                "actions": [{**action, "action_ts": self.ts()}],
            },
        )

    async def submit(
        self, user: str, values: Mapping[str, Json], *, name: str = "maria", view: int = -1
    ) -> Json:
        """Send a modal off, the last one that was opened; `values` maps action ids to states."""
        shown = self.views[view]
        blocks = [b for b in shown["blocks"] if b["type"] == "input"]
        state = {
            b.get("block_id", "b"): {b["element"]["action_id"]: values[b["element"]["action_id"]]}
            for b in blocks
            if b["element"]["action_id"] in values
        }
        payload = {
            **self._person("view_submission", user, name),
            "view": {**shown, "state": {"values": state}},
        }
        return await self.sockets.send("interactive", payload, accepts=True)

    async def command(self, user: str, text: str, *, command: str = "/pgdrift") -> Json:
        """Type a slash command; return the answer, which only that person sees."""
        channel = next(iter(self.channels.values()), "C00000000")
        payload = {
            "command": command,
            "text": text,
            "user_id": user,
            "user_name": "maria",
            "channel_id": channel,
            "team_id": "T0DEMO",
            "trigger_id": self._trigger(),
            "response_url": f"{self._origin}/commands/T0DEMO/1/x",
        }
        return await self.sockets.send("slash_commands", payload, accepts=True)

    def _person(self, kind: str, user: str, name: str) -> Json:
        return {
            "type": kind,
            "team": {"id": "T0DEMO", "domain": "demo"},
            "user": {"id": user, "username": name, "name": name, "team_id": "T0DEMO"},
            "api_app_id": "A0DEMO",
            "trigger_id": self._trigger(),
        }

    def _trigger(self) -> str:
        name = self.name("")
        self.triggers.add(name)
        return name

    # What is asked over HTTP

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        fault = self._next_fault(method)
        if fault is not None and not fault.lost:
            return await self._failure(fault)
        answer = self._answer(method, request, await _arguments(request))
        if fault is not None and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    def _answer(self, method: str, request: web.Request, given: Json) -> Json:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if method == "apps.connections.open":
            return self._connection(bearer)
        if method not in METHODS:
            return error("unknown_method")
        if bearer in self.expired:
            return error("token_expired")
        if bearer != self.token:
            return error("invalid_auth" if bearer else "not_authed")
        scope, verb = METHODS[method]
        if scope and scope not in self.scopes:
            return error("missing_scope", needed=scope)
        return verb(self, {**given, "origin": self._origin})

    def _connection(self, bearer: str) -> Json:
        if bearer == self.token:
            return error("not_allowed_token_type")
        if bearer != self.app_token:
            return error("invalid_auth" if bearer else "not_authed")
        link = self._origin.replace("http", "ws", 1)
        return {"ok": True, "url": f"{link}/link?ticket={self.sockets.ticket()}"}

    async def _upload(self, request: web.Request) -> web.Response:
        self.calls.append("upload")
        if (fault := self._next_fault("upload")) is not None:
            return await self._failure(fault)
        file = self.uploads.get(request.match_info["file"])
        content = await request.read()
        if file is None or len(content) != file["length"]:
            return web.Response(status=400, text="not the file that was announced")
        file["content"] = content.decode("utf-8", "replace")
        return web.Response(text=f"OK - {len(content)}")

    async def _webhook(self, request: web.Request) -> web.Response:
        self.calls.append("webhook")
        fault = self._next_fault("webhook")
        if fault is not None and not fault.lost:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else None
            status = 400 if fault.status == 200 else fault.status
            return web.Response(status=status, text=fault.error, headers=headers)
        if request.path != self.webhook:
            return web.Response(status=404, text="no_service")
        try:
            given = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if wrong := problem(given):
            return web.Response(status=400, text=str(wrong["error"]))
        first = next(iter(self.channels), "alerts")
        self.keep(self.channel(first) or first, given, via="webhook")
        if fault is not None and request.transport is not None:
            request.transport.abort()
        return web.Response(text="ok")

    def _next_fault(self, method: str) -> _Fault | None:
        for fault in self._faults:
            if fault.method in {None, method}:
                self._faults.remove(fault)
                return fault
        return None

    async def _failure(self, fault: _Fault) -> web.Response:
        if fault.hangs:
            await self._stopped.wait()
        after = fault.retry_after
        headers = {"Retry-After": str(after)} if after is not None else None
        if fault.status >= 500:
            return web.Response(status=fault.status, text="<html>", content_type="text/html")
        return web.json_response(error(fault.error), status=fault.status, headers=headers)


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given: Json = await request.json()
        return given
    return {**request.query, **(await request.post())}
