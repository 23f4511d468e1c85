"""Slack by its Web API: one message per incident that always shows how it stands, and a thread.

A later notice edits the message and replies below it, because an edit notifies nobody. One try,
no more: when to try again is the outbox's.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

import aiohttp
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from pgdrift.core.incident import Delivery
from pgdrift.log import get_logger
from pgdrift.sinks import blocks as layout
from pgdrift.sinks import slack_search
from pgdrift.sinks.hosts import check_url
from pgdrift.sinks.mrkdwn import escape
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret
from pgdrift.sinks.slack_errors import answer_of, translated
from pgdrift.sinks.thread import own

_TIMEOUT = 15.0  # seconds, for one call
_BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_MESSAGE_GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})

log = get_logger("sinks.slack")

# The SDK writes requests to its logger at debug level; a level above keeps them out of any log.
_quiet = logging.getLogger("pgdrift.sinks.slack.sdk")
_quiet.setLevel(logging.ERROR)

_Call = Callable[..., Awaitable[AsyncSlackResponse]]


def _base_url(url: str) -> str:
    return check_url(url if url.endswith("/") else f"{url}/")


class SlackChannel(BaseModel):
    """Where and with which bot token to write. `channel` is a name (`#db-oncall`) or an id."""

    model_config = SETTINGS

    type: Literal["slack"]
    token: SecretStr | None = Field(None, description="bot token, xoxb-…")
    token_file: Path | None = Field(None, description="file with the token, read at each message")
    channel: str = Field(min_length=1, description="a name, #db-oncall, or the channel's id")
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://slack.com/api/", description="another address only for a proxy or a test"
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        check_one_source("token", self.token, self.token_file)
        return self


async def send(channel: SlackChannel, delivery: Delivery, *, link: str | None) -> Mapping[str, str]:
    """Tell one notice; return `channel` and `ts` of the incident's message, for the next one.

    When an earlier try may have arrived, Slack is searched for it first, so that nothing is told
    twice; where the app has no right to search, the message says that it is a repetition.
    Raises SinkError.
    """
    delivery = own(delivery, "channel", "ts")
    token = await read_secret("token", channel.token, channel.token_file)
    rotates = channel.token_file is not None
    async with (
        translated(channel.base_url, channel.channel, rotates=rotates),
        _client(channel, token) as client,
    ):
        thread = delivery.thread
        if thread is not None and await _continue(client, delivery, thread, link):
            return dict(thread)
        # The first notice; or somebody deleted the message, and the incident gets a new one.
        return await _begin(client, channel.channel, delivery, link)


async def _begin(
    client: AsyncWebClient, place: str, delivery: Delivery, link: str | None
) -> Mapping[str, str]:
    search = await slack_search.message(client, place, delivery)
    if search.found is not None:
        return search.found
    answer = await _write(
        client.chat_postMessage,
        layout.headline(delivery, repeated=search.blind),
        layout.standing(delivery, link=link, repeated=search.blind),
        channel=place,
        metadata=_metadata(delivery),
        unfurl_links=False,
        unfurl_media=False,
    )
    return {"channel": str(answer["channel"]), "ts": str(answer["ts"])}


async def _continue(
    client: AsyncWebClient, delivery: Delivery, thread: Mapping[str, str], link: str | None
) -> bool:
    """Edit the incident's message and reply to it; False when the message is no longer there."""
    place, ts = thread["channel"], thread["ts"]
    try:
        await _write(
            client.chat_update,
            layout.headline(delivery),
            layout.standing(delivery, link=link),
            channel=place,
            ts=ts,
        )
        search = await slack_search.reply(client, place, ts, delivery)
        if search.found is None:
            await _write(
                client.chat_postMessage,
                layout.reply_line(delivery, repeated=search.blind),
                layout.reply(delivery, link=link, repeated=search.blind),
                channel=place,
                thread_ts=ts,
                metadata=_metadata(delivery),
                unfurl_links=False,
                unfurl_media=False,
            )
    except SlackApiError as error:
        if answer_of(error).code in _MESSAGE_GONE:
            return False
        raise
    return True


async def _write(
    call: _Call, text: str, blocks: list[layout.Block], **where: object
) -> AsyncSlackResponse:
    where |= {"text": escape(text), "parse": "none", "link_names": False}
    try:
        return await call(blocks=blocks, **where)
    except SlackApiError as error:
        code = answer_of(error).code
        if code not in _BLOCKS_REFUSED:
            raise
        # An alert in one plain line is better than none. Nothing was posted, so this is no retry.
        log.warning("slack.blocks_refused", error=code)
        return await call(**where)


def _metadata(delivery: Delivery) -> dict[str, object]:
    payload = {"delivery": delivery.id, "incident": delivery.notice.incident.id}
    return {"event_type": slack_search.EVENT, "event_payload": payload}


@asynccontextmanager
async def _client(channel: SlackChannel, token: str) -> AsyncIterator[AsyncWebClient]:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        # No handlers: the SDK's own retry after a lost connection would post a second message.
        client = AsyncWebClient(
            token, channel.base_url, session=session, retry_handlers=[], logger=_quiet
        )
        # The SDK's proxy ignores NO_PROXY; the session (trust_env) honours it.
        client.proxy = None
        yield client
