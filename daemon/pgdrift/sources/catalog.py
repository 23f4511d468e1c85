"""A connection in, a Snapshot out: one transaction, one query per kind.

What a kind is, the rows of the table of kinds say; this file knows none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Object, ObjectId, Snapshot, Value
from pgdrift.sources import dependencies
from pgdrift.sources.connection import Connection, reading, translated
from pgdrift.sources.dependencies import Address
from pgdrift.sources.query import query
from pgdrift.sources.uncovered import count_not_compared

__all__ = ["count_not_compared", "read_catalog", "snapshot"]

_NOWHERE = (0, 0, 0)
# The OID of pg_namespace, the same on every server.
_NAMESPACE = 2615


@dataclass(slots=True)
class _Found:
    """What was read so far: rows (id, attributes, own address, parent's), and who lives where."""

    rows: list[tuple[ObjectId, dict[str, Value], Address, Address]] = field(default_factory=list)
    ids: dict[Address, ObjectId] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)


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
    with translated(connection.where):
        row = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int, current_database()::text"
        )
        found = await _read_kinds(connection, kinds, row[0] // 10000, list(exclude_schemas))
        objects = _settle(found)
        depends = await connection.fetch(dependencies.QUERY)
    return Snapshot(
        objects=objects,
        kinds=frozenset(found.kinds),
        server_version=row[0],
        taken_at=datetime.now(UTC),
        database=row[1],
        unread=found.unread,
        dependencies=dependencies.resolve(depends, found.ids, objects),
    )


async def _read_kinds(
    connection: Connection, kinds: Sequence[Kind], major: int, excluded: list[str]
) -> _Found:
    found = _Found()
    # One savepoint serves all: reading changes nothing that going back to it could undo.
    await connection.execute("SAVEPOINT kind")
    for kind in kinds:
        if kind.since > major:
            continue
        try:
            rows = await connection.fetch(query(kind, major), excluded)
        except asyncpg.InsufficientPrivilegeError as error:
            await connection.execute("ROLLBACK TO SAVEPOINT kind")
            found.unread[kind.name] = str(error)
        else:
            _add(found, kind, major, rows)
    await connection.execute("RELEASE SAVEPOINT kind")
    return found


def _add(found: _Found, kind: Kind, major: int, rows: Sequence[Sequence[Any]]) -> None:
    names = [a.name for a in kind.attributes_on(major)]
    for row in rows:
        values = tuple(row)
        i = ObjectId(kind.name, tuple(values[0]), values[1])
        attributes = dict(zip(names, values[8:], strict=True))
        found.rows.append((i, attributes, values[2:5], values[5:8]))
    found.kinds.add(kind.name)


def _settle(found: _Found) -> dict[ObjectId, Object]:
    """Return the objects with their parents; one whose parent was left out goes with it.

    Where a kind could not be read, a missing parent says nothing: then what belongs to it is
    called unread as well, not gone. Parents come before children, as in the table of kinds.
    """
    kept: dict[ObjectId, Object] = {}
    for i, attributes, own, address in found.rows:
        parent = found.ids.get(address)
        known = parent is not None and parent.kind in found.kinds
        # A schema may belong to an extension, and hold objects that do not.
        if known or address == _NOWHERE or address[0] == _NAMESPACE:
            kept[i] = Object(i, attributes, parent if known else None, own[1])
            if own != _NOWHERE:
                found.ids[own] = i
        elif found.unread and i.kind in found.kinds:
            found.kinds.discard(i.kind)
            found.unread[i.kind] = "what its objects belong to could not be read"
    if not found.unread:
        return kept
    return {i: o for i, o in kept.items() if i.kind in found.kinds}
