"""Books: loaded whole, saved whole, and never saved over a newer sync point."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, event

from pgdrift.core.alerts.incident import State
from pgdrift.core.book import Book, Step
from pgdrift.core.model import (
    Blame,
    ChangeType,
    Confidence,
    Detail,
    Event,
    History,
    LedgerMark,
    Migration,
    Origin,
    Outcome,
    Reading,
    SyncPoint,
)
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import Stale, Store, open_store
from tests.store.nouns import MINUTE, NOW, incident, look, notice, tables


@contextmanager
def each_statement(call: Any) -> Iterator[None]:
    def listener(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        call(statement)

    event.listen(Engine, "before_cursor_execute", listener)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", listener)


async def test_of_an_environment_never_seen_the_book_is_empty(store: Store) -> None:
    assert await store.load("prod") == Book("prod")


async def test_who_follows_is_given_what_the_book_says_of_that(store: Store) -> None:
    assert await store.seen("prod") == Book("prod")
    await store.save(look(1))
    book, seen = await store.load("prod"), await store.seen("prod")
    assert seen.snapshot is book.snapshot
    for concern in ("histories", "reason", "seen_at", "failures"):
        assert getattr(seen, concern) == getattr(book, concern), concern


async def test_a_book_comes_back_whole_also_after_a_restart(store: Store, url: str) -> None:
    step = replace(look(1), mark=LedgerMark("here", 7, frozenset({1, 2})))
    await store.save(step)

    async with open_store(url) as again:
        for opened in (store, again):
            assert await opened.load("prod") == Book(
                environment="prod",
                snapshot=step.snapshot,
                expected=step.expected,
                agreed=step.agreed,
                agreed_with="staging",
                sync_point=SyncPoint("prod", NOW, "first look", "pgdrift", id=1),
                gate="gate 1",
                mark=step.mark,
                outcome=Outcome.DRIFTED,
                reason="look 1",
                looked_at=step.at,
                seen_at=step.seen_at,
                failures=1,
                incidents=step.incidents,
                against=step.against or (),
                not_compared=step.not_compared or {},
                notes=step.notes or (),
            )


async def test_what_a_step_leaves_out_stays_as_it_was(store: Store) -> None:
    await store.save(look(1))
    before = await store.load("prod")

    await store.save(Step("prod", NOW + MINUTE, Outcome.UNKNOWN, "no route", 2, based_on=1))

    assert await store.load("prod") == replace(
        before,
        outcome=Outcome.UNKNOWN,
        reason="no route",
        failures=2,
        looked_at=NOW + MINUTE,
    )


async def test_a_step_without_outcome_is_no_look(store: Store) -> None:
    await store.save(look(1))

    empty = Step("prod", NOW + 5 * MINUTE, against=(), not_compared={}, notes=(), based_on=1)
    await store.save(empty)

    book = await store.load("prod")
    assert (book.outcome, book.reason, book.failures) == (Outcome.DRIFTED, "look 1", 1)
    assert book.looked_at == NOW + MINUTE
    assert (book.against, book.not_compared, book.notes) == ((), {}, ())


async def test_a_first_look_declares_what_it_saw(store: Store) -> None:
    seen = tables(3)
    point = SyncPoint("prod", NOW, "first look", "pgdrift")

    await store.save(Step("prod", NOW, Outcome.IN_SYNC, snapshot=seen, sync_point=point))

    book = await store.load("prod")
    assert book.expected == seen
    assert book.sync_point == replace(point, id=1)
    assert await store.declared(1) == seen


async def test_an_unchanged_environment_loads_its_snapshots_from_memory(store: Store) -> None:
    step = look(1)
    await store.save(step)
    statements: list[str] = []

    with each_statement(statements.append):
        book = await store.load("prod")

    assert book.snapshot is step.snapshot
    assert book.expected is step.expected
    assert len(statements) <= 6
    assert not [s for s in statements if "FROM content" in s or "FROM page" in s]


async def test_a_book_without_its_large_parts_says_how_things_stand(store: Store) -> None:
    await store.save(look(1))

    book = await store.load("prod", snapshots=False)

    assert (book.snapshot, book.expected, book.agreed) == (None, None, None)
    assert book.outcome is Outcome.DRIFTED
    assert book.incidents


async def test_a_look_of_before_a_declaration_is_stale_and_leaves_nothing(store: Store) -> None:
    await store.save(look(1))
    point = await store.declare(SyncPoint("prod", NOW, "release 7", "ada"), tables(40))
    declared = await store.load("prod")

    with pytest.raises(Stale) as caught:
        await store.save(look(2))

    assert caught.value.reason == "stale"
    assert await store.load("prod") == declared
    assert declared.sync_point == point
    assert declared.expected == tables(40)
    assert await store.waiting() == 2  # those of the first look


async def test_a_first_look_is_stale_when_a_declaration_came_first(store: Store) -> None:
    await store.declare(SyncPoint("prod", NOW, "new", "ada"), tables(2))

    with pytest.raises(Stale):
        await store.save(look(1))


async def test_what_was_read_to_declare_it_right_stands_for_a_first_look(store: Store) -> None:
    history = History("flyway", "public.flyway_schema_history", (Migration("1", applied=True),))
    reading = Reading(tables(2), "gate", histories=(history,))
    await store.declare(SyncPoint("prod", NOW, "new", "ada"), tables(2), seen=reading)

    book = await store.load("prod")
    assert (book.snapshot, book.seen_at, book.histories) == (tables(2), NOW, (history,))
    assert (book.gate, book.outcome) == ("", None)

    later = SyncPoint("prod", NOW + MINUTE, "again", "ada")
    await store.declare(later, tables(3), seen=Reading(tables(3), "gate"))
    assert (await store.load("prod")).snapshot == tables(2), "a look sees what changed since"


async def test_a_declaration_says_so_in_the_timeline(store: Store) -> None:
    point = await store.declare(SyncPoint("prod", NOW, "release 7", "ada"), tables(2))

    assert await store.timeline("prod") == (Event("prod", NOW, "synced", "ada: release 7"),)
    assert await store.sync_points("prod") == (point,)
    assert await store.environments() == ("prod",)


async def test_sync_points_come_latest_first_each_with_its_content(store: Store) -> None:
    for n in (1, 2):
        await store.declare(SyncPoint("prod", NOW + n * MINUTE, f"n{n}", "ada"), tables(n))

    points = await store.sync_points("prod")

    assert [p.reason for p in points] == ["n2", "n1"]
    assert [len((await store.declared(p.id or 0)).objects) for p in points] == [2, 1]
    with pytest.raises(ConfigError, match="no sync point 99"):
        await store.declared(99)


async def test_a_resolved_incident_leaves_the_book_and_stays_on_record(store: Store) -> None:
    await store.save(Step("prod", NOW, incidents=(incident("a"), incident("b"))))
    over = incident("a", state=State.RESOLVED, resolved_at=NOW + MINUTE, revision=2)

    await store.save(Step("prod", NOW, incidents=(over,)))

    assert [i.id for i in (await store.load("prod")).incidents] == ["b"]
    assert [i.id for i in await store.incidents()] == ["b"]
    assert over in await store.incidents("prod", open_only=False)
    assert await store.incidents("staging", open_only=False) == ()


async def test_the_timeline_is_read_from_its_end(store: Store) -> None:
    events = tuple(Event("prod", NOW, "changed", f"{n}", "table:t") for n in range(5))
    await store.save(Step("prod", NOW, events=events))

    assert [e.text for e in await store.timeline("prod", limit=2)] == ["4", "3"]


async def test_the_timeline_of_one_object_is_found_among_much_else(store: Store) -> None:
    blame = Blame(Confidence.EXACT, "ann", NOW, "psql", role="owner", until=NOW)
    detail = Detail(
        ChangeType.CHANGED, Origin.UNTRACKED, blame, ("type",), ("table:t", "schema:s"), ("x:y",)
    )
    ours = [
        Event("prod", NOW + n * MINUTE, "changed", f"{n}", "column:t.c", detail) for n in (0, 9)
    ]
    others = [Event("prod", NOW + MINUTE, "changed", f"o{n}", f"table:o{n}") for n in range(2_500)]
    await store.save(Step("prod", NOW, events=(ours[0], *others, ours[1])))

    assert await store.timeline("prod", about=frozenset({"table:t"})) == (ours[1], ours[0])
    assert await store.timeline("prod", about=frozenset({"x:y"}), limit=1) == (ours[1],)
    assert await store.timeline("prod", about=frozenset({"table:o7"})) == (others[7],)
    assert await store.timeline("prod", about=frozenset({"table"})) == ()
    assert await store.timeline("prod", since=NOW + 2 * MINUTE) == (ours[1],)
    assert len(await store.subjects("prod")) == 2_501
    assert await store.known_since("prod") == NOW
    assert await store.known_since("staging") is None


async def test_a_naive_time_is_refused(store: Store) -> None:
    naive = NOW.replace(tzinfo=None)

    with pytest.raises(Exception, match="naive"):
        await store.save(Step("prod", naive, Outcome.IN_SYNC))


async def test_many_environments_are_saved_at_once(store: Store) -> None:
    names = [f"tenant{n}" for n in range(12)]

    await asyncio.gather(*(store.save(look(1, name)) for name in names))

    assert await store.environments() == tuple(sorted(names))
    assert await store.waiting() == 24


async def test_a_look_cancelled_at_any_statement_is_kept_whole(store: Store) -> None:
    await store.save(look(1))
    for n in count(1):
        left = n

        def cancel_at_n(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                task.cancel()  # noqa: B023 - the loop waits for it

        task = asyncio.ensure_future(store.save(look(n + 1)))
        with each_statement(cancel_at_n):
            (result,) = await asyncio.gather(task, return_exceptions=True)
        book = await store.load("prod")
        assert (book.failures, book.gate) == (n + 1, f"gate {n + 1}")
        if result is None:
            break
        assert isinstance(result, asyncio.CancelledError)
    assert n > 10


async def test_what_contradicts_what_is_kept_is_refused_in_our_words(
    store: Store, url: str
) -> None:
    """Two daemons on one store, as a lock keeps them from being: both open the same revision."""
    await store.save(look(1))
    before = await store.load("prod")
    told = notice(incident("i-prod", revision=1))

    async with open_store(url) as other:
        with pytest.raises(StoreError, match=r"notice\.id|pk_notice") as caught:
            await other.save(Step("prod", NOW, notices=((told, ("oncall",)),), based_on=1))
        assert caught.value.reason == "conflict"
        assert await other.load("prod") == before
        await other.save(look(2))
