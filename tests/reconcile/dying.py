"""A run of a plan that is killed at a chosen point: before, while and after each word to the server
that changes anything, and after each line of the record.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pgdrift.cli import work
from pgdrift.cli.place import place_of
from pgdrift.cli.running import Order, carry
from pgdrift.reconcile import planfile
from pgdrift.reconcile.journal import Journal
from pgdrift.sources.connection import Connection

execute, write = Connection.execute, Journal.write


def order(folder: Path, config: Path, on: str, **more: Any) -> Order:
    usual: dict[str, Any] = {
        "place": place_of(on, None, None, config),
        "folder": folder,
        "config": config,
        "limits": work.Limits(0.3, 60.0),
        "reason": "ticket 7",
        "actor": "ann",
        "approved_by": ("bob",),
        "unproved": None,
        "resume": False,
        "backs_up": True,
        "syncs": True,
        "tries": 1,
    }
    return Order(**(usual | more))


def die_at(point: int, folder: Path, config: Path, on: str) -> None:
    """Run in a process of its own; at point 0 it ends by itself, and its code counts the points."""
    left = point
    watched = {s.step.sql for s in planfile.read(folder)[0].up.statements} | {"COMMIT"}

    def passed() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def watched_execute(self: Connection, sql: str, *arguments: Any, **how: Any) -> Any:
        if sql not in watched:
            return await execute(self, sql, *arguments, **how)
        passed()
        running = asyncio.ensure_future(execute(self, sql, *arguments, **how))
        # It is on its way to the server, and perhaps not done.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        passed()
        said = await running
        passed()
        return said

    def watched_write(self: Journal, event: str, **more: object) -> None:
        write(self, event, **more)
        passed()

    Connection.execute, Journal.write = watched_execute, watched_write  # type: ignore[method-assign]
    asyncio.run(carry(order(folder, config, on, backs_up=False), lambda _: None))
    sys.exit(-left)
