"""A plan as `pgdrift plan --prove` makes it, and whether what its proof claims is true.

The scripts are run by psql in the database that is the target; the judge is pg_dump.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Plan
from pgdrift.core.plan.roles import roles
from pgdrift.core.plan.shown import script
from pgdrift.core.plan.unseen import without
from pgdrift.reconcile.prove import Ground, Likeness, Refused, Trial, prove, prove_what_holds
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.ground import ground
from pgdrift.sources.scratch import Scratch
from tests.plan.dumped import apart, dump, psql
from tests.plan.proving import line, read

# Names count for the judge, and so for the plan.
JUDGED = Options(constraint_names=True)


@dataclass(frozen=True, slots=True)
class Side:
    """A database, what pgdrift reads of it, and what pg_dump says of it."""

    dsn: str
    snapshot: Snapshot
    dumped: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A plan with its proof, and for each way what is not as the proof says; empty: all is."""

    plan: Plan
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()

    @property
    def false(self) -> tuple[str, ...]:
        """What the proof claims and is not so."""
        return self.up + self.down

    @property
    def by_hand(self) -> tuple[str, ...]:
        """What the plan does not do, or the proof does not speak of, with the reasons."""
        proof = self.plan.proof
        left = (*self.plan.up.by_hand, *self.plan.down.by_hand, *(proof.unseen if proof else ()))
        return tuple(map(line, left))

    @property
    def whole(self) -> bool:
        """Whether it is proved up and down, and nothing is left out."""
        return self.plan.proved and not self.by_hand


async def side(dsn: str) -> Side:
    """Return a database as a side of a plan."""
    return Side(dsn, await read(dsn), await dump(dsn))


async def claimed(
    server: EmbeddedServer,
    target: Side,
    source: Side,
    *,
    options: Options = JUDGED,
    online: bool = False,
    rows: int = 0,
) -> Claim:
    """Plan and prove, then run both scripts in the target, which is as it was at the end."""
    sides = (target.snapshot, source.snapshot)
    scratch = Scratch(server.dsn)

    def make(refused: Refused = ({}, {})) -> Plan:
        return make_plan(sides, ("target", "source"), options, online=online, refused=refused)

    async def try_it(plan: Plan) -> Trial:
        async with ground(scratch, roles(*sides)) as empty:
            place = Ground(empty.session, lambda: read(empty.dsn))
            return await prove(plan, sides, place, Likeness(options), rows=rows)

    plan, _ = await prove_what_holds(make, try_it)
    if not plan.proved or not (plan.up.statements or plan.down.statements):
        return Claim(plan)
    return Claim(plan, *(await _ways(server, target, source, plan)))


async def _ways(
    server: EmbeddedServer, target: Side, source: Side, plan: Plan
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is false of either way; what the proof does not speak of is not run."""
    unseen = plan.proof.unseen if plan.proof else ()
    plan = without(plan, unseen)
    if said := await psql(target.dsn, script(plan, plan.up, "up").encode()):
        return (f"up.sql: {said}",), ()
    up: list[str] = []
    if not plan.up.by_hand and not unseen:
        up = await apart(server, await dump(target.dsn), source.dumped)
    if said := await psql(target.dsn, script(plan, plan.down, "down").encode()):
        return tuple(up), (f"down.sql: {said}",)
    down: list[str] = []
    if not plan.down.by_hand and not unseen:
        down = await apart(server, await dump(target.dsn), target.dumped)
    return tuple(up), tuple(down)
