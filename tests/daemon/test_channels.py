"""Telling people, on a real store and a real Slack, while the store does not answer or time jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgdrift.core.alerts.marks import Mark
from pgdrift.core.book import Step
from pgdrift.errors import StoreError
from pgdrift.metrics import Metrics
from pgdrift.parts.channels import Answering, Channels
from pgdrift.settings import Settings
from pgdrift.sinks import post
from pgdrift.store import Store, open_store
from tests.daemon.house import House, all_text, until
from tests.sinks import samples
from tests.sinks.samples import NOW


async def nothing(_: object) -> Mark:
    raise AssertionError


@asynccontextmanager
async def telling(house: House, may_send: Callable[[], bool]) -> AsyncIterator[Store]:
    """Tell what is decided while inside, in a house that watches nothing."""
    settings = Settings.model_validate(house.data)
    metrics = Metrics(dict, dict, lambda: NOW, tuple, dict, tuple, tuple)
    answering = Answering(tuple, dict, nothing, str, may_send)
    ending = asyncio.Event()
    async with open_store(settings.store.read_url()) as store:
        channels = Channels(settings, store, metrics, answering)
        task = asyncio.create_task(channels.run(ending))
        yield store
        ending.set()
        await task


async def decide(store: Store) -> None:
    notice = replace(samples.night(), at=datetime.now(UTC))
    told = ((notice, ("oncall",)),)
    await store.save(Step("production", notice.at, incidents=(notice.incident,), notices=told))


def reading(
    store: Store, monkeypatch: pytest.MonkeyPatch, first: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen when it is first read what people said of an incident."""
    marks, calls = store.marks, 0

    async def read(environment: str | None = None, **more: object) -> tuple[Mark, ...]:
        nonlocal calls
        if environment is not None and not (calls := calls + 1) > 1:
            await first()
        return await marks(environment, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "marks", read)


async def test_what_the_store_did_not_tell_in_time_is_told_once_and_not_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_POLL", 0.1)
    house.slack.scopes.discard("channels:history")  # what may have arrived would be told as that

    async def hiccup() -> None:
        raise StoreError("too many clients", reason="unreachable")

    async with telling(house, lambda: True) as store:
        reading(store, monkeypatch, hiccup)
        await decide(store)
        await house.all_told(1)
    (delivery,) = house.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("done", 2)
    (message,) = house.slack.messages
    assert "repeated" not in all_text(message)


async def test_who_slept_while_the_store_was_read_sends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_POLL", 0.1)
    awake = True

    async def sleep() -> None:
        nonlocal awake
        awake = False

    async with telling(house, lambda: awake) as store:
        reading(store, monkeypatch, sleep)
        await decide(store)
        await until(lambda: [d for d in house.deliveries() if d["reason"]], house.told)
    (delivery,) = house.deliveries()
    assert (delivery["state"], delivery["reason"]) == ("pending", "unreachable")
    assert not delivery["uncertain"]
    assert house.slack.messages == []
