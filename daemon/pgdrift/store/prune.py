"""Forgets what is old and needed no more, a bounded share at a time.

Kept for ever: what an environment or a sync point refers to, open incidents, and whatever still
waits to be told. What an environment was as the time began that is kept, stays as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.incident import State
from pgdrift.store import plans, tables
from pgdrift.store.outbox import Stage
from pgdrift.store.pages import buckets_of, lines
from pgdrift.store.postgres import turn
from pgdrift.store.snapshots import CONTENTS, batches

# What one transaction deletes of each, so that a look never waits long for its turn.
_SHARE = 500


async def prune(c: AsyncConnection, before: datetime) -> int:
    """Delete one share of what ended before this moment; return how many rows that were."""
    await turn(c, CONTENTS)
    events = select(tables.event.c.id).where(tables.event.c.at < before)
    gone = await _delete(c, tables.event.c.id, events)
    gone += await _prune_incidents(c, before)
    m = tables.mark
    said = select(m.c.id).where((m.c.ended_at < before) | (m.c.until < before))
    gone += await _delete(c, m.c.id, said)
    applied = select(tables.applied.c.id).where(tables.applied.c.at < before)
    gone += await _delete(c, tables.applied.c.id, applied)
    gone += await _delete(c, tables.enactment.c.id, plans.old_enactments(before))
    old = (await c.execute(plans.old_plans(before).limit(_SHARE))).scalars().all()
    await plans.forget(c, old)
    gone += len(old)
    gone += await _delete(c, tables.snapshot.c.id, _old_snapshots(before))
    return gone + await _prune_pages(c)


async def _delete(c: AsyncConnection, key: Any, ids: Select[Any]) -> int:
    found = (await c.execute(ids.limit(_SHARE))).scalars().all()
    await _delete_all(c, key, found)
    return len(found)


async def _delete_all(c: AsyncConnection, key: Any, values: Any) -> None:
    for batch in batches(values):
        await c.execute(key.table.delete().where(key.in_(batch)))


async def _prune_incidents(c: AsyncConnection, before: datetime) -> int:
    i, d, n = tables.incident, tables.delivery, tables.notice
    waits = exists().where(
        d.c.incident_id == i.c.id, d.c.state.in_([Stage.PENDING, Stage.ATTEMPTING])
    )
    old = select(i.c.id).where(i.c.state == State.RESOLVED, i.c.resolved_at < before, ~waits)
    ids = (await c.execute(old.limit(_SHARE))).scalars().all()
    for key in (d.c.incident_id, n.c.incident_id, i.c.id):
        await _delete_all(c, key, ids)
    return len(ids)


def _old_snapshots(before: datetime) -> Select[Any]:
    e, s = tables.environment, tables.snapshot
    named = union(
        select(tables.sync_point.c.snapshot_id),
        select(tables.applied.c.snapshot_id),
        select(tables.applied.c.expected_id),
        # It was so until the next was seen, perhaps after that moment.
        select(func.max(s.c.id)).where(s.c.kept_at < before, s.c.seen).group_by(s.c.environment),
        *(
            select(k).where(k.is_not(None))
            for k in (
                tables.sync_point.c.before_id,
                tables.sync_point.c.expected_id,
                *(e.c.snapshot_id, e.c.expected_id, e.c.agreed_id),
            )
        ),
    )
    return select(s.c.id).where(s.c.kept_at < before, s.c.id.not_in(named))


async def _prune_pages(c: AsyncConnection) -> int:
    p = tables.page
    used = exists().where(tables.snapshot_page.c.page == p.c.digest)
    old = (await c.execute(select(p.c.digest, p.c.body).where(~used).limit(_SHARE))).all()
    await _delete_all(c, p.c.digest, [row.digest for row in old])
    maybe = {line.digest for row in old for line in lines(row.body)}
    unused = maybe - await _still_used(c, maybe)
    await _delete_all(c, tables.content.c.digest, [bytes.fromhex(d) for d in unused])
    return len(old) + len(unused)


async def _still_used(c: AsyncConnection, digests: set[str]) -> set[str]:
    # A content is only ever in pages whose bucket its digest begins with.
    p = tables.page
    used: set[str] = set()
    for batch in batches({bucket for digest in digests for bucket in buckets_of(digest)}):
        for body in (await c.execute(select(p.c.body).where(p.c.bucket.in_(batch)))).scalars():
            used.update(line.digest for line in lines(body))
    return used
