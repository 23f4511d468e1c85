"""The outbox on a real store and a real Slack: whatever breaks, people hear of it once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from pgdrift.core.alerts.incident import Delivery, Notice
from pgdrift.core.book import Step
from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SinkError
from pgdrift.sinks import Channel, EmailChannel, SlackChannel, SlackWebhookChannel, deliver
from pgdrift.sinks.outbox import Outbox, deliver_due
from pgdrift.store import Store, open_store
from tests.sinks import samples
from tests.sinks.mailserver import MailServer
from tests.sinks.samples import NOW

Send = Callable[[Delivery], Awaitable[Mapping[str, str]]]


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/pgdrift.db"


async def keep(url: str, notice: Notice) -> None:
    async with open_store(url) as store:
        step = Step(
            "production", notice.at, incidents=(notice.incident,), notices=((notice, ("oncall",)),)
        )
        await store.save(step)


async def start(url: str, send: Send, *, after: timedelta = timedelta()) -> list[str]:
    """Start as the daemon does, tell what is due, and return what became of it."""
    async with open_store(url) as store:
        await store.recover()
        told = deliver_due(outbox(store), send, now=lambda: NOW + after, jitter=lambda: 0.0)
        return [t.outcome async for t in told]


def to(channel: Channel) -> Send:
    async def send(delivery: Delivery) -> Mapping[str, str]:
        return await deliver(channel, delivery, link=None)

    return send


def outbox(store: Store) -> Outbox:
    return Outbox(store.due, store.begin, store.done, store.failed, store.postpone)


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("may_search", [False, True])
async def test_a_crash_while_sending_loses_nothing_and_repeats_nothing_as_new(
    url: str, slack: SlackDouble, oncall: SlackChannel, arrives: bool, may_search: bool
) -> None:
    if not may_search:
        slack.scopes.discard("channels:history")

    async def crash(delivery: Delivery) -> Mapping[str, str]:
        if arrives:
            await deliver(oncall, delivery, link=None)
        raise Crash

    async def send(delivery: Delivery) -> Mapping[str, str]:
        return await deliver(oncall, delivery, link=None)

    await keep(url, samples.night())
    with pytest.raises(BaseException) as caught:  # noqa: PT011  a group around the crash, or itself
        await start(url, crash)
    assert "Crash" in repr(caught.value)
    assert await start(url, send) == ["delivered"]
    assert await start(url, send) == []

    new = [m for m in slack.messages if "repeated" not in m["text"]]
    again = [m for m in slack.messages if "repeated" in m["text"]]
    assert len(new) == (1 if arrives or may_search else 0)
    assert len(again) == (0 if may_search else 1)


async def test_a_conversation_outlives_restarts_and_a_rate_limit(
    url: str, slack: SlackDouble, oncall: SlackChannel
) -> None:
    async def send(delivery: Delivery) -> Mapping[str, str]:
        return await deliver(oncall, delivery, link=None)

    first = samples.night()
    await keep(url, first)
    await keep(url, samples.changed(first))
    await keep(url, samples.resolved(first))
    slack.limit(60)
    assert await start(url, send) == ["rate_limited"]
    assert await start(url, send, after=timedelta(seconds=59)) == []
    for _ in range(3):
        assert await start(url, send, after=timedelta(seconds=60)) == ["delivered"]
    root, *replies = slack.messages
    assert len(root["edits"]) == 2
    assert root["text"].startswith("✅")
    assert [r["thread_ts"] for r in replies] == [root["ts"]] * 2


async def test_a_message_that_somebody_deleted_is_replaced_by_one_and_no_more(
    url: str, slack: SlackDouble, oncall: SlackChannel
) -> None:
    async def send(delivery: Delivery) -> Mapping[str, str]:
        return await deliver(oncall, delivery, link=None)

    first = samples.night()
    await keep(url, first)
    assert await start(url, send) == ["delivered"]
    slack.delete(slack.messages[0]["ts"])
    await keep(url, samples.changed(first))
    assert await start(url, send) == ["delivered"]
    await keep(url, samples.resolved(first))
    assert await start(url, send) == ["delivered"]
    root, reply = slack.messages
    assert reply["thread_ts"] == root["ts"]


@pytest.mark.parametrize(("before", "now"), [*permutations(["slack", "slack_webhook", "email"], 2)])
async def test_a_channel_of_another_type_under_the_same_name_begins_anew(
    url: str,
    slack: SlackDouble,
    server: MailServer,
    oncall: SlackChannel,
    hook: SlackWebhookChannel,
    dba: EmailChannel,
    before: str,
    now: str,
) -> None:
    """The incident is still open, and what the old channel returned means nothing to the new."""
    channels: dict[str, Channel] = {c.type: c for c in (oncall, hook, dba)}
    first = samples.night()
    notices = (first, samples.changed(first), samples.resolved(first))
    for notice, type_ in zip(notices, (before, now, now), strict=True):
        await keep(url, notice)
        assert await start(url, to(channels[type_])) == ["delivered"]

    if now == "slack":
        root, reply = slack.messages[-2:]
        assert "thread_ts" not in root
        assert reply["thread_ts"] == root["ts"]
        assert root["text"].startswith("✅")
    elif now == "slack_webhook":
        first_here, second_here = slack.messages[-2:]
        assert "changed:" not in first_here["text"]
        assert "resolved:" in second_here["text"]
    else:
        second, third = server.mails[-2:]
        assert second["In-Reply-To"] is None
        assert third["In-Reply-To"] == second["Message-ID"]


async def test_a_delivery_that_no_code_can_tell_ends_and_the_others_are_told(
    url: str, slack: SlackDouble, oncall: SlackChannel
) -> None:
    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.notice.incident.environment == "production":
            raise KeyError("channel")
        return await deliver(oncall, delivery, link=None)

    await keep(url, samples.night())
    other = samples.opened(samples.index_added(), environment="staging", against="sync")
    await keep(url, replace(other, incident=replace(other.incident, id="other")))

    assert await start(url, send) == ["bug", "delivered"]
    assert await start(url, send, after=timedelta(hours=1)) == []
    assert len(slack.messages) == 1


async def test_while_one_channel_is_down_for_many_incidents_another_tells_them_all(
    url: str, slack: SlackDouble, oncall: SlackChannel
) -> None:
    tries: list[str] = []

    async def send(delivery: Delivery) -> Mapping[str, str]:
        tries.append(delivery.channel)
        if delivery.channel == "dead":
            raise SinkError("no", reason="unreachable", retry=True)
        return await deliver(oncall, delivery, link=None)

    notices = [samples.opened(samples.index_added(), environment=f"e{n}") for n in range(150)]
    notices = [replace(n, incident=replace(n.incident, id=f"i{i}")) for i, n in enumerate(notices)]
    async with open_store(url) as store:
        told = tuple((n, ("dead", "oncall")) for n in notices)
        await store.save(
            Step("production", NOW, incidents=tuple(n.incident for n in notices), notices=told)
        )

    for seconds in (0, 5, 10):
        await start(url, send, after=timedelta(seconds=seconds))

    assert len(slack.messages) == 150
    assert tries.count("dead") == 1, "nobody asks a dead channel again before its time"
    await start(url, send, after=timedelta(seconds=15))
    assert tries.count("dead") == 2


async def test_one_notice_that_its_channel_never_takes_holds_up_no_other(
    url: str, slack: SlackDouble, oncall: SlackChannel
) -> None:
    """As a mail at which a filter hangs up each time: it looks as if the server were down."""

    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.notice.incident.environment == "production":
            raise SinkError("hung up", reason="unreachable", retry=True)
        return await deliver(oncall, delivery, link=None)

    await keep(url, samples.night())
    other = samples.opened(samples.index_added(), environment="staging", against="sync")
    await keep(url, replace(other, incident=replace(other.incident, id="other")))

    assert await start(url, send) == ["unreachable"]
    again = await start(url, send, after=timedelta(seconds=15))
    assert again == ["delivered", "unreachable"]
