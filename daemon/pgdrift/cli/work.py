"""What the commands share that run a plan: where, with which care, and what counts as right.

In come the words of a command line, out come the parts of `reconcile/` ready to be used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgdrift.cli import sides
from pgdrift.cli.place import Place
from pgdrift.core.alike.align import unsettled
from pgdrift.core.alike.normalise import normalise
from pgdrift.core.model import Change, Snapshot
from pgdrift.core.plan.likeness import left_over
from pgdrift.core.plan.making import planned
from pgdrift.core.plan.model import LeftOut, Plan, Way
from pgdrift.errors import ConfigError, ReconcileError

if TYPE_CHECKING:
    from pgdrift.reconcile.journal import Journal
    from pgdrift.reconcile.prove import Likeness
    from pgdrift.reconcile.writing import Target

Sides = tuple[Snapshot, Snapshot]
# Shorter, and a prefix would name nothing.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a statement may wait for a lock, and how long it may take, in seconds."""

    lock: float
    statement: float


@asynccontextmanager
async def working(
    place: Place, limits: Limits, name: str, key: bytes = b""
) -> AsyncIterator[Target]:
    """Give a target in a session that is set as its database says, and cannot write yet.

    `key` is what secrets are sealed with that are read there.
    """
    from pgdrift.reconcile.writing import Target
    from pgdrift.sources.catalog import read_catalog
    from pgdrift.sources.connection import connection
    from pgdrift.sources.ledger_found import ledger_schemas

    own = sides.own_kinds(cluster=False)
    async with connection(
        place.dsn,
        lock_timeout=limits.lock,
        statement_timeout=limits.statement,
        more={"application_name": f"pgdrift {name}"},
        as_its_own=True,
    ) as session:

        async def read() -> Snapshot:
            schemas = await ledger_schemas(session)
            return planned(await read_catalog(session, exclude_schemas=schemas, key=key), own)

        yield Target(session, session.where, session.settings, read)


def refuse_protected(place: Place, *, allowed: bool) -> None:
    """Raise ConfigError for a protected environment, unless that was said."""
    environments = place.settings.environments if place.settings else {}
    if place.name in environments and environments[place.name].protected and not allowed:
        raise ConfigError(
            f"{place.name} is protected",
            reason="usage",
            hint="say --protected if you mean it",
        )


def refuse_unproved(plan: Plan, prefix: str | None) -> None:
    """Raise ReconcileError for a plan that is not proved, unless it is forced by its name."""
    if plan.proved:
        return
    if prefix and len(prefix) >= _SHORTEST and plan.binding.startswith(prefix):
        return
    from pgdrift.core.plan.shown import standing

    raise ReconcileError(
        f"the plan is {standing(plan)}; nothing was changed",
        reason="unproved",
        hint="`pgdrift prove` tries it up and down; to run it all the same, say"
        f" --unproved {plan.binding[:12]}",
    )


async def likeness(reader: sides.Sides, plan: Plan, of: Sides) -> Likeness:
    """Return what counted as equal when a plan was made; a scratch server is asked of texts."""
    from pgdrift.reconcile.prove import Likeness

    normal = [normalise(s, plan.options) for s in of]
    answers = await reader.settle(unsettled(normal[1], normal[0], plan.options))
    return Likeness(plan.options, answers.settled)


async def likeness_once(config: Path | None, plan: Plan, of: Sides) -> Likeness:
    """Return the same, and stop what scratch server was started for it."""
    reader = sides.Sides(config)
    try:
        return await likeness(reader, plan, of)
    finally:
        await reader.close()


Judge = Callable[[Snapshot, Sequence[LeftOut]], Sequence[Change]]


def judge_of(plan: Plan, of: Sides, title: str, equal: Likeness) -> Judge:
    """Return what tells how a schema differs from what one way of a plan leads to."""
    from pgdrift.reconcile.prove import EXACTLY

    way: Way = plan.up if title == "up" else plan.down
    options = equal.options if title == "up" else EXACTLY
    wanted = normalise(of[1] if title == "up" else of[0], options)
    # Of the way back it is not known: what the way there left by hand is as nobody's side.
    before = of[0] if title == "up" else None

    def judge(found: Snapshot, not_run: Sequence[LeftOut] = ()) -> Sequence[Change]:
        settled = equal.settled if title == "up" else frozenset()
        return left_over(
            found, wanted, way.by_hand, options, settled, before=before, not_run=not_run
        )

    return judge


def journal_of(folder: Path, place: Place) -> Journal:
    """Return the record of a plan at a place."""
    from pgdrift.reconcile.journal import Journal

    return Journal.of(folder, place.name or sides.title(place.dsn))
