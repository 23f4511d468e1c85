"""Sync points: kept with what they settled, taken back with nothing lost; what was seen when."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from pgdrift.core.book import Step
from pgdrift.core.model import (
    SYNC,
    Against,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    How,
    Outcome,
    Severity,
    SyncPoint,
)
from pgdrift.core.syncpoint import Applied, TakenBack
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import Stale, Store, migrate, open_store
from tests.store.nouns import MINUTE, NOW, snapshot, thing

DAY = timedelta(days=1)
BY = TakenBack(NOW + DAY, "bob", "too soon")
FIRST = SyncPoint("prod", NOW, "first look", "pgdrift", how=How.FIRST_LOOK)
# Tables a and b from the beginning; t by hand; m by a migration.
A, B, T, M = thing("a"), thing("b"), thing("t"), thing("m")
BASE, BY_HAND, BOTH, PLANNED = (
    snapshot(A, B),
    snapshot(A, B, T),
    snapshot(A, B, T, M),
    snapshot(A, B, M),
)
FOUND = Finding(
    Change(T.id, ChangeType.ADDED, {}),
    Direction.CHANGED,
    Severity.WARNING,
    ChangeClass.STRUCTURE,
    None,
    NOW,
)


async def first_look(store: Store) -> None:
    await store.save(Step("prod", NOW, Outcome.IN_SYNC, snapshot=BASE, sync_point=FIRST))


async def declared(store: Store) -> SyncPoint:
    """Declare right what was made by hand."""
    await first_look(store)
    point = SyncPoint("prod", NOW + MINUTE, "release 7", "ada")
    return await store.declare(point, BY_HAND, (FOUND,))


async def test_a_sync_point_is_listed_with_what_it_settled(store: Store) -> None:
    await declared(store)
    second, first = await store.declarations("prod")
    assert (second.point.id, second.point.reason, second.settled) == (2, "release 7", (FOUND,))
    assert (second.root, second.taken_back) == (BY_HAND.root, None)
    assert (first.point, first.settled) == (replace(FIRST, id=1), ())
    assert await store.declarations("dev") == ()


async def test_undone_it_is_as_before_but_for_what_was_explained_since(store: Store) -> None:
    await declared(store)
    # A look in between: a migration made m.
    await store.save(Step("prod", NOW + 2 * MINUTE, snapshot=BOTH, expected=BOTH, based_on=2))

    holds = await store.undo("prod", 2, BY)

    assert holds == replace(FIRST, id=1)
    book = await store.load("prod")
    assert book.sync_point == holds
    assert book.expected is not None
    assert book.expected.objects == PLANNED.objects
    assert book.snapshot == BOTH
    # The finding is back as it was, until the next look.
    assert book.against == (Against(SYNC, Outcome.DRIFTED, (FOUND,)),)
    assert book.outcome is Outcome.DRIFTED
    gone, _ = await store.declarations("prod")
    assert (gone.point.id, gone.taken_back) == (2, BY)
    assert await store.declared(2) == BY_HAND, "nothing is lost"
    (event, *_) = await store.timeline("prod")
    assert (event.verb, event.text) == ("undone", "bob took back sync point 2: too soon")


async def test_nothing_is_undone_before_the_first(store: Store) -> None:
    with pytest.raises(ConfigError, match="there is no sync point"):
        await store.undo("prod", 1, BY)
    await declared(store)
    await store.undo("prod", 2, BY)
    with pytest.raises(ConfigError, match="sync point 1 is the first"):
        await store.undo("prod", 1, BY)


async def test_two_at_once_take_back_one(store: Store, url: str) -> None:
    await declared(store)
    await store.declare(SyncPoint("prod", NOW + 2 * MINUTE, "release 8", "ada"), BOTH)
    async with open_store(url) as other:
        ended = await asyncio.gather(
            store.undo("prod", 3, BY), other.undo("prod", 3, BY), return_exceptions=True
        )
    (refused,) = [e for e in ended if isinstance(e, StoreError)]
    assert refused.reason == "stale"
    assert "is not the latest any more: that is 2" in str(refused)
    assert [d.point.id for d in await store.declarations("prod") if not d.taken_back] == [2, 1]


async def test_a_look_that_began_before_is_stale(store: Store) -> None:
    await declared(store)
    await store.undo("prod", 2, BY)
    with pytest.raises(Stale):
        await store.save(Step("prod", NOW + DAY, snapshot=BOTH, expected=BOTH, based_on=2))


async def test_one_after_another_is_undone_back_to_the_first(store: Store) -> None:
    await declared(store)
    await store.declare(SyncPoint("prod", NOW + 2 * MINUTE, "release 8", "ada"), BOTH)
    assert (await store.undo("prod", 3, BY)).id == 2
    expected = (await store.load("prod")).expected
    assert expected is not None
    assert expected.objects == BY_HAND.objects
    assert (await store.undo("prod", 2, BY)).id == 1
    expected = (await store.load("prod")).expected
    assert expected is not None
    assert expected.objects == BASE.objects


async def test_what_a_migration_declares_is_what_is_expected_and_no_more(store: Store) -> None:
    await first_look(store)
    point = SyncPoint("prod", NOW + MINUTE, "m", "pgdrift", how=How.MIGRATION, migration="m1")
    await store.save(Step("prod", NOW + MINUTE, snapshot=BY_HAND, sync_point=point, based_on=1))
    book = await store.load("prod")
    assert book.expected == BASE, "not what was seen"
    assert book.sync_point == replace(point, id=2)
    assert (await store.undo("prod", 2, BY)).id == 1
    assert (await store.load("prod")).expected == BASE


async def migrated(store: Store) -> Applied:
    """See a migration m1 applied, and something made by hand after it; return its row."""
    await first_look(store)
    at = NOW + MINUTE
    row = Applied("flyway", "m1", at, "the first")
    await store.save(
        Step("prod", at, snapshot=PLANNED, expected=PLANNED, applied=(row,), based_on=1)
    )
    own = Against(SYNC, Outcome.DRIFTED, (FOUND,))
    await store.save(
        Step("prod", at + MINUTE, Outcome.DRIFTED, snapshot=BOTH, against=(own,), based_on=1)
    )
    (kept,) = await store.applied("prod")
    assert kept == replace(row, id=kept.id)
    return kept


async def test_declared_right_is_what_there_was_when_a_migration_was_applied(store: Store) -> None:
    await first_look(store)
    drifted = Against(SYNC, Outcome.DRIFTED, (FOUND,))
    row = Applied("flyway", "m1", NOW + MINUTE)
    # By hand before it, so that nothing explains it; and another migration later.
    seen = snapshot(A, B, T)
    await store.save(
        Step("prod", NOW + MINUTE, snapshot=seen, against=(drifted,), applied=(row,), based_on=1)
    )
    await store.save(Step("prod", NOW + 2 * MINUTE, snapshot=BOTH, expected=PLANNED, based_on=1))
    (kept,) = await store.applied("prod")
    point = SyncPoint("prod", NOW + DAY, "m1 was right", "ada", how=How.AT_MIGRATION)

    made = await store.declare_at(replace(point, migration="m1"), kept)

    assert (made.root, made.settled) == (BY_HAND.root, (FOUND,))
    book = await store.load("prod")
    assert book.expected is not None
    assert book.expected.objects == BOTH.objects, "what was explained since stays expected"
    assert await store.declared(2) == BY_HAND
    await store.undo("prod", 2, BY)
    expected = (await store.load("prod")).expected
    assert expected is not None
    assert expected.objects == PLANNED.objects


async def test_what_was_made_by_hand_after_a_migration_is_not_declared_with_it(
    store: Store,
) -> None:
    row = await migrated(store)
    point = SyncPoint("prod", NOW + DAY, "", "ada", how=How.AT_MIGRATION, migration="m1")
    assert (await store.declare_at(point, row)).settled == ()
    expected = (await store.load("prod")).expected
    assert expected is not None
    assert expected.objects == PLANNED.objects


async def test_what_was_declared_since_says_otherwise_what_is_right(store: Store) -> None:
    row = await migrated(store)
    at = SyncPoint("prod", NOW + DAY, "", "ada", how=How.AT_MIGRATION, migration="m1")
    await store.declare(SyncPoint("prod", NOW + 3 * MINUTE, "", "ada"), BOTH)
    with pytest.raises(ConfigError, match="sync point 2 of prod was declared after"):
        await store.declare_at(at, row)
    await store.undo("prod", 2, BY)
    with pytest.raises(ConfigError, match="sync point 2 of prod was undone after"):
        await store.declare_at(at, row)


# What was seen when


async def test_what_an_environment_was_is_the_last_that_was_seen_by_then(store: Store) -> None:
    row = await migrated(store)
    assert await store.seen_by("prod", NOW - MINUTE) is None
    assert await store.first_seen("prod") == NOW
    assert await store.first_seen("dev") is None
    for at, found in ((NOW, BASE), (row.at, PLANNED), (row.at + MINUTE, BOTH)):
        assert await store.seen_by("prod", at + MINUTE / 2) == (at, found)


async def test_what_was_only_expected_was_not_seen(store: Store) -> None:
    await first_look(store)
    await store.save(Step("prod", NOW + MINUTE, expected=BY_HAND, based_on=1))
    assert await store.seen_by("prod", NOW + DAY) == (NOW, BASE)


async def test_what_there_was_as_the_kept_time_began_stays(store: Store) -> None:
    row = await migrated(store)
    later = row.at + 40 * DAY
    await store.save(Step("prod", later - DAY, snapshot=BASE, expected=BASE, based_on=1))
    while await store.prune(later, timedelta(days=30)):
        pass
    # BOTH was there for most of that time; of what was before, only the sync point knows.
    assert await store.seen_by("prod", later - 29 * DAY) == (row.at + MINUTE, BOTH)
    assert await store.seen_by("prod", row.at) == (NOW, BASE)
    assert await store.applied("prod") == ()
    with pytest.raises(ConfigError, match="is not kept any more"):
        await store.declare_at(SyncPoint("prod", later, "", "ada", migration="m1"), row)


async def test_a_store_of_an_older_release_knows_what_was_declared(path: Path, url: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as c:
        config = Config()
        config.set_main_option("script_location", str(migrate._SCRIPTS))
        config.attributes["connection"] = c
        command.upgrade(config, "0003")
    engine.dispose()
    with sqlite3.connect(path) as old:
        for id_ in (1, 2, 3):
            old.execute(
                "INSERT INTO snapshot VALUES (?, 'prod', ?, ?, '', '', 150000, 1, '[]', '{}', '[]')",
                (id_, id_, id_),
            )
        for id_, actor in ((1, "pgdrift"), (2, "ada")):
            old.execute(
                "INSERT INTO sync_point VALUES (?, 'prod', ?, 'r', ?, ?)", (id_, id_, actor, id_)
            )
    async with open_store(url) as store:
        points = await store.sync_points("prod")
    assert [(p.id, p.how) for p in points] == [(2, How.DECLARED), (1, How.FIRST_LOOK)]
    with sqlite3.connect(path) as new:
        assert new.execute("SELECT id FROM snapshot WHERE seen").fetchall() == [(1,), (2,)]
