"""The double must refuse what Slack refuses, or the tests against it prove nothing."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
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


# What a channel may be


async def test_a_channel_is_renamed_archived_and_left(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    answer = await client.chat_postMessage(channel="#db-oncall", text="before")
    await client.conversations_rename(channel="C0DBONCALL", name="db-night")
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.chat_postMessage(channel="#db-oncall", text="x")
    [channel] = (await client.conversations_list())["channels"]
    assert (channel["name"], channel["previous_names"]) == ("db-night", ["db-oncall"])
    slack.outside.add("C0DBONCALL")
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.chat_postMessage(channel="#db-night", text="x")
    await client.conversations_join(channel="C0DBONCALL")
    await client.conversations_archive(channel="C0DBONCALL")
    for call in (
        client.chat_postMessage(channel="C0DBONCALL", text="x"),
        client.chat_update(channel="C0DBONCALL", ts=answer["ts"], text="x"),
    ):
        with pytest.raises(SlackApiError, match="is_archived"):
            await call
    assert (await client.conversations_info(channel="C0DBONCALL"))["channel"]["is_archived"]
    assert len((await client.conversations_history(channel="C0DBONCALL"))["messages"]) == 1


async def test_a_rotated_token_is_expired(slack: SlackDouble, client: AsyncWebClient) -> None:
    slack.expire("xoxb-new")
    with pytest.raises(SlackApiError, match="token_expired"):
        await client.auth_test()
    await AsyncWebClient("xoxb-new", base_url=slack.url).auth_test()


async def test_a_file_is_announced_sent_and_shared_in_a_thread(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="#db-oncall", text="root"))["ts"]
    await client.files_upload_v2(
        filename="a.diff", content="- a\n+ b", channel="C0DBONCALL", thread_ts=root
    )
    [reply] = slack.replies(root)
    assert [(f["name"], f["content"]) for f in reply["files"]] == [("a.diff", "- a\n+ b")]
    asked = await client.files_getUploadURLExternal(filename="b", length=9)
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": asked["file_id"]}])
    slack.scopes.discard("files:write")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.files_getUploadURLExternal(filename="b", length=9)


# Buttons, modals, Socket Mode


def button(**more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Yes"}
    return {"type": "button", "action_id": "yes", "text": text, "value": "1", **more}


@pytest.mark.filterwarnings("ignore:The top-level `text`")
@pytest.mark.parametrize(
    "elements",
    [
        [],
        [button(), button()],
        [button(value="x" * 2001)],
        [button(style="loud")],
        [button(text={"type": "plain_text", "text": "x" * 76})],
        [button(text={"type": "mrkdwn", "text": "x"})],
        [button(action_id=str(i)) for i in range(26)],
    ],
    ids=repr,
)
async def test_buttons_that_slack_would_not_take_are_refused(
    client: AsyncWebClient, elements: list[dict[str, Any]]
) -> None:
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(
            channel="#db-oncall", blocks=[{"type": "actions", "elements": elements}]
        )


async def test_slacks_own_client_gets_what_a_person_does_and_answers_it(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    heard: list[SocketModeRequest] = []

    async def hear(socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        heard.append(request)
        payload = {"text": "fine"} if request.type == "slash_commands" else None
        await socket.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))

    blocks = [{"type": "actions", "block_id": "b", "elements": [button()]}]
    posted = await client.chat_postMessage(channel="#db-oncall", text="x", blocks=blocks)
    socket = SocketModeClient(slack.app_token, web_client=client)
    socket.socket_mode_request_listeners.append(hear)
    await socket.connect()  # type: ignore[no-untyped-call]
    try:
        assert await slack.command("U0MARIA", "status") == {"text": "fine"}
        assert await slack.click("U0MARIA", posted["ts"], "yes") == {}
        await slack.sockets.refresh()
        assert await slack.command("U0MARIA", "status") == {"text": "fine"}
        assert slack.sockets.opened == 2
    finally:
        await socket.close()  # type: ignore[no-untyped-call]
    assert heard[1].payload["actions"][0]["value"] == "1"
    trigger = heard[1].payload["trigger_id"]
    view = {"type": "modal", "title": {"type": "plain_text", "text": "x" * 24}, "blocks": []}
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.views_open(trigger_id=trigger, view=view | {"title": section("")["text"]})


async def test_a_connection_is_opened_with_the_apps_own_token_only(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.apps_connections_open(app_token=slack.token)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await client.apps_connections_open(app_token="xapp-other")
