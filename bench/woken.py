"""How long it takes from a commit until it is decided, where many databases are listened to.

All of `pgdrift serve`, as a process of its own, with the timer an hour away; what it kept is seen
in its store. `python -m bench.woken --size 50`. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

import asyncpg

from bench.fleet import Fleet, fleet
from bench.report import as_text
from bench.stage import server
from bench.timing import Ratio, amount, ratio

_TOLD = "SELECT count(*) FROM event WHERE environment = ? AND verb = 'changed'"
# People do not commit in step with us.
_PAUSE = 1.0
_LOOK_EVERY = 0.002


async def measure(of: Fleet, commits: int) -> list[Ratio]:
    """Return how long so many commits took to be decided and kept, each in some database."""
    await of.start()
    await of.until("SELECT count(*) FROM environment WHERE seen_at IS NOT NULL", len(of.names))
    while sum((await of.series("pgdrift_listener_up")).values()) < len(of.names):  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    await asyncio.sleep(5)
    acknowledged, decided = list[float](), list[float]()
    with closing(sqlite3.connect(f"file:{of.folder}/fleet.db?mode=ro", uri=True)) as store:
        for number in range(commits):
            # A change of the one that all follow would wake all the others.
            name = random.choice(of.names[1:])
            session = await asyncpg.connect(of.running.dsn(name))
            (before,) = store.execute(_TOLD, [name]).fetchone()
            began = time.perf_counter()
            await session.execute(f"CREATE TABLE area0.woken_{number} (id int)")
            committed = time.perf_counter()
            while store.execute(_TOLD, [name]).fetchone() == (before,):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_EVERY)
            decided.append(time.perf_counter() - committed)
            acknowledged.append(committed - began)
            await session.close()
            await asyncio.sleep(random.random() * _PAUSE)
    return [
        amount("commit to decided, p50", 1000 * median(decided), "ms"),
        amount("commit to decided, p99", 1000 * quantiles(decided, n=100)[98], "ms"),
        ratio("commit to decided / the statement itself", decided, acknowledged),
    ]


async def run(asked: argparse.Namespace) -> str:
    """Measure, and return what is to be printed."""
    async with (
        server(asked.binaries, connections=3 * asked.size + 20) as running,
        fleet(running, asked.size, asked.tables, 3600.0, listens=True) as built,
    ):
        results = {asked.size: await measure(built, asked.commits)}
    return as_text(results, {}).replace(" tables", " databases")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.woken", description=__doc__)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--binaries", type=Path)
    print(asyncio.run(run(parser.parse_args())))
