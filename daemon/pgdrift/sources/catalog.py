"""A connection in, a Snapshot out: one transaction, one query per kind.

What a kind is, the rows of the table of kinds say; this file knows none of them.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
from array import array
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.packed import Packed
from pgdrift.core.held.packing import Packing, Parent
from pgdrift.core.held.register import Register
from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Snapshot
from pgdrift.sources.ahead import ahead, cooperate
from pgdrift.sources.answers import Answer, answers
from pgdrift.sources.connection import Connection, reading, translated
from pgdrift.sources.dependencies import Ends, read_dependencies
from pgdrift.sources.query import PARENT
from pgdrift.sources.uncovered import count_not_compared

__all__ = ["count_not_compared", "read_catalog", "read_with_register", "snapshot"]

# The OID of pg_namespace, the same on every server.
_NAMESPACE = 2615
_ORPHANED = "what its objects belong to could not be read"
# Batches that may lie here while one is told and the server makes the next.
_AHEAD = 1


@dataclass(slots=True)
class Found:
    """What was read so far, and which number lives at which address.

    `elsewhere` are the identities of what was not read and can be a parent, by address; `at` and
    `told_with` the addresses of what was read, and what it is told with, by number.
    """

    packing: Packing = field(default_factory=Packing)
    numbers: Ends = field(default_factory=Ends)
    elsewhere: dict[int, bytes] = field(default_factory=dict)
    at: array[int] = field(default_factory=lambda: array("Q"))
    told_with: array[int] = field(default_factory=lambda: array("I"))
    kinds: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    key: bytes = field(default=b"", repr=False)

    def parent(self, address: int) -> Parent:
        """Return what stands at an address, if anything does."""
        number = self.numbers.get(address)
        return self.elsewhere.get(address) if number is None else number

    def register(self, objects: Packed) -> Register:
        """Return where each object was found, once all are packed."""
        order = list(self.packing.order())
        return Register(
            objects,
            array("Q", map(self.at.__getitem__, order)),
            array("I", map(self.told_with.__getitem__, order)),
        )


@cache
def own_key() -> bytes:
    """Return what secrets are sealed with where nothing is kept from one process to the next."""
    return secrets.token_bytes(32)


async def snapshot(
    connection: Connection,
    *,
    exclude_schemas: Collection[str] = (),
    cluster: bool = False,
    kinds: Sequence[Kind] = KINDS,
    key: bytes = b"",
) -> Snapshot:
    """Return all objects at one instant, read in a transaction of its own.

    `exclude_schemas` are left out with all that is in them. `cluster` asks for what belongs to
    the whole cluster as well. Secrets are sealed with `key`, or with one of this process alone.
    Raises SourceError.
    """
    async with reading(connection):
        return await read_catalog(
            connection, exclude_schemas=exclude_schemas, cluster=cluster, kinds=kinds, key=key
        )


async def read_catalog(
    connection: Connection,
    *,
    exclude_schemas: Collection[str] = (),
    cluster: bool = False,
    kinds: Sequence[Kind] = KINDS,
    key: bytes = b"",
) -> Snapshot:
    """Return all objects, read in the transaction that the caller opened with `reading`.

    A kind that the role may not read is named in `unread`. Raises SourceError.
    """
    snapshot, *_ = await read_with_register(
        connection, exclude_schemas=exclude_schemas, cluster=cluster, kinds=kinds, key=key
    )
    return snapshot


async def read_with_register(
    connection: Connection,
    *,
    exclude_schemas: Collection[str] = (),
    cluster: bool = False,
    kinds: Sequence[Kind] = KINDS,
    key: bytes = b"",
) -> tuple[Snapshot, Register, frozenset[str]]:
    """Return the same, where each object was found, and the kinds of which there is anything."""
    kinds = [k for k in kinds if cluster or not k.cluster]
    with translated(connection.where), without_collector():
        row = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int, current_database()::text"
        )
        found = Found(key=key or own_key())
        await _read_kinds(connection, found, kinds, row[0] // 10000, list(exclude_schemas))
        ends, _ = await asyncio.gather(
            read_dependencies(connection, found.numbers), cooperate(found.packing.folding())
        )
        objects, places = found.packing.packed()
    snapshot = Snapshot(
        objects=objects,
        kinds=frozenset(found.kinds),
        server_version=row[0],
        taken_at=datetime.now(UTC),
        database=row[1],
        unread=found.unread,
        dependencies=Dependencies(objects, array("I", map(places.__getitem__, ends))),
    )
    return snapshot, found.register(objects), frozenset(found.there)


async def _read_kinds(
    connection: Connection, found: Found, kinds: Sequence[Kind], major: int, excluded: list[str]
) -> None:
    alone = [kind for kind in kinds if kind.alone]
    others = [kind for kind in kinds if not kind.alone]
    rows = answers(connection, [*others, *alone], major, excluded, found.key)
    before, missing = 0, False
    async with ahead(rows, _AHEAD) as coming:
        async for answer in coming:
            kind = answer.kind
            if answer.first:
                before, missing = len(found.packing), False
                if kind.alone:
                    coming.meanwhile = found.packing.folding()
            if answer.how:
                missing |= add(found, answer)
            if answer.last:
                # Where a kind could not be read, a missing parent says nothing: then what belongs
                # to it is called unread as well, not gone.
                orphaned = _ORPHANED if missing and found.unread else ""
                _conclude(found, kind.name, before, answer.refused or orphaned)


def _conclude(found: Found, kind: str, before: int, unread: str) -> None:
    if unread:
        found.packing.forget(before)
        del found.at[before:], found.told_with[before:]
        found.numbers = Ends({at: n for at, n in found.numbers.items() if n < before})
        found.unread[kind] = unread
    else:
        found.kinds.add(kind)


def add(found: Found, answer: Answer) -> bool:
    """Add objects; one whose parent was left out goes with it: tell whether there was any.

    Parents come before children, as in the table of kinds.
    """
    how, rows = answer.how, answer.rows
    orphans = _orphans(found, {row[PARENT] for row in rows})
    told = [row for row in rows if row[PARENT] not in orphans] if orphans else rows
    if told and how:
        found.there.add(answer.kind.name)
        # Column by column: row by row would take twice as long.
        paths, args, own, parents, others, *values = zip(*told, strict=True)
        first = found.packing.add(
            paths,
            how.heads(paths, args),
            how.rests(values, len(told)),
            map(found.parent if found.elsewhere else found.numbers.get, parents),
            [address >> 16 & 0xFFFFFFFF for address in own],
        )
        found.at.extend(own)
        found.told_with.extend(others)
        found.numbers.update(zip(own, count(first), strict=False))
        # What has no address of its own.
        found.numbers.pop(0, None)
    return bool(orphans)


def _orphans(found: Found, parents: AbstractSet[int | None]) -> AbstractSet[int | None]:
    # A schema may belong to an extension, and hold objects that do not.
    return {
        address
        for address in parents
        if address not in found.numbers
        and address not in found.elsewhere
        and address != 0
        and (address is None or address >> 48 != _NAMESPACE)
    }


@contextmanager
def without_collector() -> Iterator[None]:
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
