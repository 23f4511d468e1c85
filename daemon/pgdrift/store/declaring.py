"""What a person declares right, or takes back: a sync point and what is expected by it, as one.

On a connection that writes; the caller's transaction keeps all of it or nothing. What a look
declares is kept with its step (books.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.model import SYNC, Event, Finding, Outcome, Reading, Snapshot, SyncPoint
from pgdrift.core.shown.render import one_line
from pgdrift.core.syncpoint import (
    Applied,
    Declaration,
    TakenBack,
    come_back,
    moved_since,
    settled_by,
)
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import books, codec, points, snapshots
from pgdrift.store.postgres import turn


async def declare(
    c: AsyncConnection,
    point: SyncPoint,
    pack: books.Pack,
    snapshot: Snapshot,
    settled: tuple[Finding, ...],
    seen: Reading | None = None,
) -> SyncPoint:
    """Keep a sync point of what there is; return it with its id.

    Where no look has seen the environment yet, what was `seen` for this is its first.
    """
    await turn(c, point.environment)
    row = await books.row_of(c, point.environment)
    content = await pack.keep(c, point.environment, snapshot, seen=True)
    before = None if row is None else row.expected_id
    id_ = await points.keep(c, point, content, before, settled)
    values = {"expected_id": content, "sync_point_id": id_}
    if seen and (row is None or row.snapshot_id is None):
        values |= _first_seen(seen, content, point)
    await _expect(c, point, values, is_new=row is None)
    return replace(point, id=id_)


def _first_seen(seen: Reading, content: int, point: SyncPoint) -> dict[str, Any]:
    # What changes from now on is a change, which a migration or the ledger may explain: else the
    # first look would find it as drift of which nothing is known.
    return {
        "snapshot_id": content,
        "seen_at": point.at,
        "mark": codec.MARK.write(seen.ledger.mark if seen.ledger else None),
        "histories": codec.HISTORIES.write(seen.histories),
    }


async def declare_at(c: AsyncConnection, point: SyncPoint, applied: Applied) -> Declaration:
    """Keep a sync point of what there was when a migration was applied.

    Raises ConfigError when that is not known any more.
    """
    await turn(c, point.environment)
    row = await books.row_of(c, point.environment)
    then = await points.row_of_applied(c, applied.id or 0)
    if row is None or then is None:
        raise _forgotten(point)
    if later := await points.since(c, point.environment, then.at):
        raise _declared_since(point, later)
    content = await snapshots.read(c, then.snapshot_id)
    now, was = await _read(c, row.expected_id, then.expected_id)
    expected = await asyncio.to_thread(moved_since, content, was, now)
    found = await snapshots.read(c, row.snapshot_id)
    settled = settled_by(_found(row), expected, found)
    pack = await books.pack(point.at, expected)
    kept = await pack.keep(c, point.environment, expected)
    id_ = await points.keep(c, point, then.snapshot_id, row.expected_id, settled, kept)
    await _expect(c, point, {"expected_id": kept, "sync_point_id": id_}, is_new=False)
    return Declaration(replace(point, id=id_), content.root, settled)


async def undo(c: AsyncConnection, environment: str, id_: int, by: TakenBack) -> SyncPoint:
    """Take back the latest sync point; return the one before it, which holds from now on."""
    await turn(c, environment)
    row = await books.row_of(c, environment)
    standing = await points.standing(c, environment)
    if row is None or len(standing) < 2:
        raise _nothing_before(environment, standing)
    point, previous = standing
    if point.id != id_:
        raise _not_the_latest(environment, id_, point.id)
    after, before = point.expected_id or point.snapshot_id, point.before_id or previous.snapshot_id
    was, now = await _read(c, before, row.expected_id)
    declared = await snapshots.read(c, after)
    expected = await asyncio.to_thread(moved_since, was, declared, now)
    pack = await books.pack(by.at, expected)
    kept = await pack.keep(c, environment, expected)
    await points.mark_undone(c, id_, by)
    values = _found_again(row, codec.FINDINGS.read(point.settled))
    values |= {"expected_id": kept, "sync_point_id": previous.id}
    await books.keep_row(c, environment, values, is_new=False)
    text = one_line(f"{by.actor} took back sync point {id_}: {by.reason}")
    await books.keep_events(c, (Event(environment, by.at, "undone", text),))
    return points.as_sync_point(previous)


async def _expect(
    c: AsyncConnection, point: SyncPoint, values: dict[str, Any], *, is_new: bool
) -> None:
    await books.keep_row(c, point.environment, values, is_new=is_new)
    event = Event(point.environment, point.at, "synced", f"{point.actor}: {point.reason}")
    await books.keep_events(c, (event,))


async def _read(c: AsyncConnection, one: int, other: int) -> tuple[Snapshot, Snapshot]:
    first = await snapshots.read(c, one)
    return first, await snapshots.read(c, other, (first,))


def _found(row: Row[Any]) -> tuple[Finding, ...]:
    """Return the findings of the last look against what is expected."""
    standings = codec.AGAINST.read(row.against)
    return tuple(f for a in standings if a.yardstick == SYNC for f in a.findings)


def _found_again(row: Row[Any], settled: tuple[Finding, ...]) -> dict[str, Any]:
    """Return how an environment stands with the findings that were settled, until its next look.

    So that they come back with when they were first seen, and with who did it.
    """
    if not settled:
        return {}
    against = come_back(codec.AGAINST.read(row.against), settled)
    values = {"against": codec.AGAINST.write(against)}
    in_sync = row.outcome == Outcome.IN_SYNC
    return values | ({"outcome": Outcome.DRIFTED.value} if in_sync else {})


def _forgotten(point: SyncPoint) -> ConfigError:
    return ConfigError(
        f"what {point.environment} was when {one_line(point.migration)} was applied is not kept"
        " any more",
        reason="usage",
        hint="store.keep says how long it is; declare the present: leave out --at",
    )


def _declared_since(point: SyncPoint, later: Row[Any]) -> ConfigError:
    verb = "undone" if later.undone_at else "declared"
    return ConfigError(
        f"sync point {later.id} of {point.environment} was {verb} after"
        f" {one_line(point.migration)} was applied, and says otherwise what is right",
        reason="usage",
        hint="declare the present, without --at; or undo what was declared since, and see what is"
        " found then",
    )


def _nothing_before(environment: str, standing: tuple[Row[Any], ...]) -> ConfigError:
    which = f"sync point {standing[0].id} is the first" if standing else "there is no sync point"
    return ConfigError(
        f"nothing of {environment} can be undone: {which}",
        reason="usage",
        hint=f"`pgdrift sync list {environment}` shows what was declared",
    )


def _not_the_latest(environment: str, id_: int, latest: int) -> StoreError:
    return StoreError(
        f"sync point {id_} of {environment} is not the latest any more: that is {latest}",
        reason="stale",
        hint=f"somebody else was faster; see `pgdrift sync list {environment}`",
    )
