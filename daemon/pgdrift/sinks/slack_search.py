"""Was this delivery told already? Slack's history in, the message or "cannot look" out.

A delivery's id travels in the metadata of its message, which every copy of it would carry.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from pgdrift.core.alerts.incident import Delivery
from pgdrift.sinks.slack_errors import answer_of

EVENT = "pgdrift"
"""The event type under which a message carries its delivery's and its incident's id."""

_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_SLACK_CLOCK = timedelta(hours=1)  # how far Slack's clock may be behind ours
_PAGES = 10  # of 200 messages: an outage of the outbox is not longer than that
_NO_RIGHT = frozenset(
    {
        "missing_scope",
        "no_permission",
        "access_denied",
        "not_in_channel",
        "channel_not_found",
        "not_allowed_token_type",
        "method_not_supported_for_channel_type",
        "unknown_method",
    }
)

_Call = Callable[..., Awaitable[AsyncSlackResponse]]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search gave: where the message is; or nothing; or that it could not look (`blind`)."""

    found: Mapping[str, str] | None = None
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A channel as it is called today."""

    id: str
    name: str


async def renamed(client: AsyncWebClient, place: str) -> Place | None:
    """Return the channel that had this name before, of those that the app is a member of."""
    if _ID.fullmatch(place):
        return None
    name = place.removeprefix("#")
    async for channel in _joined(client):
        if name in (channel.get("previous_names") or ()):
            return Place(str(channel["id"]), str(channel["name"]))
    return None


async def message(client: AsyncWebClient, place: str, delivery: Delivery) -> Search:
    """Search a channel (a name or an id) for the incident's message of this delivery."""
    if not _in_doubt(delivery):
        return Search()
    try:
        channel = await _channel_id(client, place)
        if channel is None:
            return _blind(delivery)
        oldest = f"{(delivery.notice.at - _SLACK_CLOCK).timestamp():.6f}"
        return await _search(client.conversations_history, channel, delivery, oldest=oldest)
    except SlackApiError as error:
        return _no_right(error, delivery)


async def reply(client: AsyncWebClient, channel: str, ts: str, delivery: Delivery) -> Search:
    """Search the thread below a message for the reply of this delivery."""
    if not _in_doubt(delivery):
        return Search()
    try:
        return await _search(client.conversations_replies, channel, delivery, ts=ts)
    except SlackApiError as error:
        return _no_right(error, delivery)


def _in_doubt(delivery: Delivery) -> bool:
    # A try that failed may have arrived as well: the answer can be lost on its way back.
    return delivery.uncertain or delivery.attempts > 0


def _blind(delivery: Delivery) -> Search:
    return Search(blind=delivery.uncertain)


def _no_right(error: SlackApiError, delivery: Delivery) -> Search:
    if answer_of(error).code in _NO_RIGHT:
        return _blind(delivery)
    raise error


async def _channel_id(client: AsyncWebClient, place: str) -> str | None:
    """Return the id of a channel that the app is a member of; only members may read."""
    if _ID.fullmatch(place):
        return place
    name = place.removeprefix("#")
    before = None
    async for channel in _joined(client):
        if channel["name"] == name:
            return str(channel["id"])
        if before is None and name in (channel.get("previous_names") or ()):
            before = str(channel["id"])  # unless another one is called so today
    return before


async def _joined(client: AsyncWebClient) -> AsyncIterator[dict[str, Any]]:
    for types in ("public_channel", "private_channel"):
        cursor = ""
        for _ in range(_PAGES):
            page = await _channels(client, types, cursor)
            for channel in page.get("channels", []):
                yield channel
            if not (cursor := _next(page)):
                break


async def _channels(client: AsyncWebClient, types: str, cursor: str) -> dict[str, Any]:
    try:
        answer = await client.users_conversations(types=types, limit=200, cursor=cursor)
    except SlackApiError as error:
        if answer_of(error).code in _NO_RIGHT:  # an app may see public channels and no others
            return {}
        raise
    return _data(answer.data)


async def _search(call: _Call, channel: str, delivery: Delivery, **where: object) -> Search:
    cursor = ""
    for _ in range(_PAGES):
        answer = await call(
            channel=channel, limit=200, cursor=cursor, include_all_metadata=True, **where
        )
        page = _data(answer.data)
        for entry in page.get("messages", []):
            if _carries(entry, delivery):
                return Search({"channel": channel, "ts": str(entry["ts"])})
        if not (cursor := _next(page)):
            return Search()
    return _blind(delivery)


def _carries(entry: Mapping[str, Any], delivery: Delivery) -> bool:
    metadata = entry.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return metadata.get("event_type") == EVENT and payload.get("delivery") == delivery.id


def _next(page: Mapping[str, Any]) -> str:
    return str((page.get("response_metadata") or {}).get("next_cursor") or "")


def _data(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}
