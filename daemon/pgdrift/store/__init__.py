"""What must survive: books, snapshots, notices on their way, the timeline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pgdrift.store.failures import Stale
from pgdrift.store.store import Store

__all__ = ["Stale", "Store", "open_store"]


@asynccontextmanager
async def open_store(url: str, *, patience: float = 10.0) -> AsyncIterator[Store]:
    """Open a store for the time of a block; see `Store.open`."""
    async with await Store.open(url, patience=patience) as store:
        yield store
