"""The double must refuse what Slack refuses, or the tests against it prove nothing."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from pgdrift.demo.slack import SlackDouble


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def header(kind: str, text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": kind, "text": text}}


@pytest.fixture
def client(slack: SlackDouble) -> AsyncWebClient:
    return AsyncWebClient(slack.token, base_url=slack.url, retry_handlers=[])


@pytest.mark.filterwarnings("ignore:The top-level `text`")
@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [section("😀" * 1501)]}, "invalid_blocks"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [header("plain_text", "x" * 151)]}, "invalid_blocks"),
        ({"blocks": [header("mrkdwn", "x")]}, "invalid_blocks"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
        ({"blocks": "[{"}, "invalid_blocks_format"),
        ({"blocks": [section("x" * 2900)] * 4}, "msg_blocks_too_long"),
        ({}, "no_text"),
        ({"text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"text": "x", "thread_ts": "1.0"}, "thread_not_found"),
    ],
)
async def test_what_slack_would_not_take_is_refused(
    slack: SlackDouble, client: AsyncWebClient, message: dict[str, Any], code: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#db-oncall", **message)
    assert caught.value.response["error"] == code
    assert slack.messages == []


@pytest.mark.filterwarnings("ignore:The top-level `text`")
async def test_a_message_at_the_limit_is_taken(slack: SlackDouble, client: AsyncWebClient) -> None:
    blocks = [section("x" * 3000), header("plain_text", "x" * 150)]
    await client.chat_postMessage(channel="#db-oncall", blocks=blocks)
    assert len(slack.messages) == 1


async def test_an_edit_takes_no_name_and_keeps_what_was_before(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    answer = await client.chat_postMessage(channel="#db-oncall", text="before")
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.chat_update(channel="#db-oncall", ts=answer["ts"], text="after")
    await client.chat_update(channel=answer["channel"], ts=answer["ts"], text="after")
    [message] = slack.messages
    assert (message["text"], message["edits"][0]["text"]) == ("after", "before")
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=answer["channel"], ts="1.0", text="after")


async def test_history_comes_newest_first_in_pages_and_shows_metadata_when_asked(
    client: AsyncWebClient,
) -> None:
    metadata = {"event_type": "x", "event_payload": {"n": 1}}
    for text in ("one", "two", "three"):
        await client.chat_postMessage(channel="#db-oncall", text=text, metadata=metadata)
    page = await client.conversations_history(channel="C0DBONCALL", limit=2)
    assert [m["text"] for m in page["messages"]] == ["three", "two"]
    assert "metadata" not in page["messages"][0]
    rest = await client.conversations_history(
        channel="C0DBONCALL",
        limit=2,
        cursor=page["response_metadata"]["next_cursor"],
        include_all_metadata=True,
    )
    assert [m["metadata"] for m in rest["messages"]] == [metadata]


async def test_a_token_is_asked_for(slack: SlackDouble) -> None:
    for token, code in (("xoxb-wrong", "invalid_auth"), (None, "not_authed")):
        with pytest.raises(SlackApiError, match=code):
            await AsyncWebClient(token, base_url=slack.url).auth_test()
