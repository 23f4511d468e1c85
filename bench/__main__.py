"""`python -m bench`: build schemas on a server of our own, measure, print, clean up.

The result goes to standard output, what is under way to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from bench import keeping, kinds, reading
from bench.report import as_json, as_text
from bench.stage import server, stage
from bench.timing import Ratio


async def run(asked: argparse.Namespace) -> str:
    """Measure at each size and return what is to be printed."""
    results: dict[int, list[Ratio]] = {}
    shares: dict[int, list[kinds.Share]] = {}
    async with server(asked.binaries) as running:
        for tables in asked.tables:
            _say(f"{tables} tables: building")
            async with stage(running, tables) as built:
                rounds = asked.rounds or (3 if tables >= 5000 else 5)
                if asked.kinds:
                    shares[tables] = await kinds.shares(built)
                _say(f"{tables} tables: reading, {rounds} rounds")
                read = await reading.measure(built, rounds)
                _say(f"{tables} tables: comparing and keeping, {rounds} rounds")
                results[tables] = [*read, *await keeping.measure(built, rounds)]
    return as_json(results, shares) if asked.json else as_text(results, shares)


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
    parser.add_argument("--kinds", action="store_true", help="the queries' shares, kind by kind")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--binaries", type=Path, help="folder with another PostgreSQL's initdb and pg_dump"
    )
    return parser.parse_args()


if __name__ == "__main__":
    print(asyncio.run(run(_arguments())))
