"""Kills itself, that is its children, in the middle of saving; run by test_crash.py.

steps URL: kill -9 before each statement and before the commit of one look.
moments URL: kill -9 at random moments of many looks.
looker URL: no kill; looks until its input ends, while another process declares.
locked-out FOLDER: opens stores that this user may not write.
A child is a fork, so that a hundred of them take seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import sys
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, event

from pgdrift.core.book import Step
from pgdrift.core.model import Event, Outcome
from pgdrift.errors import StoreError
from pgdrift.store import Stale, Store, open_store
from tests.store.nouns import NOW, look

NOBODY = 65534


def say(*words: object) -> None:
    sys.stdout.write("\t".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def whole(url: str) -> int:
    """Return the number of the last look that was kept; fail unless it was kept whole."""
    async with open_store(url) as store:
        book = await store.load("prod")
        k = book.failures
        if k == 0:
            assert book.outcome is None
            assert await store.waiting() == 0
            return 0
        step = look(k)
        assert (book.gate, book.reason, book.against) == (step.gate, step.reason, step.against)
        assert (book.snapshot, book.expected) == (step.snapshot, step.expected)
        assert (book.agreed, book.incidents) == (step.agreed, step.incidents)
        assert len(await store.timeline("prod", limit=9999)) == 3 * k
        assert await store.waiting() == 2 * k
        await _sound(store)
    return k


async def _sound(store: Store) -> None:
    async with store._reading() as c:
        check = (await c.exec_driver_sql("PRAGMA integrity_check")).scalars().all()
        broken = (await c.exec_driver_sql("PRAGMA foreign_key_check")).all()
    assert (check, broken) == (["ok"], [])


async def save_one(url: str, k: int, kill_at: int) -> None:
    left = kill_at

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async with open_store(url) as store:
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        await store.save(look(k))


def steps(url: str) -> None:
    kills = 0
    for k in (1, 2):
        at = 0
        killed = True
        while killed:
            at += 1
            killed = _child(save_one(url, k, at)) == -signal.SIGKILL
            assert asyncio.run(whole(url)) == (k - 1 if killed else k)
            kills += killed
    say(kills)


def _child(work: object) -> int:
    pid = os.fork()
    if pid == 0:
        asyncio.run(work)  # type: ignore[arg-type]
        os._exit(0)
    work.close()  # type: ignore[attr-defined]
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def save_many(url: str, k: int, out: int) -> None:
    async with open_store(url) as store:
        while True:
            await store.save(look(k))
            os.write(out, f"{k}\n".encode())
            k += 1


def moments(url: str) -> None:
    chance = random.Random(20261122)
    last = asyncio.run(whole(url))
    for _ in range(15):
        acknowledged = _kill_among_saves(url, last, chance)
        kept = asyncio.run(whole(url))
        assert kept in {acknowledged, acknowledged + 1}, (kept, acknowledged)
        last = kept
    say(last)


def _kill_among_saves(url: str, last: int, chance: random.Random) -> int:
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        asyncio.run(save_many(url, last + 1, into))
    os.close(into)
    said = os.read(out, 20)  # the child is at its second save now
    while chance.random() < 0.7 and select.select([out], [], [], chance.uniform(0, 0.02))[0]:
        said += os.read(out, 4096)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(out, 4096):
        said += more
    os.close(out)
    return int(said.split()[-1])


async def looker(url: str) -> None:
    async with open_store(url) as store:
        stale = k = 0
        while not select.select([sys.stdin], [], [], 0)[0] or k < 20:
            k += 1
            book = await store.load("prod")
            based_on = book.sync_point.id if book.sync_point else None
            seen = Event("prod", NOW, "changed", f"{based_on}")
            content = look(k).snapshot
            step = Step("prod", NOW, Outcome.DRIFTED, snapshot=content, expected=book.expected)
            try:
                await store.save(replace(step, based_on=based_on, events=(seen,)))
            except Stale:
                stale += 1
            if k == 1:
                say("looking")
        say(k, stale)


async def _try(url: str) -> None:
    try:
        async with open_store(url) as store:
            await store.save(look(1))
        say("opened")
    except StoreError as error:
        say(error.reason, str(error).splitlines()[0])


async def _as_nobody(url: str) -> None:
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    await _try(url)


def locked_out(folder: str) -> None:
    place = Path(folder)
    asyncio.run(_try(f"sqlite:///{place}/pgdrift.db"))  # and loads all that is loaded late
    (place / "pgdrift.db").chmod(0o444)
    place.chmod(0o555)
    _child(_as_nobody(f"sqlite:///{place}/new.db"))
    _child(_as_nobody(f"sqlite:///{place}/pgdrift.db"))
    (place / "pgdrift.db").chmod(0o666)
    _child(_as_nobody(f"sqlite:///{place}/pgdrift.db"))
    place.chmod(0o755)


if __name__ == "__main__":
    verb, where = sys.argv[1:]
    if verb == "looker":
        asyncio.run(looker(where))
    else:
        {"steps": steps, "moments": moments, "locked-out": locked_out}[verb](where)
