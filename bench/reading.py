"""What reading costs: a snapshot against the bare queries and pg_dump, the gate against it all."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import unquote, urlsplit

from bench import floor
from bench.processor import spent
from bench.stage import Stage
from bench.timing import Ratio, Times, amount, ratio, side_by_side
from pgdrift.core.book import Book
from pgdrift.core.model import Snapshot
from pgdrift.sources import gate
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import Connection, connection
from pgdrift.sources.reading import Source


async def measure(stage: Stage, rounds: int) -> list[Ratio]:
    """Return all ratios about reading one database."""
    cold = await side_by_side(
        {
            "snapshot": _fresh(stage, whole),
            "same": _fresh(stage, floor.same_queries),
            "plain": _fresh(stage, floor.plain_queries),
            "pg_dump": _dumped(stage),
        },
        rounds,
    )
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(await spent(stage, _fresh(stage, whole)))
        theirs.append(await spent(stage, _dumped(stage)))
    async with connection(stage.dsn, statement_timeout=600) as session:
        warm = await side_by_side(
            {
                "snapshot": lambda: whole(session),
                "same": lambda: floor.same_queries(session),
                "quick": lambda: gate.quick(session),
                "thorough": lambda: gate.thorough(session),
            },
            rounds,
        )
    looks = await _looks(stage, rounds)
    peak, held = await asyncio.to_thread(_memory, stage)
    # In a small schema, what does not grow with it counts for more.
    counts = stage.tables >= 1000
    return [
        *_ratios(stage, cold, warm, looks),
        ratio("snapshot / pg_dump -s, processor time", ours, theirs),
        amount("peak memory while reading", peak, "KB a table", 30 if counts else None),
        amount("memory once read", held, "KB a table", 5 if counts else None),
    ]


def _ratios(stage: Stage, cold: Times, warm: Times, looks: Times) -> Iterator[Ratio]:
    large = stage.tables >= 10_000
    snapshots = cold["snapshot"]
    yield ratio("snapshot / the same queries, fresh connection", snapshots, cold["same"], 1.6)
    yield ratio("snapshot / plain catalog queries, fresh connection", snapshots, cold["plain"])
    yield ratio("snapshot / pg_dump -s", snapshots, cold["pg_dump"], 0.8 if large else None)
    yield ratio("snapshot / the same queries, second time", warm["snapshot"], warm["same"])
    yield ratio("gate, quick / snapshot", warm["quick"], warm["snapshot"])
    gate_limit = 0.08 if large else None
    yield ratio("gate, thorough / snapshot", warm["thorough"], warm["snapshot"], gate_limit)
    yield ratio("look at what is unchanged / first look", looks["second"], looks["first"])


async def whole(session: Connection) -> Snapshot:
    """Return a snapshot with its canonical form and all digests."""
    found = await snapshot(session)
    assert found.root
    return found


def _fresh(
    stage: Stage, do: Callable[[Connection], Awaitable[object]]
) -> Callable[[], Awaitable[None]]:
    async def on_a_fresh_connection() -> None:
        async with connection(stage.dsn, statement_timeout=600) as session:
            await do(session)

    return on_a_fresh_connection


async def _looks(stage: Stage, rounds: int) -> Times:
    """Return the times of a first reading, and of the next when nothing has happened."""
    source = Source(lambda: stage.dsn, statement_timeout=600)
    try:
        found = await source.read(Book("bench"))
        book = Book("bench", snapshot=found.snapshot, gate=found.gate)
        return await side_by_side(
            {
                "first": lambda: source.read(Book("bench")),
                "second": lambda: source.read(book),
            },
            rounds,
        )
    finally:
        await source.close()


def _dumped(stage: Stage) -> Callable[[], Awaitable[None]]:
    return lambda: asyncio.to_thread(_dump, stage)


def _dump(stage: Stage) -> None:
    """Run pg_dump as anyone would, its output read and thrown away."""
    url = urlsplit(stage.dsn)
    environment = {
        "PATH": os.defpath,
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": url.path[1:],
    }
    command = [str(stage.pg_dump), "--schema-only", "--file=/dev/null"]
    subprocess.run(command, env=environment, check=True, timeout=600)


def _memory(stage: Stage) -> tuple[float, float]:
    """Return the peak of a process that reads one snapshot and what stays, in KB a table."""
    child = [sys.executable, "-m", "bench.memory"]
    done = subprocess.run(
        child, input=stage.dsn, capture_output=True, text=True, check=True, timeout=600
    )
    peak, held = map(int, done.stdout.split())
    return peak / stage.tables, held / stage.tables
