"""A DSN on standard input; kilobytes on standard output: the peak of a reading, and what stays.

A process of its own, so that nothing else counts.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import tracemalloc
from pathlib import Path

from bench.reading import whole
from pgdrift.sources.connection import connection


async def measure(dsn: str) -> tuple[int, int]:
    """Return how far the peak of this process rises, and what one snapshot holds once read."""
    async with connection(dsn, statement_timeout=600) as session:
        before = _peak()
        await whole(session)
        peak = _peak() - before
        gc.collect()
        tracemalloc.start()
        found = await whole(session)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] // 1024
        assert found.objects
    return peak, held


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells on Linux begins with the peak of the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    print(*asyncio.run(measure(sys.stdin.read())))
