"""Replicas on one store: who is there, who holds what, and that only a holder writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from pgdrift.core.duties import Muster
from pgdrift.errors import StoreError
from pgdrift.store import LEAD, Session, Store, open_store, watching
from pgdrift.store.postgres import _SETTINGS
from tests.conftest import run_sql
from tests.core.build import after
from tests.sources.bouncer import PROGRAM, bouncer
from tests.store.nouns import look
from tests.store.test_touch import left

KINDS = ("postgresql",)
LEASE = 30.0
PROD, DEV = watching("prod"), watching("dev")


@pytest.fixture
async def one(url: str) -> AsyncIterator[Store]:
    async with open_store(url, exclusive=True) as opened:
        yield opened


@pytest.fixture
async def other(url: str) -> AsyncIterator[Store]:
    async with open_store(url, exclusive=True) as opened:
        yield opened


async def reason(attempt: object) -> str:
    with pytest.raises(StoreError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.reason


async def ended(session: Session) -> None:
    """Return when the session knows that it has ended."""
    async with asyncio.timeout(60):
        await session.lost.wait()


async def test_members_see_each_other_and_who_holds_what(one: Store, other: Store) -> None:
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)

    assert await first.take([PROD, DEV]) == {PROD, DEV}
    assert await second.take([PROD, LEAD]) == {LEAD}

    seen = Muster({first.id: "a", second.id: "b"}, {PROD: first.id, DEV: first.id, LEAD: second.id})
    assert await first.muster() == await second.muster() == seen


async def test_what_could_not_be_given_is_held_as_before(one: Store, other: Store) -> None:
    """Nobody else could take it: it would be left for as long as the session lasts."""
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await first.take([PROD, DEV])
    async with first.speaking():
        giving = asyncio.create_task(first.give([PROD]))
        await asyncio.sleep(0)
        assert first.held == {DEV}
        giving.cancel()
    await asyncio.gather(giving, return_exceptions=True)

    assert await second.take([PROD]) == frozenset()
    await first.muster()
    assert first.held == {PROD, DEV}
    await first.give([PROD])
    assert await second.take([PROD]) == {PROD}
    await first.muster()
    assert first.held == {DEV}


async def test_what_is_given_is_free_and_what_ends_is_forgotten(one: Store, other: Store) -> None:
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await first.take([PROD, DEV])

    await first.give([PROD])
    assert await second.take([PROD, DEV]) == {PROD}
    await one.leave()

    assert await second.take([DEV]) == {DEV}
    assert (await second.muster()).members == {second.id: "b"}


async def test_a_look_is_spared_only_by_who_holds_the_environment(one: Store, other: Store) -> None:
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await first.take([PROD])
    of, later = await left(one, "prod"), after(minutes=1)

    assert await other.touch([(of, later)]) == frozenset()
    assert (await one.load("prod")).seen_at == of.looked_at
    assert await one.touch([(of, later)]) == {"prod"}

    await first.give([PROD])
    await second.take([PROD])
    now = replace(of, looked_at=later)
    assert await one.touch([(now, after(minutes=2))]) == frozenset()
    await one.leave()
    assert await reason(one.touch([(now, after(minutes=2))])) == "fenced"


async def test_only_who_holds_an_environment_keeps_what_a_look_saw(
    one: Store, other: Store
) -> None:
    assert await reason(one.save(look(1))) == "fenced"  # no member at all
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await first.take([PROD])

    await one.save(look(1))
    assert await reason(other.save(look(2))) == "fenced"
    await first.give([PROD])
    assert await reason(one.save(look(2))) == "fenced"
    await second.take([PROD])
    await other.save(look(2))

    assert (await one.load("prod")).failures == 2


async def test_only_who_leads_takes_back_what_was_being_told(one: Store, other: Store) -> None:
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await first.take([PROD])
    await second.take([LEAD])
    await one.save(look(1))
    delivery = (await other.due(look(1).at))[0]

    assert await reason(one.begin(delivery, look(1).at)) == "fenced"
    await other.begin(delivery, look(1).at)
    assert await reason(one.recover()) == "fenced"
    assert await other.recover() == 1


async def test_who_was_silent_for_a_lease_holds_and_writes_nothing_any_more(
    one: Store, other: Store
) -> None:
    first = await one.join("asleep", 0.3)
    await first.take([PROD])
    second = await other.join("awake", LEASE)

    await ended(first)

    assert not first.fresh
    assert await second.take([PROD]) == {PROD}
    assert await reason(one.save(look(1))) == "fenced"
    await other.save(look(1))
    assert (await one.load("prod")).failures == 1  # to read, nobody has to be a member


async def test_who_fell_silent_in_the_middle_of_a_statement_is_ended_by_the_others(
    one: Store, other: Store, url: str
) -> None:
    """For a server that is not idle: no timeout of its own counts there."""
    asleep, busy = await one.join("asleep", 1.0), await other.join("busy", 1.0)
    await asleep.take([PROD])
    await busy.take([DEV])
    async with open_store(url) as third:
        awake = await third.join("awake", 1.0)

        async def works() -> None:
            async with busy.speaking() as c:
                await c.exec_driver_sql("select pg_sleep(3)")

        working = asyncio.create_task(works())
        await asleep.driver.prepare("select $1::int")  # said, and the server waits for the rest
        began = time.monotonic()
        while not (asleep.lost.is_set() and working.done()):
            await awake.muster()
            assert time.monotonic() - began < 60
            await asyncio.sleep(0.1)
        await working
        assert await awake.take([PROD, DEV]) == {PROD}, "who is only busy holds what it held"


async def test_a_session_that_the_server_ended_is_over_at_its_next_word(
    one: Store, other: Store, url: str
) -> None:
    first = await one.join("a", LEASE)
    await first.take([PROD])
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{}'"
    await run_sql(url, cut.format("pgdrift replica"))

    assert await reason(one.save(look(1))) in {"unreachable", "fenced"}
    assert await reason(first.muster()) == "fenced"
    second = await one.join("a", LEASE)
    assert await second.take([PROD]) == {PROD}
    await one.save(look(1))


async def test_members_hear_what_is_new_for_them(one: Store, other: Store) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    first, second = await one.join("a", LEASE), await other.join("b", LEASE)
    await second.listen(heard.put_nowait)
    await first.take([PROD])

    await one.save(look(1))
    await first.give([PROD])

    async with asyncio.timeout(60):
        words = {await heard.get() for _ in range(3)}
    assert words == {"notices", "kept prod", "given"}


async def test_two_stores_in_one_database_share_no_lock(url: str) -> None:
    await run_sql(url, "create schema second")
    try:
        elsewhere = f"{url}?search_path=second"
        async with open_store(url, exclusive=True) as a, open_store(elsewhere, exclusive=True) as b:
            first, second = await a.join("a", LEASE), await b.join("b", LEASE)
            assert await first.take([PROD]) == await second.take([PROD]) == {PROD}
            assert (await first.muster()).members == {first.id: "a"}
            await b.save(look(1))
            assert (await a.load("prod")).failures == 0
    finally:
        await run_sql(url, "drop schema second cascade")


async def test_numbers_not_hashes_tell_environments_apart(one: Store) -> None:
    session = await one.join("a", LEASE)
    names = [watching(f"e{n}") for n in range(300)]
    assert await session.take(names) == {*names}
    locks = (await session.muster()).holders
    assert {*locks} == {*names}


async def test_the_server_is_told_to_end_a_silent_session(one: Store, url: str) -> None:
    session = await one.join("a", 12.0)
    async with session.speaking() as c:
        found = {
            name: (await c.exec_driver_sql(f"show {name}")).scalar_one()
            for name in ("idle_session_timeout", "idle_in_transaction_session_timeout")
        }
    assert set(found.values()) == {"12s"}


async def test_a_store_behind_a_closed_door_says_so_and_never_its_password(
    one: Store, url: str
) -> None:
    wrong = url.replace("postgres:", "postgres:x", 1)
    with pytest.raises(StoreError) as caught:
        async with open_store(wrong):
            pass
    assert caught.value.reason == "authentication"
    password = url.partition("@")[0].rpartition(":")[2]
    assert password not in str(caught.value)
    with pytest.raises(StoreError) as caught:
        async with open_store("postgresql://u:hunter2@127.0.0.1:1/x"):
            pass
    assert caught.value.reason == "unreachable"
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


async def test_it_goes_on_when_the_server_ended_its_sessions(store: Store, url: str) -> None:
    await store.save(look(1))
    connection = await asyncpg.connect(url)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await connection.close()

    assert (await store.load("prod")).failures == 1
    await store.save(look(2))


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed here")
async def test_a_store_behind_a_pooler_is_refused_before_anything_is_held(url: str) -> None:
    async with bouncer([url], size=6) as (way,):
        # It takes none of the settings that a session of ours has.
        with pytest.raises(StoreError, match="behind this pooler") as refused:
            async with open_store(way):
                pass
        assert refused.value.reason == "pooler"
    # One that says yes to all of them, and gives each transaction another session.
    yes = bouncer([url], size=6, ignored=[*_SETTINGS, "lock_timeout"])
    async with yes as (way,), open_store(way, exclusive=True) as opened:
        assert await reason(joined(opened)) == "pooler"


async def joined(store: Store) -> None:
    """Join as a replica does, through to hearing the others."""
    session = await store.join("a", LEASE)
    await session.listen(lambda _: None)
