"""A connection in, a Snapshot out: one transaction, one query per kind.

What a kind is, the rows of the table of kinds say; this file knows none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.sources.connection import Connection, reading, translated

Address = tuple[int, int, int]

_NOWHERE = (0, 0, 0)
# The OID of pg_namespace, the same on every server.
_NAMESPACE = 2615

_USER_SCHEMA = (
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1::text[])"
)

# A default has an address of its own; it is told as its column.
_DEPENDENCIES = """
SELECT CASE WHEN e.oid IS NULL THEN d.classid ELSE 'pg_catalog.pg_class'::regclass::oid END,
       COALESCE(e.adrelid, d.objid), COALESCE(e.adnum, d.objsubid),
       d.refclassid, d.refobjid, d.refobjsubid, d.deptype = 'i' AND e.oid IS NULL
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_attrdef e
    ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND e.oid = d.objid
 WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
"""


@dataclass(slots=True)
class _Found:
    """What was read so far: objects with their parents' addresses, and who lives where."""

    rows: list[tuple[Object, Address]] = field(default_factory=list)
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
        _give_up_orphans(found)
        objects = dict(_with_parents(found))
        depends = await connection.fetch(_DEPENDENCIES)
    return Snapshot(
        objects=objects,
        kinds=frozenset(found.kinds),
        server_version=row[0],
        taken_at=datetime.now(UTC),
        database=row[1],
        unread=found.unread,
        dependencies=_resolve(depends, found.ids, objects),
    )


def query(kind: Kind, major: int) -> str:
    """Return the one query that reads a kind on a server of this major version.

    Columns: path, args, three of the address, three of the parent's, then the attributes in
    order. $1 is the array of schemas to leave out.
    """
    attributes = [f'{a.sql} AS "{a.name}"' for a in kind.attributes_on(major)]
    columns = [
        f"({kind.path})::text[]",
        kind.args,
        *(kind.address or ("0::oid", "0::oid", "0")),
        *(kind.parent or ("0::oid", "0::oid", "0")),
        *attributes,
    ]
    where = f"({kind.where}) AND {_not_a_member(kind)} AND $1::text[] IS NOT NULL"
    text = f"SELECT {', '.join(columns)} FROM {kind.source} WHERE {where}"
    return text.replace("{user_schema}", _USER_SCHEMA)


def _not_a_member(kind: Kind) -> str:
    member = kind.member or (kind.address and kind.address[:2])
    if member is None:
        return "true"
    return (
        "NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.deptype = 'e'"
        f" AND m.objsubid = 0 AND m.classid = {member[0]} AND m.objid = {member[1]})"
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
        found.rows.append((Object(i, attributes, oid=values[3]), values[5:8]))
        if values[2]:
            found.ids[values[2:5]] = i
    found.kinds.add(kind.name)


def _with_parents(found: _Found) -> Iterator[tuple[ObjectId, Object]]:
    """Give the objects with their parents; one whose parent was left out goes with it."""
    for o, address in found.rows:
        parent = found.ids.get(address)
        # A schema may belong to an extension, and hold objects that do not.
        if parent or address == _NOWHERE or address[0] == _NAMESPACE:
            yield o.id, Object(o.id, o.attributes, parent, o.oid)


def _give_up_orphans(found: _Found) -> None:
    """Call a kind unread whose parents could not be read: its objects are not gone."""
    if not found.unread:
        return
    for o, address in found.rows:
        orphan = address != _NOWHERE and address not in found.ids
        if orphan and address[0] != _NAMESPACE and o.id.kind in found.kinds:
            found.kinds.discard(o.id.kind)
            found.unread[o.id.kind] = "what its objects belong to could not be read"
    found.rows = [(o, address) for o, address in found.rows if o.id.kind in found.kinds]


def _resolve(
    rows: Sequence[Sequence[Any]], ids: Mapping[Address, ObjectId], kept: Mapping[ObjectId, Object]
) -> tuple[tuple[ObjectId, ObjectId], ...]:
    """Return the dependencies between objects of the snapshot, sorted, each once."""
    pairs: list[tuple[Address, Address]] = []
    whole: dict[Address, Address] = {}
    for row in rows:
        values = tuple(row)
        dependent, referenced = values[0:3], values[3:6]
        pairs.append((dependent, referenced))
        if values[6]:
            whole[dependent] = referenced
    found = {
        (a, b)
        for dependent, referenced in pairs
        if (a := _told_as(dependent, ids, whole)) is not None
        and (b := _told_as(referenced, ids, whole)) is not None
        and a != b
        and a in kept
        and b in kept
    }
    return tuple(sorted(found))


def _told_as(
    address: Address, ids: Mapping[Address, ObjectId], whole: Mapping[Address, Address]
) -> ObjectId | None:
    """Return the object that an address is part of: an index of its constraint, say."""
    for _ in range(5):
        if (found := ids.get(address)) is not None:
            return found
        if address not in whole:
            # A column of what has no columns of its own, as a view.
            if address[2] == 0:
                return None
            address = (*address[:2], 0)
        else:
            address = whole[address]
    return None
