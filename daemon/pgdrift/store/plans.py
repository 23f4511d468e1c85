"""Plans and each time that one was run: rows in, nouns out, and back. On a connection it is given.

A plan is its files, byte for byte; what is shown of it is kept beside them, so that no page has to
parse them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.plan.kept import MADE_HERE, KeptPlan
from pgdrift.core.plan.parsed import parse
from pgdrift.core.plan.shown import plan_json
from pgdrift.core.why.enacted import CLOSELY, Enactment, Result
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import snapshots, tables

_p, _f, _e = tables.plan, tables.plan_file, tables.enactment
# Of what was run on an environment a look takes so many into account.
_MOST = 20
_SHORTEST = 4


def _deflated(value: object) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=True).encode())


def _inflated(body: bytes) -> Any:
    try:
        return json.loads(zlib.decompress(body))
    except (zlib.error, ValueError) as error:
        raise _damaged() from error


def _damaged() -> StoreError:
    return StoreError(
        "the store holds a plan that cannot be read",
        reason="damaged",
        hint="restore the store from its latest backup",
    )


async def keep(c: AsyncConnection, kept: KeptPlan, files: Mapping[str, bytes]) -> None:
    """Write a plan, or in place of the one of its name.

    What was made for the same incident before and never run goes: one is to be taken.
    """
    values = {
        "environment": kept.environment,
        "source": kept.source,
        "made_at": kept.made_at,
        "made_by": kept.made_by,
        "incident_id": kept.incident,
        "about": kept.about,
        "body": _deflated(plan_json(kept.plan)),
    }
    known = (await c.execute(select(_p).where(_p.c.id == kept.id))).one_or_none()
    if known is not None and not kept.incident:
        # Whoever runs it, or keeps it once more, takes it from no incident.
        values |= {"incident_id": known.incident_id, "about": known.about}
    if known is not None:
        await c.execute(_p.update().where(_p.c.id == kept.id).values(values))
        await c.execute(_f.delete().where(_f.c.plan_id == kept.id))
    else:
        await c.execute(_p.insert().values({"id": kept.id} | values))
    rows = [
        {"plan_id": kept.id, "name": name, "body": zlib.compress(body)}
        for name, body in files.items()
    ]
    await snapshots.insert_all(c, _f, rows)
    if kept.incident:
        await _replace_older(c, kept)


async def _replace_older(c: AsyncConnection, kept: KeptPlan) -> None:
    run = exists().where(_e.c.plan_id == _p.c.id)
    older = (_p.c.incident_id == kept.incident) & (_p.c.id != kept.id)
    mine = older & (_p.c.made_by == MADE_HERE) & ~run
    await forget(c, (await c.execute(select(_p.c.id).where(mine))).scalars().all())


async def forget(c: AsyncConnection, ids: Sequence[str]) -> None:
    """Delete plans with their files."""
    for batch in snapshots.batches(ids):
        await c.execute(_f.delete().where(_f.c.plan_id.in_(batch)))
        await c.execute(_p.delete().where(_p.c.id.in_(batch)))


def _as_kept(row: Row[Any]) -> KeptPlan:
    try:
        plan = parse(_inflated(row.body))
    except ValueError as error:
        raise _damaged() from error
    return KeptPlan(plan, row.made_at, row.made_by, row.incident_id, row.about)


async def kept(
    c: AsyncConnection, environment: str | None = None, limit: int = 100
) -> tuple[KeptPlan, ...]:
    """Return plans, the latest first: of one environment, or of all for None."""
    query = select(_p).order_by(_p.c.made_at.desc(), _p.c.id).limit(limit)
    if environment is not None:
        query = query.where(_p.c.environment == environment)
    return tuple(map(_as_kept, await c.execute(query)))


async def made_for(c: AsyncConnection) -> dict[str, tuple[str, str]]:
    """Return by incident the id of the plan that was made for it last, and of which findings."""
    query = select(_p.c.incident_id, _p.c.id, _p.c.about).where(_p.c.incident_id != "")
    found = await c.execute(query.order_by(_p.c.made_at))
    return {row.incident_id: (row.id, row.about) for row in found}


async def named(c: AsyncConnection, word: str) -> KeptPlan | None:
    """Return the plan of a name or of its beginning, or the last of an incident; None for none.

    Raises ConfigError when several begin so.
    """
    begins = func.substr(_p.c.id, 1, len(word)) == word
    found = await _some(c, select(_p).where(begins)) if len(word) >= _SHORTEST else ()
    if len(found) > 1:
        names = ", ".join(k.id for k in found)
        msg = f"{len(found)} plans begin with {word!r}"
        raise ConfigError(msg, reason="usage", hint=f"name one of them: {names}")
    if not found:
        mine = select(_p).where(_p.c.incident_id == word).order_by(_p.c.made_at.desc())
        found = await _some(c, mine.limit(1)) if word else ()
    return found[0] if found else None


async def _some(c: AsyncConnection, query: Select[Any]) -> tuple[KeptPlan, ...]:
    return tuple(map(_as_kept, await c.execute(query.limit(10))))


async def files(c: AsyncConnection, id_: str) -> dict[str, bytes]:
    """Return the files of a plan, by name."""
    found = await c.execute(select(_f).where(_f.c.plan_id == id_).order_by(_f.c.name))
    try:
        return {row.name: zlib.decompress(row.body) for row in found}
    except zlib.error as error:
        raise _damaged() from error


async def keep_enactment(c: AsyncConnection, enactment: Enactment) -> Enactment:
    """Write that a plan is run, or how far it is by now; return it with its number.

    What was begun on that environment before and never ended is over when another begins: there
    is one at a time.
    """
    values = {
        "plan_id": enactment.plan,
        "environment": enactment.environment,
        "way": enactment.way,
        "by": enactment.by,
        "reason": enactment.reason,
        "approved_by": json.dumps(enactment.approved_by),
        "began_at": enactment.began_at,
        "ended_at": enactment.ended_at,
        "result": enactment.result.value,
        "said": enactment.said,
        "left": _deflated(dict(enactment.left)),
        "entries": _deflated(list(enactment.entries)),
    }
    if enactment.id is not None:
        await c.execute(_e.update().where(_e.c.id == enactment.id).values(values))
        return enactment
    still = (_e.c.environment == enactment.environment) & _e.c.ended_at.is_(None)
    over = {"ended_at": enactment.began_at, "result": Result.CUT_OFF.value}
    await c.execute(_e.update().where(still).values(over))
    return replace(enactment, id=await snapshots.insert(c, _e, values))


def _as_enactment(row: Row[Any]) -> Enactment:
    return Enactment(
        row.plan_id,
        row.environment,
        row.way,
        row.by,
        row.reason,
        row.began_at,
        tuple(json.loads(row.approved_by)),
        row.ended_at,
        Result(row.result),
        row.said,
        _inflated(row.left),
        tuple(_inflated(row.entries)),
        row.id,
    )


async def enacted(
    c: AsyncConnection, environment: str, since: datetime | None
) -> tuple[Enactment, ...]:
    """Return what was run on an environment and ended not long before `since`, or not at all."""
    query = select(_e).where(_e.c.environment == environment).order_by(_e.c.id.desc())
    if since is not None:
        query = query.where(_e.c.ended_at.is_(None) | (_e.c.ended_at > since - CLOSELY))
    return tuple(map(_as_enactment, await c.execute(query.limit(_MOST))))


async def enactments(c: AsyncConnection, plans: Sequence[str]) -> tuple[Enactment, ...]:
    """Return each time that one of these plans was run, the latest first."""
    found: list[Enactment] = []
    for batch in snapshots.batches(plans):
        query = select(_e).where(_e.c.plan_id.in_(batch)).order_by(_e.c.id.desc())
        found += map(_as_enactment, await c.execute(query))
    return tuple(found)


async def moved(c: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Return by environment what is another value whenever a plan is begun or ends there."""
    query = select(_e.c.environment, func.max(_e.c.id), func.count(_e.c.ended_at))
    return {row[0]: (row[1], row[2]) for row in await c.execute(query.group_by(_e.c.environment))}


def old_plans(before: datetime) -> Select[Any]:
    """Return what selects plans that are old and were not run since."""
    run = exists().where(_e.c.plan_id == _p.c.id)
    return select(_p.c.id).where(_p.c.made_at < before, ~run)


def old_enactments(before: datetime) -> Select[Any]:
    """Return what selects those of what was run that ended long ago."""
    return select(_e.c.id).where(_e.c.ended_at < before)
