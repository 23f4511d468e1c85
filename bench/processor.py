"""What something costs in processor time, here and on the server: Linux only.

The clock says how long one waits, on a machine that has nothing else to do; this says how much was
done, whoever else wanted the machine.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.stage import Stage

_HERE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


async def spent(stage: Stage, do: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds of this process, its children and the server's sessions together.

    `do` must end all sessions that it begins. NaN where there is no /proc.
    """
    server = Path(f"/proc/{_postmaster(stage)}")
    sessions = server / "task" / server.name / "children"
    if not sessions.exists():
        return float("nan")
    before, at_rest = _here() + _ended(server), len(sessions.read_text().split())
    await do()
    async with asyncio.timeout(60):
        # What a session took is told by the process that it belonged to, once it is gone.
        while len(sessions.read_text().split()) > at_rest:  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(0.01)
    return _here() + _ended(server) - before


def _postmaster(stage: Stage) -> int:
    return int((stage.server.root / "data" / "postmaster.pid").read_text().split("\n", 1)[0])


def _here() -> float:
    told = [resource.getrusage(which) for which in _HERE]
    return sum(t.ru_utime + t.ru_stime for t in told)


def _ended(server: Path) -> float:
    # After the name, which may hold anything: cutime and cstime are the 16th and 17th of all.
    fields = (server / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
