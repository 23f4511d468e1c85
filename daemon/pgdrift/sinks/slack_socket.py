"""Socket Mode: a connection to Slack that is kept, and what people do there handed on.

Nothing has to reach the daemon from outside. A connection that is about to be closed is followed by
another one before it ends. Nothing that goes wrong here ends more than one answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import WSMsgType

from pgdrift.errors import SinkError
from pgdrift.log import get_logger
from pgdrift.retry import backoff_seconds
from pgdrift.sinks.secret import read_secret
from pgdrift.sinks.slack_answers import Desk, at_once, follow
from pgdrift.sinks.slack_asked import read
from pgdrift.sinks.slack_client import TIMEOUT, SlackChannel, bare_client
from pgdrift.sinks.slack_errors import translated

_BASE, _MOST = 1.0, 300.0  # seconds between two tries to connect
_LIVED = 60.0  # seconds: a connection that lived so long is not one that cannot be had
_ALIVE = 20.0  # seconds: a connection is asked whether it lives
_LEAVING = 15.0  # seconds that a connection which will be closed may still be used

log = get_logger("sinks.slack")


def desks(channels: Mapping[str, object], desk: Desk) -> tuple[Desk, ...]:
    """Return a desk for each app that the channels belong to: one app has one connection.

    Slack hands what people do to any connection of an app.
    """
    apps: dict[object, dict[str, SlackChannel]] = {}
    for name, channel in channels.items():
        if isinstance(channel, SlackChannel) and channel.interactive:
            secret = channel.app_token.get_secret_value() if channel.app_token else None
            app = (secret, channel.app_token_file, channel.base_url)
            apps.setdefault(app, {})[name] = channel
    return tuple(replace(desk, channels=found) for found in apps.values())


async def listen(desk: Desk) -> None:
    """Answer what people do in Slack, until cancelled."""
    failures = 0
    async with asyncio.TaskGroup() as tasks:
        while True:
            link = _Link()
            tasks.create_task(_hold(desk, link, tasks), name="slack link")
            await link.left.wait()
            failures = 0 if link.good else failures + 1
            if failures:
                wait = backoff_seconds(failures, base=_BASE, most=_MOST)
                await asyncio.sleep(max(wait, link.not_before))


@dataclass(slots=True)
class _Link:
    """One connection: whether another one is wanted, and whether this one was worth having.

    `not_before` is for how many seconds Slack asked to be left in peace.
    """

    left: asyncio.Event = field(default_factory=asyncio.Event)
    good: bool = False
    since: float | None = None
    not_before: float = 0.0

    def leave(self, *, asked: bool) -> None:
        """Want another one. One that breaks at once again and again is none worth having."""
        lived = 0.0 if self.since is None else asyncio.get_running_loop().time() - self.since
        self.good = self.good or asked or lived > _LIVED
        self.left.set()


async def _hold(desk: Desk, link: _Link, tasks: asyncio.TaskGroup) -> None:
    """Hold one connection until it ends."""
    try:
        async with _connect(desk.channels.values()) as socket:
            await _hear(desk, link, socket, tasks)
    except SinkError as error:
        link.not_before = error.retry_after or 0.0
        log.warning("slack.no_link", reason=error.reason, error=str(error))
    except Exception:
        # A message from outside must not end the watching.
        log.exception("slack.bug")
    finally:
        link.leave(asked=False)


async def _hear(
    desk: Desk, link: _Link, socket: aiohttp.ClientWebSocketResponse, tasks: asyncio.TaskGroup
) -> None:
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            async for message in socket:
                envelope = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
                match envelope.get("type"):
                    case "hello":
                        link.since = loop.time()
                        log.info("slack.linked", channels=sorted(desk.channels))
                    case "disconnect":
                        reason = envelope.get("reason")
                        log.info("slack.link_ends", reason=reason)
                        link.leave(asked=reason != "link_disabled")
                        limit.reschedule(loop.time() + _LEAVING)
                    case _ if "envelope_id" in envelope:
                        tasks.create_task(_answer(desk, socket, envelope), name="slack answer")


async def _answer(
    desk: Desk, socket: aiohttp.ClientWebSocketResponse, envelope: Mapping[str, Any]
) -> None:
    """Answer one envelope at once, and do what it asks for."""
    try:
        payload = envelope.get("payload") or {}
        asked = read(str(envelope.get("type")), payload)
        answer = at_once(desk, asked) if asked else {}
        more = {"payload": answer} if answer else {}
        await socket.send_json({"envelope_id": envelope["envelope_id"], **more})
        if asked:
            await follow(desk, asked)
    except SinkError as error:
        log.warning("slack.not_answered", reason=error.reason, error=str(error))
    except ConnectionError:
        log.warning("slack.not_answered", reason="unreachable", error="the connection ended")
    except Exception:
        # As above: one answer ends, and nothing else.
        log.exception("slack.bug")


@asynccontextmanager
async def _connect(
    channels: Iterable[SlackChannel],
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    channel = next(iter(channels))
    token = await read_secret("app_token", channel.app_token, channel.app_token_file)
    rotates = channel.app_token_file is not None
    async with translated(channel.base_url, "Socket Mode", rotates=rotates):
        async with bare_client(channel.base_url, None) as client:
            answer = await client.apps_connections_open(app_token=token)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.ws_connect(str(answer["url"]), heartbeat=_ALIVE) as socket,
        ):
            yield socket
