"""What must survive: books, snapshots, notices on their way, the timeline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

from pgdrift.store import engine, lock
from pgdrift.store.failures import Stale
from pgdrift.store.outbox import Lane
from pgdrift.store.store import Store

__all__ = ["Lane", "Stale", "Store", "exists", "open_store"]


def exists(url: str) -> bool:
    """Tell whether there is a store at this URL. Raises ConfigError for a URL that is none."""
    return Path(str(engine.parse(url).database)).exists()


@asynccontextmanager
async def open_store(
    url: str, *, patience: float = 10.0, exclusive: bool = False
) -> AsyncIterator[Store]:
    """Open a store for the time of a block; see `Store.open`.

    `exclusive` is for the daemon, of which a store has one at a time; others may read and declare.
    Raises StoreError, `locked` when there is one already.
    """
    held = partial(lock.hold, str(engine.parse(url).database))
    with held() if exclusive else nullcontext():
        # A command of a new release must not change the tables beneath a daemon of the old one.
        alone = nullcontext if exclusive else held
        async with await Store.open(url, patience=patience, alone=alone) as store:
            yield store
