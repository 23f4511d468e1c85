"""What a snapshot cannot tell, counted beside it: anew where it may be another, else as before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pgdrift.core.model import Snapshot
from pgdrift.sources.connection import Connection
from pgdrift.sources.needed import Needed
from pgdrift.sources.uncovered import count_not_compared
from pgdrift.sources.unknown import Unknown, read_unknown


@dataclass(frozen=True, slots=True)
class Aside:
    """What this release does not know, and how many objects there are that no kind covers."""

    unknown: Unknown
    uncovered: Mapping[str, int]


async def read_aside(
    connection: Connection,
    snapshot: Snapshot,
    exclude_schemas: Collection[str],
    before: Aside | None,
    needed: Needed | None,
) -> Aside:
    """Return what the snapshot cannot tell. `needed` says what may be another than it was `before`.

    Reads inside the transaction that the caller opened. Raises SourceError.
    """
    if before is None or needed is None:
        return Aside(
            await read_unknown(connection, snapshot, exclude_schemas),
            await count_not_compared(connection, exclude_schemas),
        )
    return Aside(
        await read_unknown(connection, snapshot, exclude_schemas, (before.unknown, needed)),
        await count_not_compared(connection, exclude_schemas)
        if needed.on_members
        else before.uncovered,
    )
