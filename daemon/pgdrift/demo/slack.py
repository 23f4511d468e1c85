"""A Slack that runs here: real HTTP, the Web API as far as pgdrift speaks it, and its limits.

    async with SlackDouble(token="xoxb-demo") as slack:     # or await slack.start(host, port)
        … SlackChannel(type="slack", token="xoxb-demo", channel="#x", base_url=slack.url) …
        slack.messages    # every message, replies too, as Slack's JSON, the oldest first

It checks tokens, scopes and blocks as Slack does, and can be told to fail: `limit`, `fail`, `lose`.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from pgdrift.demo.slack_limits import problem

Json = dict[str, Any]

ALL_SCOPES = frozenset(
    {"chat:write", "channels:read", "groups:read", "channels:history", "groups:history"}
)

_MOST_TEXT = 40_000


@dataclass(frozen=True, slots=True)
class _Fault:
    """How a call is answered instead: with an error, or, after it took effect, not at all."""

    status: int = 200
    error: str = ""
    retry_after: int | None = None
    method: str | None = None
    lost: bool = False


class SlackDouble:
    """One workspace with one app. Messages are plain dictionaries, as Slack's JSON has them.

    A message has channel (id), channel_name, ts, text, blocks, metadata (or None), thread_ts (of
    replies only), edited (`ts` of the last edit, once there was one), edits (earlier versions,
    the oldest first) and via (`api` or `webhook`).
    """

    def __init__(
        self,
        *,
        token: str,
        channels: Mapping[str, str] | None = None,
        webhook: str = "/services/T0DEMO/B0DEMO/demo",
    ) -> None:
        """Make a workspace. `channels` maps names to ids; without it every name is a channel.

        The webhook posts to the first channel, or to `alerts`.
        """
        self.token = token
        self.channels = dict(channels or {})
        self._any_channel = channels is None
        self.webhook = webhook
        self.scopes = set(ALL_SCOPES)
        self.messages: list[Json] = []
        self.calls: list[str] = []
        self._faults: deque[_Fault] = deque()
        self._runner: web.AppRunner | None = None
        self._origin = ""
        self._clock = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/services/{path:.+}", self._webhook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._origin = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening; the messages stay."""
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

    def replies(self, ts: str) -> list[Json]:
        """Return the thread below a message."""
        return [m for m in self.messages if m.get("thread_ts") == ts]

    def delete(self, ts: str) -> None:
        """Delete a message, as a person may."""
        self.messages = [m for m in self.messages if m["ts"] != ts]

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

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        fault = self._next_fault(method)
        if fault is not None and not fault.lost:
            return _failure(fault)
        answer = await self._answer(method, request)
        if fault is not None and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    async def _answer(self, method: str, request: web.Request) -> Json:
        verbs: dict[str, tuple[str, Callable[[Json], Awaitable[Json]]]] = {
            "auth.test": ("", self._auth_test),
            "chat.postMessage": ("chat:write", self._post_message),
            "chat.update": ("chat:write", self._update),
            "conversations.history": ("channels:history", self._history),
            "conversations.replies": ("channels:history", self._thread),
            "users.conversations": ("", self._conversations),
        }
        if method not in verbs:
            return _error("unknown_method")
        given = request.headers.get("Authorization", "")
        if given != f"Bearer {self.token}":
            return _error("invalid_auth" if given else "not_authed")
        scope, verb = verbs[method]
        if scope and scope not in self.scopes:
            return {**_error("missing_scope"), "needed": scope}
        return await verb(await _arguments(request))

    async def _auth_test(self, _: Json) -> Json:
        return {"ok": True, "url": self._origin, "team": "demo", "user": "pgdrift", "bot_id": "B0"}

    async def _post_message(self, given: Json) -> Json:
        channel = self._channel(str(given.get("channel", "")))
        if channel is None:
            return _error("channel_not_found")
        if wrong := problem(given):
            return wrong
        thread = given.get("thread_ts")
        if thread and self._find(channel, str(thread)) is None:
            return _error("thread_not_found")
        message = self._keep(channel, given, via="api")
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}

    async def _update(self, given: Json) -> Json:
        # Unlike a post, an edit takes a channel's id only.
        channel = str(given.get("channel", ""))
        if channel not in self.channels.values():
            return _error("channel_not_found")
        message = self._find(channel, str(given.get("ts", "")))
        if message is None:
            return _error("message_not_found")
        if wrong := problem(given):
            return wrong
        message["edits"].append({"text": message["text"], "blocks": message["blocks"]})
        message["edited"] = {"user": "U0PGDRIFT", "ts": self._ts()}
        message["text"] = str(given.get("text") or "")[:_MOST_TEXT]
        message["blocks"] = given.get("blocks") or []
        message["metadata"] = given.get("metadata", message["metadata"])
        return {"ok": True, "channel": channel, "ts": message["ts"], "text": message["text"]}

    async def _history(self, given: Json) -> Json:
        if given.get("channel") not in self.channels.values():
            return _error("channel_not_found")
        oldest = float(given.get("oldest") or 0)
        found = [
            m
            for m in self.messages
            if m["channel"] == given["channel"] and "thread_ts" not in m and float(m["ts"]) > oldest
        ]
        return _page("messages", [_seen(m, given) for m in reversed(found)], given)

    async def _thread(self, given: Json) -> Json:
        root = self._find(str(given.get("channel")), str(given.get("ts")))
        if root is None:
            return _error("thread_not_found")
        found = [root, *self.replies(root["ts"])]
        return _page("messages", [_seen(m, given) for m in found], given)

    async def _conversations(self, given: Json) -> Json:
        private = given.get("types") == "private_channel"
        scope = "groups:read" if private else "channels:read"
        if scope not in self.scopes:
            return {**_error("missing_scope"), "needed": scope}
        names = {} if private else self.channels
        found = [{"id": i, "name": n, "is_member": True} for n, i in names.items()]
        return _page("channels", found, given)

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
        self._keep(self._channel(first) or first, given, via="webhook")
        if fault is not None and request.transport is not None:
            request.transport.abort()
        return web.Response(text="ok")

    def _keep(self, channel: str, given: Json, *, via: str) -> Json:
        message: Json = {
            "type": "message",
            "channel": channel,
            "channel_name": next(n for n, i in self.channels.items() if i == channel),
            "ts": self._ts(),
            "text": str(given.get("text") or "")[:_MOST_TEXT],
            "blocks": given.get("blocks") or [],
            "metadata": given.get("metadata"),
            "edits": [],
            "via": via,
        }
        if given.get("thread_ts"):
            message["thread_ts"] = str(given["thread_ts"])
        self.messages.append(message)
        return message

    def _channel(self, given: str) -> str | None:
        if given in self.channels.values():
            return given
        name = given.removeprefix("#")
        if self._any_channel and name not in self.channels:
            self.channels[name] = f"C{len(self.channels):08d}"
        return self.channels.get(name)

    def _find(self, channel: str, ts: str) -> Json | None:
        found = (m for m in self.messages if m["channel"] == channel and m["ts"] == ts)
        return next(found, None)

    def _ts(self) -> str:
        # Seconds and microseconds, and never the same twice: a message's name in its channel.
        self._clock = max(self._clock + 1, time.time_ns() // 1000)
        return f"{self._clock // 1_000_000}.{self._clock % 1_000_000:06d}"

    def _next_fault(self, method: str) -> _Fault | None:
        for fault in self._faults:
            if fault.method in {None, method}:
                self._faults.remove(fault)
                return fault
        return None


async def _arguments(request: web.Request) -> Json:
    if request.content_type == "application/json":
        given: Json = await request.json()
        return given
    return {**request.query, **(await request.post())}


def _failure(fault: _Fault) -> web.Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else None
    if fault.status >= 500:
        return web.Response(status=fault.status, text="<html>", content_type="text/html")
    return web.json_response(_error(fault.error), status=fault.status, headers=headers)


def _error(code: str) -> Json:
    return {"ok": False, "error": code}


def _seen(message: Json, given: Json) -> Json:
    metadata = str(given.get("include_all_metadata", "0")).lower() in {"1", "true"}
    return {k: v for k, v in message.items() if k != "metadata" or (metadata and v is not None)}


def _page(key: str, entries: list[Json], given: Json) -> Json:
    start, size = int(given.get("cursor") or 0), int(given.get("limit") or 100)
    after = start + size
    more = str(after) if after < len(entries) else ""
    return {"ok": True, key: entries[start:after], "response_metadata": {"next_cursor": more}}
