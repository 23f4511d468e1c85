"""What somebody orders, as a mark: checked against what is there, kept, and told in the timeline.

On a connection that writes; the caller's transaction keeps all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.marks import Mark, Order, Right, Verb, fault, right
from pgdrift.core.model import Event
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError
from pgdrift.store import books, codec, marks, tables
from pgdrift.store.postgres import turn

_VERBS = {Verb.ACK: "acknowledged", Verb.SILENCE: "silenced", Verb.ACCEPT: "accepted"}
_SEE = "`pgdrift incidents` shows what there is"


async def mark(c: AsyncConnection, order: Order, now: datetime) -> Mark:
    """Keep an order as a mark, or end one; return it. Raises ConfigError (usage)."""
    # Numbers are to be seen in their order, and nothing is ended twice.
    await turn(c, " marks")
    if why := fault(order, now):
        raise _refused(f"the order cannot be meant: {why}")
    if order.verb is Verb.END:
        return await _end(c, order, now)
    kept = await marks.keep(c, await _made(c, order, now))
    text = f"{kept.words} {_VERBS[kept.verb]} by {kept.actor}{_until(kept)}: {kept.reason}"
    await _tell(c, kept, _VERBS[kept.verb], text, now)
    return kept


async def _made(c: AsyncConnection, order: Order, now: datetime) -> Mark:
    incident = None if order.incident is None else await _incident(c, order.incident)
    bare = Mark(
        0,
        order.verb,
        order.actor,
        order.reason,
        now,
        order.until,
        incident.environment if incident else order.environment or "",
        incident.id if incident else None,
        matcher=order.matcher,
    )
    if order.verb is Verb.ACCEPT:
        return replace(bare, findings=await _rights(c, order, bare.environment, incident))
    return bare


async def _end(c: AsyncConnection, order: Order, now: datetime) -> Mark:
    found = await marks.by_id(c, order.mark or 0)
    if found is None:
        raise _refused(f"nothing has the number {order.mark}")
    if not found.holds(now):
        raise _refused(f"{found.verb.value} {found.id} has ended already")
    await marks.end(c, [found.id], order.actor, now)
    ended = replace(found, ended_at=now, ended_by=order.actor)
    was = _VERBS[ended.verb]
    text = f"{ended.words} no longer {was}: {order.actor} ended it: {order.reason}"
    await _tell(c, ended, "mark_ended", text, now)
    return ended


async def _incident(c: AsyncConnection, word: str) -> Incident:
    """Return the incident that is meant: by its id, or by how the id of just one begins."""
    t = tables.incident
    query = select(t.c.body).where(t.c.id.startswith(word, autoescape=True)).limit(2)
    found = [codec.INCIDENT.read(body) for body in (await c.execute(query)).scalars()]
    exact = [i for i in found if i.id == word] or found
    if not word or not exact:
        raise _refused(f"there is no incident {one_line(word)!r}")
    if len(exact) > 1:
        raise _refused(f"more than one incident begins with {one_line(word)!r}")
    if exact[0].state is State.RESOLVED:
        raise _refused(f"incident {exact[0].id} in {one_line(exact[0].environment)} is resolved")
    return exact[0]


async def _rights(
    c: AsyncConnection, order: Order, environment: str, incident: Incident | None
) -> tuple[Right, ...]:
    """Return the findings that an acceptance names, as the last look found them."""
    row = await books.row_of(c, environment)
    found = [
        (a.yardstick, f)
        for a in (codec.AGAINST.read(row.against) if row else ())
        for f in a.findings
        if incident is None or incident.against == a.yardstick
    ]
    wanted = order.findings or {f.key for _, f in found}
    known = {f.key for _, f in found}
    for key in wanted:
        if key not in known:
            raise _no_finding(key, environment, known)
    if not wanted:
        raise _refused(f"incident {order.incident} has no finding to accept")
    return tuple(right(f, against) for against, f in found if f.key in wanted)


async def _tell(c: AsyncConnection, kept: Mark, verb: str, text: str, now: datetime) -> None:
    """Write the line into the timeline of each environment that it is about."""
    names = (await c.execute(select(tables.environment.c.name))).scalars()
    keys = {f.key for f in kept.findings}
    subject = keys.pop() if len(keys) == 1 else ""
    await books.keep_events(
        c, tuple(Event(n, now, verb, one_line(text), subject) for n in names if kept.is_for(n))
    )


def _until(kept: Mark) -> str:
    return f" until {kept.until:%Y-%m-%d %H:%M} UTC" if kept.until else ""


def _no_finding(key: str, environment: str, known: Collection[str]) -> ConfigError:
    near = get_close_matches(key, known, 1)
    did_you_mean = f"; did you mean {one_line(near[0])}?" if near else ""
    what = f"{one_line(environment)} has no finding {one_line(key)!r} at its last look"
    return _refused(what + did_you_mean)


def _refused(message: str) -> ConfigError:
    return ConfigError(message, reason="usage", hint=_SEE)
