"""Plans put into the daemon's store, and what is said of that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pgdrift.cli import sides
from pgdrift.cli.options import user
from pgdrift.cli.when import kept_store
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.plan.model import Plan

if TYPE_CHECKING:
    from pgdrift.store import Store


async def keep(
    config: Path | None, plan: Plan, of: tuple[Snapshot, Snapshot], by: str | None = None
) -> str:
    """Keep a plan in the store that the daemon keeps; say what its name is.

    Raises ConfigError when there is none yet.
    """
    async with kept_store(sides.settings(config)) as store:
        return await keep_in(store, plan, of, by)


async def keep_in(
    store: Store,
    plan: Plan,
    of: tuple[Snapshot, Snapshot],
    by: str | None = None,
    *,
    incident: str = "",
    about: str = "",
) -> str:
    """Keep a plan with the files of its folder; say what its name is."""
    from pgdrift.reconcile import planfile

    kept = KeptPlan(plan, datetime.now(UTC), by or user(), incident, about)
    await store.keep_plan(kept, planfile.files(plan, of))
    return f"kept as plan {kept.id}: `pgdrift plans show {kept.id}`"
