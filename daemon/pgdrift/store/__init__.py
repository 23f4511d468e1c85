"""What must survive: books, snapshots, notices on their way, the timeline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pgdrift.store import engine
from pgdrift.store.failures import Stale
from pgdrift.store.store import Store

__all__ = ["Stale", "Store", "exists", "open_store"]


def exists(url: str) -> bool:
    """Tell whether there is a store at this URL. Raises ConfigError for a URL that is none."""
    return Path(str(engine.parse(url).database)).exists()


@asynccontextmanager
async def open_store(url: str, *, patience: float = 10.0) -> AsyncIterator[Store]:
    """Open a store for the time of a block; see `Store.open`."""
    async with await Store.open(url, patience=patience) as store:
        yield store
