"""What became of what was to be told: counted, shown when it died, and taken up again."""

from __future__ import annotations

from datetime import timedelta

from pgdrift.core.alerts.letters import Tray
from pgdrift.store import Store
from tests.store.nouns import MINUTE, NOW, incident, notice
from tests.store.test_outbox import ids_due, revisions, tell

LATER = NOW + MINUTE


async def fail(store: Store, again: bool = False, reason: str = "refused") -> None:
    """Let the first that is due fail: to be tried again later, or to be given up."""
    first, *_ = await store.due(NOW)
    began = await store.begin(first, NOW)
    await store.failed(began, NOW, reason, LATER if again else None)


async def arrive(store: Store) -> None:
    first, *_ = await store.due(NOW)
    await store.done(await store.begin(first, NOW), LATER, {"ts": "1"})


async def tray(store: Store, channel: str = "oncall") -> Tray:
    return next(t for t in await store.trays() if t.channel == channel)


async def test_each_channel_is_counted_by_itself(store: Store) -> None:
    await tell(store, incident("a"), channels=("oncall", "dba"))
    await arrive(store)
    await fail(store, again=True, reason="unreachable")

    assert await store.trays() == (
        Tray("dba", waiting=1, oldest_at=notice(incident("a")).at, why="unreachable"),
        Tray("oncall", delivered_at=LATER),
    )


async def test_what_was_given_up_says_what_it_was_and_why(store: Store) -> None:
    await tell(store, *(incident(f"i{n}") for n in range(12)))
    for _ in range(12):
        await fail(store)

    found = await tray(store)

    assert (found.waiting, found.given_up, len(found.dead)) == (0, 12, 10)
    assert {(d.channel, d.reason, d.at) for d in found.dead} == {("oncall", "refused", NOW)}
    assert all("prod" in d.headline for d in found.dead)


async def test_what_was_given_up_is_told_after_all_in_its_order(store: Store) -> None:
    await tell(store, *revisions(2))
    await fail(store)
    await fail(store)
    assert await ids_due(store) == []

    assert await store.revive(NOW - timedelta(hours=24)) == 2

    assert await ids_due(store) == ["a-1-oncall"]
    await arrive(store)
    assert await ids_due(store) == ["a-2-oncall"]
    assert (await tray(store)).given_up == 0


async def test_old_news_and_what_later_news_overtook_are_not_told_any_more(store: Store) -> None:
    await tell(store, *revisions(2), incident("b"))
    await fail(store)
    await arrive(store)  # the second of the incident's
    await fail(store)  # the other's
    decided = notice(incident("b")).at

    assert await store.revive(decided) == 0  # all is older
    assert await store.revive(decided - MINUTE) == 1

    assert await ids_due(store) == ["b-1-oncall"]
    assert (await tray(store)).given_up == 1
