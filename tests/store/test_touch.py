"""Looks that were spared: kept for those that are as they were left, and for no others."""

from __future__ import annotations

from dataclasses import replace

from pgdrift.core.book import Step
from pgdrift.core.found import Database
from pgdrift.core.model import How, Outcome, SyncPoint
from pgdrift.core.still import Still
from pgdrift.core.watched import Upstream
from pgdrift.store import Store
from tests.core.build import NOW, after, snap, table

SNAPSHOT = snap(table())


async def left(store: Store, name: str, upstream: Upstream | None = None) -> Still:
    """Keep a look, and return how it left the environment."""
    point = SyncPoint(name, NOW, "first look", "pgdrift", how=How.FIRST_LOOK)
    step = Step(name, NOW, Outcome.IN_SYNC, seen_at=NOW, snapshot=SNAPSHOT, sync_point=point)
    await store.save(replace(step, expected=SNAPSHOT))
    book = await store.load(name)
    assert book.sync_point
    return Still(name, NOW, book.sync_point.id, upstream)


async def test_many_are_kept_at_once(store: Store) -> None:
    spared = [(await left(store, f"e{n}"), after(seconds=n)) for n in range(5)]
    assert await store.touch(spared) == {f"e{n}" for n in range(5)}
    assert [(await store.load(f"e{n}")).seen_at for n in range(5)] == [a for _, a in spared]


async def test_what_was_looked_at_or_declared_since_is_not(store: Store) -> None:
    looked, declared, alone = [await left(store, name) for name in ("looked", "declared", "alone")]
    point = (await store.load("looked")).sync_point
    assert point
    at = after(minutes=1)
    await store.save(Step("looked", at, Outcome.IN_SYNC, seen_at=at, based_on=point.id))
    await store.declare(SyncPoint("declared", at, "right", "ann"), SNAPSHOT)
    later = after(minutes=2)
    assert await store.touch([(looked, later), (declared, later), (alone, later)]) == {"alone"}
    assert (await store.load("looked")).seen_at == at


async def test_what_follows_an_upstream_that_moved_is_not(store: Store) -> None:
    await left(store, "staging")
    upstream = Upstream("staging", SNAPSHOT, watched=True)
    of = await left(store, "production", upstream)
    assert await store.touch([(of, after(minutes=1))]) == {"production"}
    of = replace(of, looked_at=after(minutes=1))
    point = (await store.load("staging")).sync_point
    assert point
    failed = Step("staging", after(minutes=2), Outcome.UNKNOWN, "gone", 1, based_on=point.id)
    await store.save(failed)
    assert await store.touch([(of, after(minutes=3))]) == frozenset()
    moved = replace(SNAPSHOT, taken_at=after(minutes=4))
    good = replace(failed, at=after(minutes=4), outcome=Outcome.IN_SYNC, failures=0, snapshot=moved)
    await store.save(good)
    assert await store.touch([(of, after(minutes=5))]) == frozenset()


async def test_what_was_found_is_known_again_until_it_is_gone(store: Store) -> None:
    members = {n: Database(n, f"db {n}", {"host": "h"}) for n in ("a", "<b>")}
    await store.keep_found("tenants", members)
    await store.keep_found("others", {"c": Database("c", "c")})
    assert await store.found() == {"tenants": members, "others": {"c": Database("c", "c")}}
    moved = Database("a", "db a", {"host": "elsewhere"})
    await store.keep_found("tenants", {"a": moved})
    assert await store.found() == {
        "tenants": {**members, "a": moved},
        "others": {"c": Database("c", "c")},
    }
    await store.save(Step("<b>", after(minutes=1), Outcome.UNKNOWN, "is gone"), gone=True)
    assert await store.found() == {"tenants": {"a": moved}, "others": {"c": Database("c", "c")}}


async def test_databases_of_one_schema_share_all_but_their_oids(store: Store, url: str) -> None:
    objects = [table(f"t{n}") for n in range(300)]
    one = snap(*(replace(o, oid=n + 1) for n, o in enumerate(objects)))
    two = snap(*(replace(o, oid=9000 - n) for n, o in enumerate(objects)))
    for name, snapshot in (("one", one), ("two", two)):
        point = SyncPoint(name, NOW, "first look", "pgdrift", how=How.FIRST_LOOK)
        step = Step(name, NOW, Outcome.IN_SYNC, seen_at=NOW, snapshot=snapshot, sync_point=point)
        await store.save(replace(step, expected=snapshot))
    pages = await _count(store, "page")
    links = await _count(store, "snapshot_page")
    assert links == 2 * pages
    async with await Store.open(url) as again:
        books = {name: await again.load(name) for name in ("one", "two")}
    for name, snapshot in (("one", one), ("two", two)):
        found = books[name].snapshot
        assert found == snapshot
        assert found is not None
        assert {i: o.oid for i, o in found.objects.items()} == {
            i: o.oid for i, o in snapshot.objects.items()
        }


async def _count(store: Store, table_: str) -> int:
    async with store._reading() as c:
        found = await c.exec_driver_sql(f"SELECT count(*) FROM {table_}")
        return int(found.scalar_one())
