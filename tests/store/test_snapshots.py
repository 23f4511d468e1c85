"""Snapshots on disk: equal contents once, a change at the price of a change, damage seen."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from pgdrift.core.book import Step
from pgdrift.core.model import Agreed, Object, Outcome
from pgdrift.errors import StoreError
from pgdrift.store import Store, open_store
from pgdrift.store.pages import body_of, lines, object_of, paginate
from tests.store import nouns
from tests.store.nouns import NOW, tables


def rows(path: Path, table: str) -> int:
    with sqlite3.connect(path) as c:
        return int(c.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def seen(environment: str, count: int, **comments: str) -> Step:
    content = tables(count, **comments)
    return Step(environment, NOW, Outcome.IN_SYNC, snapshot=content)


async def test_equal_objects_are_kept_once_over_environments_roles_and_times(
    store: Store, path: Path
) -> None:
    for name in ("dev", "staging", "prod"):
        for _ in range(2):
            content = tables(300)
            agreed = Agreed(tables(300))
            await store.save(Step(name, NOW, snapshot=content, expected=tables(300), agreed=agreed))

    assert rows(path, "content") == 300
    assert rows(path, "snapshot") == 18
    assert rows(path, "page") == len(paginate(tables(300)).pages)


async def test_one_changed_object_costs_one_content_and_two_pages(store: Store, path: Path) -> None:
    await store.save(seen("prod", 1000))
    contents, pages = rows(path, "content"), rows(path, "page")

    await store.save(seen("prod", 1000, t7="changed"))

    assert rows(path, "content") == contents + 1
    assert pages < rows(path, "page") <= pages + 2


async def test_one_content_with_other_oids_in_another_database(store: Store, url: str) -> None:
    low = tables(5)
    high = replace(low, objects={i: replace(o, oid=o.oid + 7000) for i, o in low.objects.items()})
    await store.save(Step("dev", NOW, snapshot=low))
    await store.save(Step("prod", NOW, snapshot=high))

    async with open_store(url) as again:
        for name, first in (("dev", 0), ("prod", 7000)):
            read = (await again.load(name)).snapshot
            assert read is not None
            assert sorted(o.oid for o in read.objects.values()) == list(range(first, first + 5))


async def test_environments_share_in_memory_what_they_have_in_common(
    store: Store, url: str
) -> None:
    await store.save(seen("dev", 5))
    await store.save(seen("prod", 5))

    async with open_store(url) as again:
        one, two = (await again.load("dev")).snapshot, (await again.load("prod")).snapshot

        assert one is not None
        assert two is not None
        groups = one.packed.groups
        assert groups
        assert all(two.packed.groups[key] is group for key, group in groups.items())


@pytest.mark.parametrize("count", [0, 1, 128, 129, 2048, 2049])
def test_pages_hold_every_object_once_whatever_the_size(count: int) -> None:
    content = tables(count) if count else replace(tables(1), objects={}, dependencies=())

    manifest = paginate(content)

    found = [(p.bucket, line) for p in manifest.pages for line in lines(p.body)]
    assert sorted(ln.digest for _, ln in found) == sorted(
        o.digest for o in content.objects.values()
    )
    assert all(line.digest.startswith(bucket) for bucket, line in found)


@given(nouns.objects)
def test_the_text_that_is_kept_is_the_text_that_was_hashed(o: Object) -> None:
    back = object_of(o.digest, body_of(o), o.parent)

    assert back == o
    assert back.digest == replace(back).digest


def test_a_text_that_was_touched_is_noticed() -> None:
    o = nouns.thing("t", "ours")

    with pytest.raises(ValueError, match="not what its digest says"):
        object_of(o.digest, body_of(o).replace(b"ours", b"mine"), None)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE content SET body = CAST(replace(body, 'false', 'true ') AS BLOB)",
        "UPDATE page SET body = substr(body, 2)",
        "UPDATE snapshot SET root = '00'",
        "DELETE FROM snapshot_page",
        "DELETE FROM content",
        "UPDATE snapshot SET kinds = '{'",
    ],
)
async def test_a_snapshot_that_is_not_what_was_kept_is_refused(
    store: Store, path: Path, url: str, damage: str
) -> None:
    await store.save(seen("prod", 200))
    with sqlite3.connect(path) as c:
        c.execute(damage)

    async with open_store(url) as again:
        with pytest.raises(StoreError) as caught:
            await again.load("prod")

    assert caught.value.reason == "damaged"
    assert "backup" in caught.value.hint
