"""Where a snapshot's questions take their time: kind by kind, as shares of them all."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from bench.floor import questions
from bench.stage import Stage
from pgdrift.sources.connection import connection, reading


@dataclass(frozen=True, slots=True)
class Share:
    """What one query gives, and its share (0 to 1) of the time of all: first and second asking."""

    kind: str
    rows: int
    cold: float
    warm: float


async def shares(stage: Stage) -> list[Share]:
    """Return the share of each kind, on a fresh connection and on the same again."""
    async with connection(stage.dsn, statement_timeout=600) as session, reading(session):
        asked = questions(session.get_server_version().major)
        rows: dict[str, int] = {}
        times: list[dict[str, float]] = []
        for _ in range(2):
            times.append({})
            for kind, (text, arguments) in asked.items():
                gc.collect()
                began = time.perf_counter()
                rows[kind] = len(await session.fetch(text, *arguments))
                times[-1][kind] = time.perf_counter() - began
    cold, warm = times
    return [
        Share(k, rows[k], cold[k] / sum(cold.values()), warm[k] / sum(warm.values())) for k in asked
    ]
