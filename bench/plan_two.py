"""Two connection URLs on standard input; the script that makes the first as the second out."""

from __future__ import annotations

import asyncio
import sys

from pgdrift.core.alike.normalise import Options, without_kinds
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.shown import script
from pgdrift.parts.building import own_kinds
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection


async def read(dsn: str) -> Snapshot:
    """Return what a plan is made of."""
    async with connection(dsn) as session:
        return without_kinds(await snapshot(session), own_kinds(cluster=False))


async def _main() -> None:
    one, other = sys.stdin.read().split()
    plan = make_plan((await read(one), await read(other)), ("a", "b"), Options())
    sys.stdout.write(script(plan, plan.up, "up"))


if __name__ == "__main__":
    asyncio.run(_main())
