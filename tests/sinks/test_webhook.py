import json
from pathlib import Path
from typing import Any

import pytest

from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SinkError
from pgdrift.sinks import SlackWebhookChannel, deliver
from tests.sinks import samples
from tests.sinks.samples import LINK, on_its_way


def everything(message: dict[str, Any]) -> str:
    return json.dumps([message["text"], message["blocks"]], ensure_ascii=False)


async def test_every_notice_is_a_message_that_names_its_incident(
    slack: SlackDouble, hook: SlackWebhookChannel
) -> None:
    first = samples.night()
    ref = await deliver(hook, on_its_way(first), link=LINK)
    await deliver(hook, on_its_way(samples.changed(first), dict(ref)), link=LINK)
    await deliver(hook, on_its_way(samples.resolved(first), dict(ref)), link=LINK)

    assert [m["via"] for m in slack.messages] == ["webhook"] * 3
    assert all("incident `4be1f9a0c2d3`" in everything(m) for m in slack.messages)
    assert "changed: production" in slack.messages[1]["text"]
    assert slack.messages[2]["text"].startswith("✅ resolved: production is in sync")


async def test_what_may_have_arrived_is_marked_as_a_repetition(
    slack: SlackDouble, hook: SlackWebhookChannel
) -> None:
    await deliver(hook, on_its_way(samples.night(), uncertain=True), link=LINK)
    assert "repeated: delivery was interrupted" in slack.messages[0]["text"]


@pytest.mark.parametrize(
    ("said", "status", "reason", "retry"),
    [
        ("invalid_payload", 400, "refused", False),
        ("action_prohibited", 403, "authentication", False),
        ("no_service", 404, "invalid", False),
        ("channel_is_archived", 410, "invalid", False),
        ("rollup_error", 500, "refused", True),
    ],
)
async def test_slacks_words_become_ours(
    slack: SlackDouble, hook: SlackWebhookChannel, said: str, status: int, reason: str, retry: bool
) -> None:
    slack.fail(said, status=status)
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == (reason, retry)
    assert "/services/" not in str(caught.value)


async def test_a_rate_limit_says_for_how_long(
    slack: SlackDouble, hook: SlackWebhookChannel
) -> None:
    slack.limit(5)
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry_after) == ("rate_limited", 5)


async def test_a_lost_answer_is_worth_another_try(
    slack: SlackDouble, hook: SlackWebhookChannel
) -> None:
    slack.lose()
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)


async def test_a_file_without_an_address_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("hooks.slack.com/services/T0/B0/verysecret")
    channel = SlackWebhookChannel(type="slack_webhook", url_file=file)
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=None)
    assert caught.value.reason == "invalid"
    assert "verysecret" not in str(caught.value)


async def test_500_findings_fit_into_one_message(
    slack: SlackDouble, hook: SlackWebhookChannel
) -> None:
    findings = [samples.hostile(f"{'&' * 60}{i}", text="<\n" * 50_000) for i in range(500)]
    await deliver(hook, on_its_way(samples.opened(*findings)), link=LINK)
    assert "more" in everything(slack.messages[0])


async def test_a_file_with_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    channel = SlackWebhookChannel(type="slack_webhook", url_file=file)
    for url in ("https://hooks..slack.com/s3cret", "https://[s3cret", "https://x:s3cret/"):
        file.write_text(url)
        with pytest.raises(SinkError) as caught:
            await deliver(channel, on_its_way(samples.night()), link=LINK)
        assert (caught.value.reason, caught.value.retry) == ("invalid", True)
        assert "s3cret" not in str(caught.value)


async def test_a_name_that_the_resolver_cannot_ask_for_is_unreachable(
    hook: SlackWebhookChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy..example.org:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.in_doubt) == ("unreachable", False)
