"""Loads and saves what is remembered of one environment, on a connection it is given.

A step is kept whole or not at all: the caller's transaction sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.book import Book, Step
from pgdrift.core.incident import Incident, State
from pgdrift.core.model import Agreed, Event, Outcome, Snapshot, SyncPoint
from pgdrift.store import codec, outbox, snapshots, tables
from pgdrift.store.codec import Codec, T
from pgdrift.store.failures import Stale
from pgdrift.store.pages import Manifest

_env = tables.environment

_EMPTY = {
    "reason": "",
    "failures": 0,
    "gate": "",
    "mark": codec.MARK.write(None),
    "histories": codec.HISTORIES.write(()),
    "against": codec.AGAINST.write(()),
    "not_compared": codec.COUNTS.write({}),
    "notes": codec.NOTES.write(()),
    "agreed_unknown": codec.IDS.write(frozenset()),
}


class Pack:
    """The snapshots of one step, ready to be kept, and the row ids that they were given."""

    def __init__(self, manifests: Mapping[int, Manifest], at: datetime) -> None:
        self._manifests = manifests
        self._at = at
        self._ids: dict[int, int] = {}
        self.kept: dict[int, Snapshot] = {}

    async def keep(self, c: AsyncConnection, environment: str, snapshot: Snapshot) -> int:
        """Return the snapshot's row id; the same snapshot in two roles is one row."""
        name = id(snapshot)
        if name not in self._ids:
            row = await snapshots.keep(c, environment, self._at, self._manifests[name])
            self._ids[name] = row
            self.kept[row] = snapshot
        return self._ids[name]


async def row_of(c: AsyncConnection, environment: str) -> Row[Any] | None:
    """Return the environment's row, or None when nothing was kept of it yet."""
    row: Row[Any] | None = (await c.execute(_row(environment))).one_or_none()
    return row


def _row(environment: str) -> Select[Any]:
    return select(_env).where(_env.c.name == environment)


async def book_of(c: AsyncConnection, row: Row[Any], kept: Mapping[int, Snapshot]) -> Book:
    """Return the book that an environment's row stands for; `kept` are its snapshots by id."""
    agreed = kept.get(row.agreed_id)
    unknown = codec.IDS.read(row.agreed_unknown)
    return Book(
        environment=row.name,
        snapshot=kept.get(row.snapshot_id),
        expected=kept.get(row.expected_id),
        agreed=None if agreed is None else Agreed(agreed, unknown),
        agreed_with=row.agreed_with,
        sync_point=await _sync_point(c, row.sync_point_id),
        gate=row.gate,
        mark=codec.MARK.read(row.mark),
        histories=codec.HISTORIES.read(row.histories),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reason=row.reason,
        looked_at=row.looked_at,
        seen_at=row.seen_at,
        failures=row.failures,
        incidents=await _open_incidents(c, row.name),
        against=codec.AGAINST.read(row.against),
        not_compared=codec.COUNTS.read(row.not_compared),
        notes=codec.NOTES.read(row.notes),
    )


async def _sync_point(c: AsyncConnection, id_: int | None) -> SyncPoint | None:
    t = tables.sync_point
    row = (await c.execute(select(t).where(t.c.id == id_))).one_or_none()
    return None if row is None else as_sync_point(row)


def as_sync_point(row: Row[Any]) -> SyncPoint:
    """Return the sync point that a row stands for."""
    return SyncPoint(row.environment, row.at, row.reason, row.actor, row.id)


async def _open_incidents(c: AsyncConnection, environment: str) -> tuple[Incident, ...]:
    t = tables.incident
    mine = (t.c.environment == environment) & (t.c.state == State.OPEN)
    found = await c.execute(select(t.c.body).where(mine).order_by(t.c.opened_at, t.c.id))
    return tuple(map(codec.INCIDENT.read, found.scalars()))


