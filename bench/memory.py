"""A DSN on standard input, kilobytes on standard output: what one snapshot takes at its peak.

A process of its own, so that nothing else counts.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from bench.reading import whole
from pgdrift.sources.connection import connection


async def measure(dsn: str) -> int:
    """Return how far the peak of this process rises, in kilobytes."""
    async with connection(dsn, statement_timeout=600) as session:
        before = _peak()
        await whole(session)
    return _peak() - before


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells on Linux begins with the peak of the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    print(asyncio.run(measure(sys.stdin.read())))
