"""What must survive: books, snapshots, notices on their way, the timeline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

from pgdrift.store import engine, lock, postgres
from pgdrift.store.failures import Fenced, Stale
from pgdrift.store.outbox import Lane
from pgdrift.store.outlines import Outline
from pgdrift.store.session import BEATS, Session
from pgdrift.store.store import LEAD, Store, watching

__all__ = [
    "BEATS",
    "LEAD",
    "Fenced",
    "Lane",
    "Outline",
    "Session",
    "Stale",
    "Store",
    "exists",
    "is_shared",
    "open_store",
    "watching",
]

is_shared = postgres.is_server


def exists(url: str) -> bool:
    """Tell whether there is a store at this URL; one on a server comes by being asked for.

    Raises ConfigError for a URL that is none.
    """
    return is_shared(url) or Path(str(engine.parse(url).database)).exists()


@asynccontextmanager
async def open_store(
    url: str, *, patience: float = 10.0, exclusive: bool = False
) -> AsyncIterator[Store]:
    """Open a store for the time of a block; see `Store.open`.

    `exclusive` is for the daemon, of which a file has one at a time; others may read and declare.
    On a server there may be several, and each keeps what it holds by `Store.join` alone. Raises
    StoreError, `locked` when there is one already.
    """
    if is_shared(url):
        async with await Store.open(url, patience=patience, fenced=exclusive) as store:
            yield store
        return
    held = partial(lock.hold, str(engine.parse(url).database))
    with held() if exclusive else nullcontext():
        # A command of a new release must not change the tables beneath a daemon of the old one.
        alone = nullcontext if exclusive else held
        async with await Store.open(url, patience=patience, alone=alone) as store:
            yield store