def snapshot_ids(row: Row[Any]) -> set[int]:
    """Return the ids of the snapshots that an environment's row refers to."""
    return {i for i in (row.snapshot_id, row.expected_id, row.agreed_id) if i is not None}


async def save(c: AsyncConnection, step: Step, pack: Pack) -> Row[Any]:
    """Write one step and return the environment's row as it is then.

    Raises Stale when the environment was declared right after the step's book was loaded.
    """
    row = await row_of(c, step.environment)
    if step.based_on != (row.sync_point_id if row else None):
        raise Stale(step.environment)
    values = await _snapshot_values(c, step, pack)
    if step.sync_point is not None:
        content = values.get("expected_id") or values["snapshot_id"]
        point = await keep_sync_point(c, step.sync_point, content)
        values |= {"sync_point_id": point, "expected_id": content}
    await keep_row(c, step.environment, _look_values(step) | values, is_new=row is None)
    for incident in step.incidents:
        await _keep_incident(c, incident)
    await outbox.add(c, step.notices)
    await keep_events(c, step.events)
    now: Row[Any] = (await c.execute(_row(step.environment))).one()
    return now


async def _snapshot_values(c: AsyncConnection, step: Step, pack: Pack) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if step.snapshot is not None:
        values["snapshot_id"] = await pack.keep(c, step.environment, step.snapshot)
    if step.expected is not None:
        values["expected_id"] = await pack.keep(c, step.environment, step.expected)
    if step.agreed is not None:
        values["agreed_id"] = await pack.keep(c, step.environment, step.agreed.snapshot)
        values["agreed_unknown"] = codec.IDS.write(step.agreed.unknown)
        values["agreed_with"] = step.agreed_with
    return values


def _look_values(step: Step) -> dict[str, Any]:
    values: dict[str, Any] = {
        "seen_at": step.seen_at,
        "gate": step.gate,
        "mark": step.mark and codec.MARK.write(step.mark),
        "histories": _text(codec.HISTORIES, step.histories),
        "against": _text(codec.AGAINST, step.against),
        "not_compared": _text(codec.COUNTS, step.not_compared),
        "notes": _text(codec.NOTES, step.notes),
    }
    if step.outcome is not None:
        values |= {"outcome": step.outcome.value, "reason": step.reason}
        values |= {"failures": step.failures, "looked_at": step.at}
    return {name: value for name, value in values.items() if value is not None}


def _text(kept_as: Codec[T], value: T | None) -> str | None:
    return None if value is None else kept_as.write(value)


async def keep_row(
    c: AsyncConnection, environment: str, values: dict[str, Any], *, is_new: bool
) -> None:
    """Write an environment's row, or of one that is there the values given."""
    if is_new:
        await c.execute(_env.insert().values({"name": environment} | _EMPTY | values))
    elif values:
        await c.execute(_env.update().where(_env.c.name == environment).values(values))


async def keep_sync_point(c: AsyncConnection, point: SyncPoint, snapshot_id: int) -> int:
    """Write a new sync point and return its id."""
    row = {"environment": point.environment, "at": point.at, "reason": point.reason}
    row |= {"actor": point.actor, "snapshot_id": snapshot_id}
    return await snapshots.insert(c, tables.sync_point, row)


async def _keep_incident(c: AsyncConnection, incident: Incident) -> None:
    t = tables.incident
    values = {
        "environment": incident.environment,
        "state": incident.state.value,
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "body": codec.INCIDENT.write(incident),
    }
    updated = await c.execute(t.update().where(t.c.id == incident.id).values(values))
    if not updated.rowcount:
        await c.execute(t.insert().values({"id": incident.id} | values))


async def keep_events(c: AsyncConnection, events: tuple[Event, ...]) -> None:
    """Add lines to the timeline, in this order."""
    rows = [
        {"environment": e.environment, "at": e.at, "verb": e.verb, "text": e.text}
        | {"subject": e.subject}
        for e in events
    ]
    await snapshots.insert_all(c, tables.event, rows)
