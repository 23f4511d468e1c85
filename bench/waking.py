"""How long it takes from a commit that is told until what it changed is decided on and kept.

Everything is real: the wake-up triggers, a listener, a watch with a store on disk; the timer is an
hour away. Only the web page and the channels are left out, which come after.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from tempfile import TemporaryDirectory

import asyncpg

from bench.stage import Stage
from bench.timing import Ratio, amount
from pgdrift.core.book import Step
from pgdrift.core.look import Upstream
from pgdrift.core.watched import Watched
from pgdrift.reconcile.scripts import NOTIFY
from pgdrift.sources.notifications import Listener
from pgdrift.sources.reading import Source
from pgdrift.store.store import Store
from pgdrift.watch import Ports, Timing, Watch

_TABLE = "public.commits_wake"
_TAKE_OUT = (
    f"DROP TABLE {_TABLE}; DROP EVENT TRIGGER pgdrift_notify_ddl_trigger;"
    " DROP EVENT TRIGGER pgdrift_notify_drop_trigger; DROP SCHEMA pgdrift_notify CASCADE"
)
# People do not commit in step with us: a pause of up to so many seconds comes before each commit.
_PAUSE = 1.0


@dataclass(slots=True)
class _Kept:
    """The store, and when it kept a step that had seen a change."""

    store: Store
    steps: asyncio.Queue[tuple[float, Step]] = field(default_factory=asyncio.Queue)

    async def save(self, step: Step) -> None:
        await self.store.save(step)
        if step.snapshot is not None:
            self.steps.put_nowait((time.perf_counter(), step))

    async def next(self) -> tuple[float, Step]:
        async with asyncio.timeout(600):
            return await self.steps.get()


async def measure(stage: Stage, commits: int) -> list[Ratio]:
    """Return median and 99th percentile over so many commits, of one statement each."""
    admin = await asyncpg.connect(stage.dsn)
    try:
        await admin.execute(f"CREATE TABLE {_TABLE} (id int); {NOTIFY.text}")
        with TemporaryDirectory(prefix="pgdrift-bench-") as folder:
            store = await Store.open(f"sqlite:///{folder}/bench.db")
            async with store, _watching(stage, _Kept(store)) as kept:
                spent = [await _once(admin, kept, number) for number in range(commits)]
        await admin.execute(_TAKE_OUT)
    finally:
        await admin.close()
    return _figures(spent)


def _figures(spent: Sequence[float]) -> list[Ratio]:
    cuts = quantiles(spent, n=100, method="inclusive")
    return [
        amount("commit to decided, p50", cuts[49] * 1000, "ms"),
        amount("commit to decided, p99", cuts[98] * 1000, "ms", 1000),
    ]


async def _once(admin: asyncpg.Connection, kept: _Kept, number: int) -> float:
    """Commit a drift, or the end of the one before; return the seconds until that is kept."""
    change = "DROP COLUMN hotfix" if number % 2 else "ADD COLUMN hotfix int"
    await asyncio.sleep(random.random() * _PAUSE)
    assert kept.steps.empty(), "something else was seen to change"
    await admin.execute(f"ALTER TABLE {_TABLE} {change}")
    committed = time.perf_counter()
    decided, step = await kept.next()
    findings = sum(len(a.findings) for a in step.against or ())
    assert findings == (number + 1) % 2, f"{findings} findings"
    return decided - committed


@asynccontextmanager
async def _watching(stage: Stage, kept: _Kept) -> AsyncIterator[_Kept]:
    """Watch, and give the store once listening has begun."""
    source, listens = Source(lambda: stage.dsn, statement_timeout=600), asyncio.Event()
    ports = Ports(
        read=source.read,
        load=kept.store.load,
        save=kept.save,
        upstream=_none,
        publish=lambda _: None,
        looked=lambda *_: None,
        changed=lambda *_: None,
        wake_sinks=lambda: None,
        wake_upstream=lambda: None,
        woken=lambda *_: listens.set(),
    )
    watch, stop = Watch(Watched("bench"), Timing(3600, 3600), ports), asyncio.Event()
    listener = Listener(lambda: stage.dsn, watch.hear)
    tasks = [asyncio.create_task(watch.run(stop)), asyncio.create_task(listener.run())]
    try:
        await kept.next()
        listener.allow(seen=True)
        await listens.wait()
        yield kept
    finally:
        stop.set()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await source.close()


async def _none() -> Upstream | None:
    return None
