"""Slack by its Web API: one message per incident that always shows how it stands, and a thread.

A later notice edits the message and replies below it, because an edit notifies nobody. One try,
no more: when to try again is the outbox's.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from pgdrift.core.alerts.incident import Delivery, Reason
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.model import Finding
from pgdrift.log import get_logger
from pgdrift.sinks import blocks as layout
from pgdrift.sinks import slack_files, slack_search
from pgdrift.sinks.kit import Block
from pgdrift.sinks.mrkdwn import escape
from pgdrift.sinks.pace import Pace
from pgdrift.sinks.slack_client import SlackChannel as SlackChannel  # noqa: PLC0414  its settings
from pgdrift.sinks.slack_client import client_of
from pgdrift.sinks.slack_errors import answer_of
from pgdrift.sinks.thread import own

# Slack bears one message a second in a channel and 50 edits a minute, and short bursts above; a
# delivery is at most one of each.
PACE = Pace(1.2, burst=10)

_BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
# The message can be edited no more, or its channel not be written to: there may be another one now.
# A reply is heard by those who follow the thread; of these reasons the channel hears, too.
_FOR_ALL = frozenset({Reason.WORSE, Reason.REOPENED})
_MESSAGE_GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
    }
)

log = get_logger("sinks.slack")

_Call = Callable[..., Awaitable[AsyncSlackResponse]]


@dataclass(frozen=True, slots=True)
class _Telling:
    """One delivery, with all that its message shows beside it."""

    delivery: Delivery
    link: str | None
    marks: Sequence[Mark]
    pressed: bool

    def standing(self, *, repeated: bool = False) -> list[Block]:
        return layout.standing(
            self.delivery,
            link=self.link,
            repeated=repeated,
            marks=self.marks,
            pressed=self.pressed,
        )


async def send(
    channel: SlackChannel, delivery: Delivery, *, link: str | None, marks: Sequence[Mark] = ()
) -> Mapping[str, str]:
    """Tell one notice; return `channel` and `ts` of the incident's message, for the next one.

    `marks` are what people said of the incident and holds. When an earlier try may have arrived,
    Slack is searched for it first, so that nothing is told twice; where the app has no right to
    search, the message says that it is a repetition. Raises SinkError.
    """
    delivery = own(delivery, "channel", "ts")
    telling = _Telling(delivery, link, marks, channel.interactive)
    async with client_of(channel) as client:
        thread = delivery.thread
        if thread is not None and await _continue(client, telling, thread):
            return dict(thread)
        # The first notice; or somebody deleted the message, and the incident gets a new one.
        return await _begin(client, channel.channel, telling)


async def edit(
    channel: SlackChannel, delivery: Delivery, *, link: str | None, marks: Sequence[Mark]
) -> None:
    """Show again what was told last of an incident, with what people say of it now.

    Tells nothing: a message that is gone stays gone. Raises SinkError.
    """
    thread = own(delivery, "channel", "ts").thread
    if thread is None:
        return
    async with client_of(channel) as client:
        try:
            await _edit(client, _Telling(delivery, link, marks, channel.interactive), thread)
        except SlackApiError as error:
            if answer_of(error).code not in _MESSAGE_GONE:
                raise


async def _begin(client: AsyncWebClient, place: str, telling: _Telling) -> Mapping[str, str]:
    delivery = telling.delivery
    search = await slack_search.message(client, place, delivery)
    if search.found is not None:
        return search.found
    blocks = telling.standing(repeated=search.blind)
    answer = await _post(
        client, place, layout.headline(delivery, repeated=search.blind), blocks, delivery
    )
    found = {"channel": str(answer["channel"]), "ts": str(answer["ts"])}
    await _attach(client, found, delivery, blocks, delivery.notice.incident.findings)
    return found


async def _post(
    client: AsyncWebClient, place: str, text: str, blocks: list[Block], delivery: Delivery
) -> AsyncSlackResponse:
    """Post a message to the channel, also where that was given another name."""
    more = {"metadata": _metadata(delivery), "unfurl_links": False, "unfurl_media": False}
    try:
        return await _write(client.chat_postMessage, text, blocks, channel=place, **more)
    except SlackApiError as error:
        if answer_of(error).code != "channel_not_found":
            raise
        if (moved := await slack_search.renamed(client, place)) is None:
            raise
    log.warning("slack.channel_renamed", channel=place, now=moved.name, id=moved.id)
    return await _write(client.chat_postMessage, text, blocks, channel=moved.id, **more)


async def _continue(client: AsyncWebClient, telling: _Telling, thread: Mapping[str, str]) -> bool:
    """Edit the incident's message and reply to it; False when the message is no longer there."""
    delivery, place, ts = telling.delivery, thread["channel"], thread["ts"]
    try:
        await _edit(client, telling, thread)
        search = await slack_search.reply(client, place, ts, delivery)
        if search.found is None:
            blocks = layout.reply(delivery, link=telling.link, repeated=search.blind)
            await _write(
                client.chat_postMessage,
                layout.reply_line(delivery, repeated=search.blind),
                blocks,
                channel=place,
                thread_ts=ts,
                reply_broadcast=delivery.notice.reason in _FOR_ALL,
                metadata=_metadata(delivery),
                unfurl_links=False,
                unfurl_media=False,
            )
            await _attach(client, thread, delivery, blocks, layout.news(delivery.notice))
    except SlackApiError as error:
        if answer_of(error).code in _MESSAGE_GONE:
            return False
        raise
    return True


async def _edit(client: AsyncWebClient, telling: _Telling, thread: Mapping[str, str]) -> None:
    if "digest" in thread:  # it is about others as well, and none of them may write it anew
        return
    try:
        await _write(
            client.chat_update,
            layout.headline(telling.delivery),
            telling.standing(),
            channel=thread["channel"],
            ts=thread["ts"],
        )
    except SlackApiError as error:
        # A workspace may forbid edits after a while; what is new still goes into the thread.
        if answer_of(error).code != "edit_window_closed":
            raise
        log.info("slack.edit_window_closed", delivery=telling.delivery.id)


async def _attach(
    client: AsyncWebClient,
    thread: Mapping[str, str],
    delivery: Delivery,
    blocks: list[Block],
    findings: Sequence[Finding],
) -> None:
    if not delivery.parts and layout.is_cut(blocks, findings):
        await slack_files.attach(client, thread, delivery, findings)


async def _write(
    call: _Call, text: str, blocks: list[Block], **where: object
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
