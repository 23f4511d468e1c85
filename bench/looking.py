"""What a look costs after one change, against the first: all of the way that a watcher goes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import asyncpg

from bench.stage import Stage
from bench.timing import Ratio, ratio, side_by_side
from pgdrift.core.book import Book
from pgdrift.sources.reading import Source


async def measure(stage: Stage, rounds: int) -> list[Ratio]:
    """Return the ratio of a look after one ALTER TABLE to one that reads all."""
    writer = await asyncpg.connect(stage.dsn)
    source = Source(lambda: stage.dsn, statement_timeout=600)
    changed = _changes(await writer.fetchval(_TABLE, stage.tables // 2))
    try:
        first = await source.read(Book("bench"))
        book = Book("bench", snapshot=first.snapshot, gate=first.gate)

        async def after_one() -> None:
            await writer.execute(next(changed))
            found = await source.read(book)
            assert found.depth == "incremental"

        times = await side_by_side(
            {"all": lambda: source.read(Book("bench")), "one": after_one}, rounds
        )
    finally:
        await source.close()
        await writer.close()
    limit = 0.08 if stage.tables >= 10_000 else None
    name = "look after one ALTER TABLE / look that reads all"
    return [ratio(name, times["one"], times["all"], limit)]


# One in the middle of them all.
_TABLE = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND NOT relispartition AND relnamespace::regnamespace::text LIKE 'area%'
ORDER BY oid OFFSET $1 LIMIT 1
"""


def _changes(table: str) -> Iterator[str]:
    for number in count():
        yield f"ALTER TABLE {table} ADD COLUMN bench_{number} integer"
