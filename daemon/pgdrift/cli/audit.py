"""What the store of an environment is told while a plan is run there: who, why, how far, what came.

An environment that is named by a connection URL has none, and neither has one that no daemon
watches. Whatever is wrong with the store is told, and stops nothing: the record beside the plan
is what counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pgdrift.core.model import Event, Snapshot
from pgdrift.core.plan.kept import plan_id
from pgdrift.core.plan.model import Plan
from pgdrift.core.plan.record import since_up
from pgdrift.core.printable import one_line
from pgdrift.core.why.enacted import Enactment, Left, Result, left_by
from pgdrift.errors import PgdriftError

if TYPE_CHECKING:
    from pgdrift.cli.running import Order
    from pgdrift.reconcile.journal import Journal
    from pgdrift.store import Store

Sides = tuple[Snapshot, Snapshot]
# A transaction is done by then, and others may wait for the next.
_PATIENCE = 3.0


@dataclass(slots=True)
class Audit:
    """One run of a plan as the store hears of it; without a store it hears nothing."""

    order: Order
    plan: Plan
    of: Sides
    say: Callable[[str], None]
    store: Store | None = None
    _now: Enactment | None = None
    _start: Snapshot | None = None
    _ahead: Left = field(default_factory=dict)
    # What was no more as expected before the plan: the way back explains none of it.
    _drift: frozenset[str] = frozenset()

    @property
    def key(self) -> bytes:
        """What the store's readers seal secrets with: so what is left behind is known again."""
        return self.store.key if self.store else b""

    async def began(self, start: Snapshot, journal: Journal) -> None:
        """Tell that it begins, or goes on: with what there is now."""
        from pgdrift.cli.keeping import keep_in

        self._start = start
        order, store = self.order, self.store
        if order.title == "down":
            self._drift = _drifted(journal)
        elif store and not order.resume:
            await self._note_drift(store, start, journal)
        self._ahead = self._left(self.of[1] if order.title == "up" else self.of[0])
        if store is None:
            return
        enactment = Enactment(
            plan_id(self.plan),
            str(order.place.name),
            order.title,
            order.actor,
            order.reason,
            _now(),
            order.approved_by,
            left=self._ahead,
            entries=tuple(journal.entries()),
        )
        try:
            await keep_in(store, self.plan, self.of, order.actor)
            self._now = await store.keep_enactment(enactment)
        except PgdriftError as error:
            self.lost(error)
        await self._tell("began", "resumed" if order.resume else "")

    async def left(self, found: Snapshot, journal: Journal) -> None:
        """Tell how far it is: what there is after one more transaction."""
        if self._now and self._start:
            left = {**self._ahead, **self._left(found)}
            await self._keep(replace(self._now, left=left), journal)

    async def ended(self, result: Result, journal: Journal, said: str = "") -> None:
        """Tell what came of it."""
        if self._now:
            over = replace(self._now, ended_at=_now(), result=result, said=one_line(said))
            await self._keep(over, journal)
        verb = "applied" if self.order.title == "up" else "rolled_back"
        await self._tell(verb if result is Result.DONE else "not_applied", said)

    def _left(self, found: Snapshot) -> Left:
        left = left_by(self._start, found) if self._start else {}
        return {key: content for key, content in left.items() if key not in self._drift}

    async def _note_drift(self, store: Store, start: Snapshot, journal: Journal) -> None:
        """Write down what is not as expected: a way back would bring it back, and not as right."""
        try:
            expected = (await store.load(str(self.order.place.name))).expected
        except PgdriftError as error:
            self.lost(error)
            return
        drift = sorted(left_by(expected, start)) if expected else []
        journal.write("drift", objects=drift)

    async def _keep(self, enactment: Enactment, journal: Journal) -> None:
        assert self.store  # noqa: S101  it has kept the beginning
        try:
            entries = tuple(journal.entries())
            self._now = await self.store.keep_enactment(replace(enactment, entries=entries))
        except PgdriftError as error:
            self.lost(error)

    async def _tell(self, verb: str, more: str) -> None:
        """Write a line of the timeline."""
        order = self.order
        if self.store is None or order.place.name is None:
            return
        agreed = f", approved by {', '.join(order.approved_by)}" if order.approved_by else ""
        text = f"{order.actor}: plan {plan_id(self.plan)} {order.title}{agreed}: {order.reason}"
        event = Event(order.place.name, _now(), verb, one_line(f"{text}: {more}" if more else text))
        try:
            await self.store.keep_event(event)
        except PgdriftError as error:
            self.lost(error)

    def lost(self, error: PgdriftError) -> None:
        """Say that the store cannot be told."""
        self.say(f"warning: the store of {self.order.place.name} does not hear of it: {error}")


@asynccontextmanager
async def audited(
    order: Order, plan: Plan, of: Sides, say: Callable[[str], None]
) -> AsyncIterator[Audit]:
    """Give what tells the store of a run, for as long as that takes."""
    from pgdrift.store import exists, open_store

    audit = Audit(order, plan, of, say)
    settings = order.place.settings
    if settings is None or order.place.name is None or not exists(settings.store.read_url()):
        yield audit
        return
    async with AsyncExitStack() as stack:
        try:
            opening = open_store(settings.store.read_url(), patience=_PATIENCE)
            audit.store = await stack.enter_async_context(opening)
        except PgdriftError as error:
            audit.lost(error)
        yield audit


def _drifted(journal: Journal) -> frozenset[str]:
    """Return what was drift before the way there was last begun, as far as it was known."""
    found = since_up(journal.entries(), "drift").get("objects")
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def _now() -> datetime:
    return datetime.now(UTC)
