"""The outbox on a real store and a real Slack: whatever breaks, people hear of it once."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from pgdrift.core.book import Step
from pgdrift.core.incident import Delivery, Notice
from pgdrift.demo.slack import SlackDouble
from pgdrift.sinks import SlackChannel, deliver
from pgdrift.sinks.outbox import Outbox, deliver_due
from pgdrift.store import Store, open_store
from tests.sinks import samples
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
        told = await deliver_due(outbox(store), send, now=lambda: NOW + after, jitter=lambda: 0.0)
    return [t.outcome for t in told]


def outbox(store: Store) -> Outbox:
    return Outbox(store.due, store.begin, store.done, store.failed)


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
