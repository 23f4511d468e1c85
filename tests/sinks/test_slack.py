import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pgdrift.core.alerts.incident import Reason
from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SinkError
from pgdrift.sinks import SlackChannel, deliver
from tests.sinks import samples
from tests.sinks.samples import LINK, on_its_way


def everything(message: dict[str, Any]) -> str:
    return json.dumps([message["text"], message["blocks"]], ensure_ascii=False)


def text_objects(message: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for block in message["blocks"]:
        found += [block["text"]] if "text" in block else block["elements"]
    return found


def unmarked(text: str) -> str:
    """What is left of the text without the markup that pgdrift itself writes."""
    own = r"<!date\^\d+\^[^|<>]+\|[^|<>]+>|<https://pgdrift\.example\.org/[^|<>]*\|[a-z ]+>"
    return re.sub(own, "", text)


async def test_the_first_notice_is_one_message_that_names_the_worst(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    ref = await deliver(oncall, on_its_way(samples.night()), link=LINK)

    [message] = slack.messages
    assert ref == {"channel": "C0DBONCALL", "ts": message["ts"]}
    assert "production" in message["text"]
    assert "3 findings" in message["text"]
    assert "policy public.invoice.tenant_isolation" in message["text"]
    assert message["blocks"][0]["type"] == "header"
    assert "by maría" in everything(message)
    assert "- type: character varying(40)" in everything(message)
    depends = "5 objects depend on it: index public.order_note_idx, view reporting.open_orders"
    assert f"{depends} and 3 more" in everything(message)
    assert "+ type: text" in everything(message)
    assert f"{LINK}/environments/production" in everything(message)
    assert message["metadata"]["event_payload"] == {
        "delivery": "4be1f9a0c2d3-1-oncall",
        "incident": "4be1f9a0c2d3",
    }


async def test_the_worst_finding_comes_first(slack: SlackDouble, oncall: SlackChannel) -> None:
    notice = samples.opened(samples.index_added(), samples.policy_dropped())
    await deliver(oncall, on_its_way(notice), link=None)
    text = everything(slack.messages[0])
    assert text.index("🔴 *policy*") < text.index("🔵 *index*")


async def test_a_later_notice_edits_the_message_and_replies_below_it(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    again = await deliver(oncall, on_its_way(samples.changed(first), dict(ref)), link=LINK)

    root, reply = slack.messages
    assert again == ref
    assert len(root["edits"]) == 1
    assert "tmp_idx" in everything(root)
    assert "~`function public.total(integer)`~" in everything(root)
    assert reply["thread_ts"] == root["ts"]
    assert "changed" in reply["text"]
    assert "tmp_idx" in everything(reply)
    assert "tenant_isolation" not in json.dumps(reply["blocks"][1:-1])
    assert "gone: ~`function public.total(integer)`~" in everything(reply)


@pytest.mark.parametrize(
    ("reason", "heard"),
    [
        (Reason.WORSE, True),
        (Reason.REOPENED, True),
        (Reason.CHANGED, False),
        (Reason.REPEAT, False),
    ],
)
async def test_what_is_worse_or_back_is_heard_in_the_channel_and_not_in_the_thread_alone(
    slack: SlackDouble, oncall: SlackChannel, reason: Reason, heard: bool
) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=None)
    later = replace(samples.changed(first), reason=reason)
    await deliver(oncall, on_its_way(later, dict(ref)), link=None)
    assert slack.messages[-1]["broadcast"] is heard


async def test_a_change_of_the_same_objects_is_shown_in_the_reply(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    notice = replace(first, reason=Reason.CHANGED, new=())
    await deliver(oncall, on_its_way(notice, dict(ref), id="second"), link=LINK)
    assert "tenant_isolation" in everything(slack.messages[1])


async def test_a_resolved_incident_shows_so_in_its_message(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    await deliver(oncall, on_its_way(samples.resolved(first), dict(ref)), link=LINK)
    root, reply = slack.messages
    assert root["text"].startswith("✅")
    assert "in sync with staging again" in everything(root)
    assert "resolved" in reply["text"]


async def test_an_environment_that_cannot_be_looked_at_says_why(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    await deliver(oncall, on_its_way(samples.cannot_look()), link=LINK)
    text = everything(slack.messages[0])
    assert "production cannot be looked at" in text
    assert "no answer from db.example.org:5432 &lt;for 10 s&gt;" in text


async def test_a_deleted_message_is_posted_anew(slack: SlackDouble, oncall: SlackChannel) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    slack.delete(ref["ts"])
    new = await deliver(oncall, on_its_way(samples.changed(first), dict(ref)), link=LINK)
    [message] = slack.messages
    assert new["ts"] == message["ts"] != ref["ts"]


@pytest.mark.parametrize("name", [samples.PINGS, samples.BIDI, samples.NEWLINES, "```\n<!here>"])
async def test_no_name_pings_links_or_hides(
    slack: SlackDouble, oncall: SlackChannel, name: str
) -> None:
    notice = samples.opened(samples.hostile(name), environment=name, against=name)
    notice = replace(notice, incident=replace(notice.incident, detail=name, id=name))
    ref = await deliver(oncall, on_its_way(notice), link=LINK)
    await deliver(oncall, on_its_way(samples.resolved(notice), dict(ref)), link=LINK)

    for message in slack.messages:
        assert "<" not in unmarked(message["text"])
        for text in text_objects(message):
            assert "<" not in unmarked(text["text"])
            assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", text["text"])
            assert text.get("verbatim") is True or text.get("emoji") is False
            assert text["text"].replace("```", "").count("`") % 2 == 0


async def test_500_findings_of_100_kilobytes_fit_into_one_message(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    lines = "\n".join(f"select {i}; -- <&>" for i in range(6000))
    findings = [samples.hostile(f"t{i}", text=lines) for i in range(450)]
    findings += [samples.hostile("x" * 60 + str(i), text="<" * 100_000) for i in range(50)]
    first = samples.opened(*findings)
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    await deliver(oncall, on_its_way(samples.resolved(first), dict(ref)), link=LINK)

    _, file, _ = slack.messages
    text = json.dumps(slack.messages[0]["edits"][0]["blocks"])
    assert re.search(r"and 49\d more: <https://pgdrift.example.org/environments/production", text)
    calls = [c for c in slack.calls if c.startswith("chat.")]
    assert calls == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert file["thread_ts"] == ref["ts"]
    assert len(file["files"][0]["content"]) <= 1_000_000
    assert file["files"][0]["content"].endswith("the page has all of it\n")


async def test_blocks_that_slack_refuses_become_one_plain_line(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    slack.fail("invalid_blocks")
    await deliver(oncall, on_its_way(samples.night()), link=LINK)
    [message] = slack.messages
    assert message["blocks"] == []
    assert "tenant_isolation" in message["text"]


# What may have arrived before


async def test_a_lost_answer_is_found_in_the_channel_and_not_told_twice(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    delivery = on_its_way(samples.night())
    slack.lose()
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, delivery, link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)

    ref = await deliver(oncall, replace(delivery, attempts=1), link=LINK)
    [message] = slack.messages
    assert ref == {"channel": "C0DBONCALL", "ts": message["ts"]}


async def test_an_interrupted_delivery_is_found_behind_many_messages(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    delivery = on_its_way(samples.night())
    ref = await deliver(oncall, delivery, link=LINK)
    for i in range(250):
        await deliver(oncall, replace(delivery, id=f"other-{i}"), link=None)
    count = len(slack.messages)
    assert await deliver(oncall, replace(delivery, uncertain=True), link=LINK) == ref
    assert len(slack.messages) == count


async def test_an_interrupted_delivery_that_never_arrived_is_told_as_new(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    await deliver(oncall, on_its_way(samples.night(), uncertain=True), link=LINK)
    [message] = slack.messages
    assert "repeated" not in message["text"]


@pytest.mark.parametrize("scope", ["channels:history", "channels:read"])
async def test_without_the_right_to_search_it_says_that_it_is_a_repetition(
    slack: SlackDouble, oncall: SlackChannel, scope: str
) -> None:
    slack.scopes -= {scope, "groups:read"}
    await deliver(oncall, on_its_way(samples.night(), uncertain=True), link=LINK)
    [message] = slack.messages
    assert "repeated: delivery was interrupted" in message["text"]
    assert "repeated: delivery was interrupted" in message["blocks"][0]["text"]["text"]


async def test_an_interrupted_reply_is_found_in_the_thread(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    later = on_its_way(samples.changed(first), dict(ref))
    await deliver(oncall, later, link=LINK)
    await deliver(oncall, replace(later, uncertain=True), link=LINK)
    assert len(slack.replies(ref["ts"])) == 1


async def test_a_reply_that_never_arrived_follows(slack: SlackDouble, oncall: SlackChannel) -> None:
    first = samples.night()
    ref = await deliver(oncall, on_its_way(first), link=LINK)
    later = on_its_way(samples.changed(first), dict(ref))
    slack.fail("internal_error", method="chat.postMessage")
    with pytest.raises(SinkError):
        await deliver(oncall, later, link=LINK)
    await deliver(oncall, replace(later, attempts=1), link=LINK)
    assert len(slack.replies(ref["ts"])) == 1


# What Slack refuses


@pytest.mark.parametrize(
    ("code", "reason", "retry"),
    [
        ("invalid_auth", "authentication", False),
        ("token_revoked", "authentication", False),
        ("account_inactive", "authentication", False),
        ("missing_scope", "authentication", False),
        ("channel_not_found", "invalid", False),
        ("not_in_channel", "invalid", False),
        ("is_archived", "invalid", False),
        ("ratelimited", "rate_limited", True),
        ("internal_error", "refused", True),
        ("never_heard_of", "refused", False),
    ],
)
async def test_slacks_words_become_ours(
    slack: SlackDouble, oncall: SlackChannel, code: str, reason: str, retry: bool
) -> None:
    slack.fail(code)
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == (reason, retry)
    assert "secret" not in str(caught.value)
    if reason == "invalid":
        assert caught.value.hint


async def test_a_rate_limit_says_for_how_long(slack: SlackDouble, oncall: SlackChannel) -> None:
    slack.limit(37)
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    error = caught.value
    assert (error.reason, error.retry, error.retry_after) == ("rate_limited", True, 37)
    assert slack.calls == ["chat.postMessage"]


async def test_a_broken_slack_is_worth_another_try(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    slack.fail("", status=502)
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("refused", True)


async def test_a_wrong_token_is_refused_and_not_repeated(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    wrong = oncall.model_copy(update={"token": SecretStr("xoxb-other")})
    with pytest.raises(SinkError) as caught:
        await deliver(wrong, on_its_way(samples.night()), link=LINK)
    assert caught.value.reason == "authentication"
    assert "xoxb" in caught.value.hint
    assert "other" not in str(caught.value)


async def test_no_slack_at_all_is_unreachable(slack: SlackDouble, oncall: SlackChannel) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = taken.getsockname()[1]
        channel = oncall.model_copy(update={"base_url": f"http://127.0.0.1:{port}/api/"})
        with pytest.raises(SinkError) as caught:
            await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)


async def test_a_rotated_token_is_used_without_a_restart(
    slack: SlackDouble, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    channel = SlackChannel(
        type="slack", token_file=file, channel="C0DBONCALL", base_url=slack.url.rstrip("/")
    )
    with pytest.raises(SinkError, match="FileNotFoundError") as caught:
        await deliver(channel, on_its_way(samples.night()), link=None)
    assert (caught.value.reason, caught.value.retry) == ("authentication", True)

    file.write_text(f"{slack.token}\n")
    await deliver(channel, on_its_way(samples.night()), link=None)
    slack.token = "xoxb-2-new"
    with pytest.raises(SinkError, match="invalid_auth") as caught:
        await deliver(channel, on_its_way(samples.night()), link=None)
    assert (caught.value.reason, caught.value.retry) == ("authentication", True)
    file.write_text("xoxb-2-new\n")
    await deliver(channel, on_its_way(samples.night()), link=None)
    assert len(slack.messages) == 2
