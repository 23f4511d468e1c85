"""Pruning: what is old and named by nothing goes, all else stays, a share at a time."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pgdrift.core.alerts.incident import State
from pgdrift.core.book import Step
from pgdrift.core.model import Agreed, Event, SyncPoint
from pgdrift.store import Store, open_store, prune
from tests.store.nouns import NOW, incident, notice, tables

KEEP = timedelta(days=30)
OLD = NOW - timedelta(days=31)


async def prune_all(store: Store, now: datetime = NOW) -> int:
    total = 0
    while gone := await store.prune(now, KEEP):
        total += gone
    return total


def counts(path: Path) -> dict[str, int]:
    names = ["content", "page", "snapshot", "snapshot_page", "incident", "notice", "delivery"]
    with sqlite3.connect(path) as c:
        found = {n: c.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in [*names, "event"]}
    return {name: number for name, number in found.items() if number}


async def test_what_an_environment_or_a_sync_point_names_is_kept(
    store: Store, path: Path, url: str
) -> None:
    contents = [tables(300, t1=f"role {n}") for n in range(4)]
    await store.declare(SyncPoint("prod", OLD, "first", "ada"), tables(300, t1="declared"))
    await store.declare(SyncPoint("prod", OLD, "second", "ada"), contents[0])
    await store.save(
        Step("prod", OLD, snapshot=contents[1], agreed=Agreed(contents[2]), based_on=2)
    )
    before = counts(path)
    book = await store.load("prod")

    assert await prune_all(store) == 2  # the two lines of the timeline

    assert counts(path) == {k: v for k, v in before.items() if k != "event"}
    async with open_store(url) as again:
        assert await again.load("prod") == book
        assert await again.declared(1) == tables(300, t1="declared")


async def test_old_snapshots_go_with_what_only_they_held(store: Store, path: Path) -> None:
    for n in range(5):
        await store.save(Step("prod", OLD, snapshot=tables(300, t1=f"n{n}", t2="last")))
    await store.save(Step("dev", NOW, snapshot=tables(300, t3="dev")))

    assert await prune_all(store)

    left = counts(path)
    assert left["snapshot"] == 2
    assert left["content"] == 300 + 3  # t1 and t2 of prod, t3 of dev
    assert left["page"] == left["snapshot_page"] - _shared(path)
    for name in ("prod", "dev"):
        assert (await store.load(name)).snapshot is not None


def _shared(path: Path) -> int:
    with sqlite3.connect(path) as c:
        query = (
            "SELECT count(*) FROM (SELECT 1 FROM snapshot_page GROUP BY page HAVING count(*) > 1)"
        )
        return int(c.execute(query).fetchone()[0])


async def test_contents_stay_while_a_snapshot_of_another_size_has_them(
    store: Store, url: str
) -> None:
    """The same object lies in pages of another width there."""
    await store.save(Step("large", NOW, snapshot=tables(3000)))
    await store.save(Step("small", OLD, snapshot=tables(100)))
    await store.save(Step("small", OLD, snapshot=tables(1)))

    assert await prune_all(store)

    async with open_store(url) as again:
        assert (await again.load("large")).snapshot == tables(3000)
        assert (await again.load("small")).snapshot == tables(1)


async def test_recent_snapshots_stay_though_nothing_names_them(store: Store, path: Path) -> None:
    for n in range(3):
        await store.save(Step("prod", NOW, snapshot=tables(10, t1=f"n{n}")))
    before = counts(path)

    assert await prune_all(store) == 0

    assert counts(path) == before


async def test_open_incidents_and_untold_notices_stay_however_old(store: Store, path: Path) -> None:
    told = incident("told", state=State.RESOLVED, resolved_at=OLD)
    untold = incident("untold", state=State.RESOLVED, resolved_at=OLD)
    recent = incident("recent", state=State.RESOLVED, resolved_at=NOW)
    everything = (told, untold, recent, incident("open"))
    notices = tuple((notice(i), ("oncall",)) for i in everything)
    await store.save(Step("prod", OLD, incidents=everything, notices=notices))
    for delivery in await store.due(NOW):
        if delivery.notice.incident.id != "untold":
            await store.done(await store.begin(delivery, NOW), NOW, {"ts": "1"})

    assert await prune_all(store) == 1

    left = {i.id for i in await store.incidents(open_only=False)}
    assert left == {"untold", "recent", "open"}
    assert counts(path) == {"incident": 3, "notice": 3, "delivery": 3}
    assert [d.notice.incident.id for d in await store.due(NOW)] == ["untold"]


async def test_the_timeline_forgets_what_is_old(store: Store) -> None:
    events = [Event("prod", at, "changed", "x") for at in (OLD, NOW - KEEP, NOW)]
    await store.save(Step("prod", NOW, events=tuple(events)))

    assert await prune_all(store) == 1

    assert [e.at for e in await store.timeline("prod")] == [NOW, NOW - KEEP]


async def test_what_is_kept_for_ever_is_never_old(store: Store) -> None:
    await store.save(Step("prod", OLD, events=(Event("prod", OLD, "changed", "x"),)))

    assert await store.prune(NOW, timedelta(days=1_000_000)) == 0
    assert await store.prune(NOW, timedelta.max) == 0

    assert len(await store.timeline("prod")) == 1


async def test_one_call_does_a_bounded_share(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "_SHARE", 10)
    events = tuple(Event("prod", OLD, "changed", f"{n}") for n in range(25))
    await store.save(Step("prod", OLD, events=events))

    assert [await store.prune(NOW, KEEP) for _ in range(4)] == [10, 10, 5, 0]
