"""`python -m bench`: build schemas on a server of our own, measure, print, clean up.

The result goes to standard output, what is under way to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import keeping, kinds, ledger, looking, reading, reconcile, rival, waking
from bench.report import as_json, as_text
from bench.stage import Stage, server, stage
from bench.timing import Ratio
from pgdrift.log import configure


async def run(asked: argparse.Namespace) -> str:
    """Measure at each size and return what is to be printed."""
    results: dict[int, list[Ratio]] = {}
    shares: dict[int, list[kinds.Share]] = {}
    async with server(asked.binaries) as running:
        for tables in asked.tables:
            _say(f"{tables} tables: building")
            async with stage(running, tables) as built:
                if asked.plans:
                    _say(f"{tables} tables: plans against migra's, {asked.plans} pairs")
                    results[tables] = await _plans(built, asked)
                    continue
                rounds = asked.rounds or (3 if tables >= 5000 else 5)
                if asked.kinds:
                    shares[tables] = await kinds.shares(built)
                _say(f"{tables} tables: reading, {rounds} rounds")
                read = await reading.measure(built, rounds)
                _say(f"{tables} tables: a look after one change, {rounds} rounds")
                read += await looking.measure(built, rounds)
                if asked.migra:
                    _say(f"{tables} tables: against migra")
                    read += await rival.measure(built, rounds, asked.migra_limit)
                _say(f"{tables} tables: comparing and keeping, {rounds} rounds")
                kept = await keeping.measure(built, rounds)
                _say(f"{tables} tables: from commit to decided, {asked.commits} commits")
                woken = await waking.measure(built, asked.commits)
                _say(f"{tables} tables: changing with a ledger, {rounds} rounds")
                recorded = await ledger.measure(built, rounds)
                results[tables] = [*read, *kept, *woken, *recorded]
    return as_json(results, shares) if asked.json else as_text(results, shares)


async def _plans(built: Stage, asked: argparse.Namespace) -> list[Ratio]:
    folders = reconcile.pairs(asked.corpus, asked.plans)
    with tempfile.TemporaryDirectory(prefix="pgdrift-bench-") as folder:
        python = await asyncio.to_thread(rival.install, Path(folder))
        return await reconcile.measure(built, python, folders, asked.migra_limit)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _sizes(text: str) -> list[int]:
    sizes = [int(size) for size in text.split(",")]
    if min(sizes) < 1:
        raise ValueError
    return sizes


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench BENCH_ARGS=…", description="What pgdrift costs, as ratios."
    )
    parser.add_argument(
        "--tables", type=_sizes, default=[100, 1000], help="sizes of schemas, by comma"
    )
    parser.add_argument(
        "--rounds", type=int, default=0, help="how often everything is done (5; 3 if large)"
    )
    parser.add_argument(
        "--commits", type=int, default=200, help="how many are waited for, one by one"
    )
    parser.add_argument("--kinds", action="store_true", help="the queries' shares, kind by kind")
    parser.add_argument(
        "--migra", action="store_true", help="against migra as well, which pip fetches"
    )
    parser.add_argument(
        "--migra-limit",
        type=float,
        default=900,
        help="seconds after which migra is stopped, and said to take at least so long (900)",
    )
    parser.add_argument(
        "--plans",
        type=int,
        default=0,
        metavar="PAIRS",
        help="plans against migra's scripts, on so many pairs of schemas, and nothing else",
    )
    parser.add_argument(
        "--corpus", type=Path, help="folder with more pairs for that: pairs/*/*/[ab].sql"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--binaries", type=Path, help="folder with another PostgreSQL's initdb and pg_dump"
    )
    return parser.parse_args()


if __name__ == "__main__":
    configure("warning")
    print(asyncio.run(run(_arguments())))
