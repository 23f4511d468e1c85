"""What was changed by transactions that were open while the ledger was installed.

They began before its triggers were there and ended after it had looked: neither saw what they did.
In comes a target, after the install; out come notes for people.
"""

from __future__ import annotations

import asyncio
import time

from pgdrift.errors import ReconcileError
from pgdrift.reconcile.capture import Capture, capture
from pgdrift.reconcile.scripts import LEDGER
from pgdrift.reconcile.writing import Target, attempt, told

_POLL_SECONDS = 0.2
_STILL_OPEN = (
    "transactions are still open that began before the ledger was there: when they have ended,"
    " `pgdrift ledger verify` tells whether they made anything"
)

# Who has changed something and holds a lock in this database.
_OPEN = """
SELECT x.virtualtransaction
FROM pg_catalog.pg_locks x
WHERE x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock' AND x.granted AND EXISTS (
    SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
    WHERE l.virtualtransaction = x.virtualtransaction
        AND d.datname = pg_catalog.current_database()
)
"""


async def settle(target: Target, *, patience: float = 10.0) -> tuple[str, ...]:
    """Wait so many seconds for transactions that are open, and put on record what they made.

    Raises ReconcileError when the server cannot be asked.
    """
    if not await _waited(target, patience):
        return (_STILL_OPEN,)
    made = (await attempt(target, lambda: _look(target), dry_run=True)).missing
    if not made:
        return ()
    left = await attempt(target, lambda: _capture_again(target), dry_run=False)
    return (
        f"{len(made) - len(left.missing)} objects of transactions that were open are on record",
    )


async def _waited(target: Target, patience: float) -> bool:
    """Tell whether those that are open now have ended in time; who comes later is seen anyway."""
    with told(target.where):
        waiting = await _open(target)
        deadline = time.monotonic() + patience
        while waiting:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
            waiting &= await _open(target)
    return True


async def _open(target: Target) -> set[str]:
    return {row[0] for row in await target.session.fetch(_OPEN)}


async def _look(target: Target) -> Capture:
    return await capture(target.session, await target.read(), LEDGER.schema)


async def _capture_again(target: Target) -> Capture:
    await target.session.execute("SELECT gitversion.capture()")
    found = await _look(target)
    if found.missing:
        raise ReconcileError(
            f"{target.where}: the ledger is installed, and does not take"
            f" {found.missing[0].label} on record",
            reason="unproved",
            hint="`pgdrift ledger verify` tells what is missing; please report it",
        )
    return found
