"""Loads and saves what is remembered of one environment, on a connection it is given.

A step is kept whole or not at all: the caller's transaction sees to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.book import Book, Step
from pgdrift.core.model import Agreed, Event, How, Outcome, Snapshot, SyncPoint
from pgdrift.core.why.flight import judged_until
from pgdrift.store import codec, marks, outbox, plans, points, snapshots, tables
from pgdrift.store.codec import Codec, T
from pgdrift.store.failures import Stale
from pgdrift.store.pages import Manifest, paginate
from pgdrift.store.postgres import turn

_env = tables.environment
# An environment has one incident per yardstick that is not over, and these are few.
_INCIDENTS = 30

# Each look asks these: made once, for to make a statement takes as long as to run it.
_ROW = select(_env).where(_env.c.name == bindparam("environment"))
_SYNC_POINT = select(tables.sync_point).where(tables.sync_point.c.id == bindparam("id"))
_i = tables.incident
_LATEST = (
    select(_i.c.body)
    .where(_i.c.environment == bindparam("environment"))
    .order_by(_i.c.state == State.RESOLVED, _i.c.resolved_at.desc(), _i.c.opened_at, _i.c.id)
    .limit(_INCIDENTS)
)

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

    async def keep(
        self, c: AsyncConnection, environment: str, snapshot: Snapshot, *, seen: bool = False
    ) -> int:
        """Return the snapshot's row id; the same snapshot in two roles is one row.

        What is `seen` as well as expected is to be kept as seen first.
        """
        name = id(snapshot)
        if name not in self._ids:
            manifest = self._manifests[name]
            row = await snapshots.keep(c, environment, self._at, manifest, seen=seen)
            self._ids[name] = row
            self.kept[row] = snapshot
        return self._ids[name]


async def pack(at: datetime, *given: Snapshot | None) -> Pack:
    """Return snapshots ready to be kept at a time; None is none."""
    distinct = {id(s): s for s in given if s is not None}
    # Off the event loop: a large schema takes a second to lay out.
    made = {name: await asyncio.to_thread(_laid_out, s) for name, s in distinct.items()}
    return Pack(made, at)


def _laid_out(snapshot: Snapshot) -> Manifest:
    _ = snapshot.root  # which remembers it: it is kept, too
    return paginate(snapshot)


async def row_of(c: AsyncConnection, environment: str) -> Row[Any] | None:
    """Return the environment's row, or None when nothing was kept of it yet."""
    row: Row[Any] | None = (await c.execute(_ROW, {"environment": environment})).one_or_none()
    return row


async def key(c: AsyncConnection) -> bytes:
    """Return what this store's readers seal secrets with, the same for ever."""
    return bytes((await c.execute(select(tables.seal.c.key))).scalar_one())


async def book_of(c: AsyncConnection, row: Row[Any], kept: Mapping[int, Snapshot]) -> Book:
    """Return the book that an environment's row stands for; `kept` are its snapshots by id."""
    agreed = kept.get(row.agreed_id)
    unknown = codec.IDS.read(row.agreed_unknown)
    incidents, resolved = await _incidents(c, row.name)
    against = codec.AGAINST.read(row.against)
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
        incidents=incidents,
        resolved=resolved,
        marks=await marks.about(c, row.name, row.looked_at),
        against=against,
        not_compared=codec.COUNTS.read(row.not_compared),
        content=row.content or "",
        notes=codec.NOTES.read(row.notes),
        enacted=await plans.enacted(c, row.name, judged_until(against, row.seen_at)),
    )


def seen_of(row: Row[Any], kept: Mapping[int, Snapshot]) -> Book:
    """Return of the book that a row stands for what concerns those that follow the environment."""
    return Book(
        environment=row.name,
        snapshot=kept.get(row.snapshot_id),
        histories=codec.HISTORIES.read(row.histories),
        reason=row.reason,
        seen_at=row.seen_at,
        failures=row.failures,
    )


async def _sync_point(c: AsyncConnection, id_: int | None) -> SyncPoint | None:
    row = (await c.execute(_SYNC_POINT, {"id": id_})).one_or_none()
    return None if row is None else points.as_sync_point(row)


async def _incidents(
    c: AsyncConnection, environment: str
) -> tuple[tuple[Incident, ...], tuple[Incident, ...]]:
    """Return the incidents that are not over, the oldest first, and the latest that are."""
    mine = await c.execute(_LATEST, {"environment": environment})
    found = [codec.INCIDENT.read(body) for body in mine.scalars()]
    going_on = tuple(i for i in found if i.state is not State.RESOLVED)
    return going_on, tuple(i for i in found if i.state is State.RESOLVED)


def snapshot_ids(row: Row[Any]) -> set[int]:
    """Return the ids of the snapshots that an environment's row refers to."""
    return {i for i in (row.snapshot_id, row.expected_id, row.agreed_id) if i is not None}


async def save(c: AsyncConnection, step: Step, pack: Pack) -> Row[Any]:
    """Write one step and return the environment's row as it is then.

    Raises Stale when the environment was declared right after the step's book was loaded.
    """
    await turn(c, step.environment)
    row = await row_of(c, step.environment)
    if step.based_on != (row.sync_point_id if row else None):
        raise Stale(step.environment)
    values = await _snapshot_values(c, step, pack)
    if step.sync_point is not None:
        content = _content(row, values)
        # What a look declares was expected already, so that there is nothing else to go back to.
        before = content if step.sync_point.how is How.MIGRATION else None
        point = await points.keep(c, step.sync_point, content, before)
        values |= {"sync_point_id": point, "expected_id": content}
    await keep_row(c, step.environment, _look_values(step) | values, is_new=row is None)
    for incident in step.incidents:
        await keep_incident(c, incident)
    await outbox.add(c, step.notices)
    for mark in step.ended:
        await marks.end(c, [mark.mark], f"pgdrift: {mark.why}", step.at)
    await keep_events(c, step.events)
    now: Row[Any] = (await c.execute(_ROW, {"environment": step.environment})).one()
    await points.keep_applied(c, step.applied, now)
    return now


def _content(row: Row[Any] | None, values: Mapping[str, Any]) -> int:
    """Return the id of what a look that declares a sync point declares: what is expected then."""
    known = row.expected_id if row is not None else None
    content: int = values.get("expected_id") or known or values["snapshot_id"]
    return content


async def _snapshot_values(c: AsyncConnection, step: Step, pack: Pack) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if step.snapshot is not None:
        values["snapshot_id"] = await pack.keep(c, step.environment, step.snapshot, seen=True)
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
        "content": step.content,
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


async def keep_incident(c: AsyncConnection, incident: Incident) -> None:
    """Write an incident, or in place of the one with its id."""
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
        | {"subject": e.subject, "detail": e.detail and codec.DETAIL.write(e.detail)}
        for e in events
    ]
    await snapshots.insert_all(c, tables.event, rows)
