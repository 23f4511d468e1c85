"""What goes wrong with a channel, a message, a token: the alert arrives where it can, or says why."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgdrift.core.alerts.incident import Delivery
from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SinkError
from pgdrift.sinks import SlackChannel, deliver, slack_client
from tests.sinks import samples
from tests.sinks.samples import LINK, on_its_way


@pytest.fixture
async def first(oncall: SlackChannel) -> Delivery:
    """Return the second notice of an incident that was told, on its way."""
    night = samples.night()
    ref = await deliver(oncall, on_its_way(night), link=LINK)
    return on_its_way(samples.changed(night), dict(ref))


async def test_a_renamed_channel_is_found_by_its_old_name(
    slack: SlackDouble, oncall: SlackChannel, first: Delivery
) -> None:
    slack.rename("db-oncall", "db-night")
    await deliver(oncall, first, link=LINK)
    other = samples.cannot_look()
    ref = await deliver(oncall, on_its_way(other), link=LINK)
    assert ref["channel"] == "C0DBONCALL"
    assert [m["channel_name"] for m in slack.messages] == ["db-oncall", "db-night", "db-night"]
    # And one whose answer was lost is found there.
    again = on_its_way(other, uncertain=True)
    assert await deliver(oncall, again, link=LINK) == ref


async def test_who_is_called_so_today_is_meant_and_not_who_was_called_so_before(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    slack.rename("db-oncall", "db-attic")
    slack.channels["db-oncall"] = "C0DBNEW00"
    slack.lose(method="chat.postMessage")
    other = on_its_way(samples.cannot_look())
    with pytest.raises(SinkError):
        await deliver(oncall, other, link=LINK)
    ref = await deliver(oncall, replace(other, uncertain=True, attempts=1), link=LINK)
    [message] = slack.messages
    assert (message["channel"], message["ts"]) == (ref["channel"], ref["ts"])


async def test_a_channel_that_nobody_knows_is_named_with_what_to_do(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    lost = oncall.model_copy(update={"channel": "#nowhere"})
    with pytest.raises(SinkError, match="#nowhere: channel_not_found") as caught:
        await deliver(lost, on_its_way(samples.night()), link=LINK)
    assert "survives a renaming" in caught.value.hint


async def test_an_archived_channel_is_no_channel(
    slack: SlackDouble, oncall: SlackChannel, first: Delivery
) -> None:
    slack.archive("db-oncall")
    with pytest.raises(SinkError, match="is_archived") as caught:
        await deliver(oncall, first, link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("invalid", False)


@pytest.mark.parametrize("gone", ["archived", "left", "deleted"])
async def test_an_incident_goes_on_in_the_channel_that_took_its_place(
    slack: SlackDouble, oncall: SlackChannel, first: Delivery, gone: str
) -> None:
    slack.channels["db-new"] = "C0DBNEW00"
    if gone == "archived":
        slack.archive("db-oncall")
    elif gone == "left":
        slack.outside.add("C0DBONCALL")
    else:
        del slack.channels["db-oncall"]
    moved = oncall.model_copy(update={"channel": "#db-new"})
    ref = await deliver(moved, first, link=LINK)
    assert ref["channel"] == "C0DBNEW00"
    [message] = [m for m in slack.messages if m["channel"] == "C0DBNEW00"]
    assert "production" in message["text"]


async def test_where_edits_are_forbidden_the_thread_goes_on(
    slack: SlackDouble, oncall: SlackChannel, first: Delivery
) -> None:
    slack.fail("edit_window_closed", method="chat.update")
    await deliver(oncall, first, link=LINK)
    assert len(slack.replies(slack.messages[0]["ts"])) == 1


async def test_a_slack_that_never_answers_is_unreachable_and_in_doubt(
    slack: SlackDouble, oncall: SlackChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_client, "TIMEOUT", 0.2)
    slack.hang(method="chat.postMessage")
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.in_doubt) == ("unreachable", True)


@pytest.mark.parametrize("from_file", [True, False])
async def test_an_expired_token_is_worth_another_try_where_it_may_be_replaced(
    slack: SlackDouble, oncall: SlackChannel, tmp_path: Path, from_file: bool
) -> None:
    file = tmp_path / "token"
    file.write_text(slack.token)
    if from_file:
        oncall = oncall.model_copy(update={"token": None, "token_file": file})
    slack.expire("xoxb-2-new")
    with pytest.raises(SinkError, match="token_expired") as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("authentication", from_file)
    if from_file:
        file.write_text("xoxb-2-new\n")
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
        assert len(slack.messages) == 1


# Files


def long() -> Delivery:
    lines = "\n".join(f"select {i};" for i in range(40))
    return on_its_way(samples.opened(samples.hostile("t", text=lines)))


async def test_a_long_difference_goes_along_as_a_file(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    ref = await deliver(oncall, long(), link=LINK)
    [reply] = slack.replies(ref["ts"])
    [file] = reply["files"]
    assert file["name"] == "4be1f9a0c2d3-1.diff"
    assert "+ select 39;" in file["content"]
    await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert len(slack.messages) == 3, "what fits needs no file"


@pytest.mark.parametrize("fault", ["scope", "limit", "lost", "hangs", "refused"])
async def test_a_file_that_cannot_be_sent_costs_no_alert(
    slack: SlackDouble, oncall: SlackChannel, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match fault:
        case "scope":
            slack.scopes.discard("files:write")
        case "limit":
            slack.limit(30, method="files.getUploadURLExternal")
        case "lost":
            slack.lose(method="files.completeUploadExternal")
        case "hangs":
            monkeypatch.setattr(slack_client, "TIMEOUT", 1)
            slack.hang(method="upload")
        case _:
            slack.fail("", status=503, method="upload")
    ref = await deliver(oncall, long(), link=LINK)
    assert slack.messages[0]["ts"] == ref["ts"]


# Several at once, and who is called


async def test_a_digest_is_one_message_with_a_line_for_each(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    night, reach = samples.night(), samples.cannot_look()
    over = samples.resolved(
        samples.opened(samples.hostile(samples.PINGS), environment=samples.PINGS)
    )
    digest = on_its_way(night, parts=(reach, over, night), mention=("U0MARIA", "<!here>"))
    ref = await deliver(oncall, digest, link=LINK)
    [message] = slack.messages
    lines = [b["text"]["text"] for b in message["blocks"] if b["type"] == "section"]
    assert message["text"].startswith("🔴 3 incidents in 2 environments, 1 of them resolved")
    assert lines[0] == "<@U0MARIA> &lt;!here&gt;"
    assert [line[0] for line in lines[1:]] == ["🔴", "🟠", "✅"]
    plan = f"<{LINK}/incidents/{night.incident.id}/plan|plan>"
    assert [plan in line for line in lines[1:]] == [True, False, False]
    assert "<!channel>" not in str(message["blocks"])

    # What comes later goes below it, and leaves the others their line.
    later = on_its_way(samples.changed(night), {**ref, "digest": "x"}, id="later")
    await deliver(oncall, later, link=LINK)
    assert message["edits"] == []
    [reply] = slack.replies(ref["ts"])
    assert "production" in reply["text"]


async def test_a_digest_of_500_is_one_that_slack_takes(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    parts = tuple(samples.opened(samples.hostile("x" * 63), environment=f"{i}") for i in range(500))
    await deliver(oncall, on_its_way(parts[0], parts=parts), link=LINK)
    [message] = slack.messages
    assert "500 environments" in message["text"]
    assert " more" in str(message["blocks"][-1])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("U0MARIA", "<@U0MARIA>"),
        ("@S0DBTEAM", "<!subteam^S0DBTEAM>"),
        ("here", "<!here>"),
        ("@dba <!channel>", "@dba &lt;!channel&gt;"),
    ],
)
async def test_whom_a_message_calls(
    slack: SlackDouble, oncall: SlackChannel, given: str, shown: str
) -> None:
    night = samples.night()
    ref = await deliver(oncall, on_its_way(night, mention=(given,)), link=LINK)
    assert slack.messages[0]["blocks"][1]["text"]["text"] == shown
    over = on_its_way(samples.resolved(night), dict(ref), mention=(given,))
    await deliver(oncall, over, link=LINK)
    assert shown not in str([slack.messages[1]["blocks"], slack.messages[0]["blocks"]])


def manifest() -> Any:
    text = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    [found] = [m for m in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "oauth_config" in m]
    return yaml.safe_load(found)


async def test_an_app_made_with_the_manifest_of_the_docs_may_do_all_that_it_does(
    slack: SlackDouble, oncall: SlackChannel
) -> None:
    app = manifest()
    slack.scopes = set(app["oauth_config"]["scopes"]["bot"])
    ref = await deliver(oncall, long(), link=LINK)
    assert len(slack.replies(ref["ts"])) == 1
    assert await deliver(oncall, replace(long(), uncertain=True), link=LINK) == ref
    assert app["settings"]["socket_mode_enabled"]
    assert app["settings"]["interactivity"]["is_enabled"]
    assert "commands" in slack.scopes
