"""Two DSNs on standard input, the number of changes on standard output: all that comparing takes.

A process of its own, so that it can be held against another program's.
"""

from __future__ import annotations

import asyncio
import sys

from bench.reading import whole
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.sources.connection import connection


async def _read(dsn: str) -> Snapshot:
    async with connection(dsn, statement_timeout=600) as session:
        return normalise(await whole(session), Options())


async def changes(one: str, other: str) -> int:
    """Return how many changes there are between two databases, read side by side."""
    before, after = await asyncio.gather(_read(one), _read(other))
    return len(compare(before, after).changes)


if __name__ == "__main__":
    print(asyncio.run(changes(*sys.stdin.read().split())))
