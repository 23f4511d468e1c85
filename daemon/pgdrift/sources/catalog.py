"""A connection in, a Snapshot out: one transaction, one query per kind.

What a kind is, the rows of the table of kinds say; this file knows none of them.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.sources.connection import Connection, reading, translated
from pgdrift.sources.dependencies import Address, read_dependencies
from pgdrift.sources.query import query
from pgdrift.sources.uncovered import count_not_compared

__all__ = ["count_not_compared", "read_catalog", "snapshot"]

_NOWHERE = (0, 0, 0)
# The OID of pg_namespace, the same on every server.
_NAMESPACE = 2615


@dataclass(slots=True)
class _Found:
    """What was read so far, and who lives at which address. Equal names are one in `names`."""

    objects: dict[ObjectId, Object] = field(default_factory=dict)
    ids: dict[Address, ObjectId] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


async def snapshot(
    connection: Connection,
    *,
    exclude_schemas: Collection[str] = (),
    kinds: Sequence[Kind] = KINDS,
) -> Snapshot:
    """Return all objects at one instant, read in a transaction of its own.

    `exclude_schemas` are left out with all that is in them. Raises SourceError.
    """
    async with reading(connection):
        return await read_catalog(connection, exclude_schemas=exclude_schemas, kinds=kinds)


async def read_catalog(
    connection: Connection,
    *,
    exclude_schemas: Collection[str] = (),
    kinds: Sequence[Kind] = KINDS,
) -> Snapshot:
    """Return all objects, read in the transaction that the caller opened with `reading`.

    A kind that the role may not read is named in `unread`. Raises SourceError.
    """
    with translated(connection.where), _without_collector():
        row = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int, current_database()::text"
        )
        found = await _read_kinds(connection, kinds, row[0] // 10000, list(exclude_schemas))
        depends = await read_dependencies(connection, found.ids)
    return Snapshot(
        objects=found.objects,
        kinds=frozenset(found.kinds),
        server_version=row[0],
        taken_at=datetime.now(UTC),
        database=row[1],
        unread=found.unread,
        dependencies=depends,
    )


async def _read_kinds(
    connection: Connection, kinds: Sequence[Kind], major: int, excluded: list[str]
) -> _Found:
    found = _Found()
    in_thread = asyncio.get_running_loop().run_in_executor
    built: Awaitable[None] = asyncio.sleep(0)
    # One savepoint serves all: reading changes nothing that going back to it could undo.
    await connection.execute("SAVEPOINT kind")
    for kind in kinds:
        if kind.since > major:
            continue
        try:
            rows = await connection.fetch(query(kind, major), excluded)
        except asyncpg.InsufficientPrivilegeError as error:
            await connection.execute("ROLLBACK TO SAVEPOINT kind")
            await built
            built = asyncio.sleep(0)
            found.unread[kind.name] = str(error)
        else:
            # While the server works on the next kind, we do on this one; but in their order.
            await built
            built = in_thread(None, _add, found, kind, major, rows)
    await built
    await connection.execute("RELEASE SAVEPOINT kind")
    return found


def _add(found: _Found, kind: Kind, major: int, rows: Sequence[Sequence[Any]]) -> None:
    """Add the objects of one kind; one whose parent was left out goes with it.

    Where a kind could not be read, a missing parent says nothing: then what belongs to it is
    called unread as well, not gone. Parents come before children, as in the table of kinds.
    """
    names = [a.name for a in kind.attributes_on(major)]
    one = found.names.setdefault
    objects: dict[ObjectId, Object] = {}
    ids: dict[Address, ObjectId] = {}
    for row in rows:
        values = tuple(row)
        own, address = values[2:5], values[5:8]
        parent = found.ids.get(address) or ids.get(address)
        # A schema may belong to an extension, and hold objects that do not.
        if parent is None and address != _NOWHERE and address[0] != _NAMESPACE:
            if found.unread:
                found.unread[kind.name] = "what its objects belong to could not be read"
                return
            continue
        i = ObjectId(kind.name, tuple([one(name, name) for name in values[0]]), values[1])
        objects[i] = o = Object(i, dict(zip(names, values[8:], strict=True)), parent, own[1])
        o.digest  # noqa: B018 - kept with the object: sooner or later it is asked for, then in haste
        if own != _NOWHERE:
            ids[own] = i
    found.objects |= objects
    found.ids |= ids
    found.kinds.add(kind.name)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the search for cycles from going through all that is made here, over and over.

    It takes a third of the time, and there are none. Of readings at the same time the first to
    begin switches it off, and on again at its end.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
