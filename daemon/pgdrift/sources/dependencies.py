"""What depends on what, between the objects of one snapshot: pg_depend in, pairs of names out.

The catalog's own parts (a constraint's index, a view's rule, a table's row type) are told as the
object that they are part of; pg_depend itself says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgdrift.core.model import ObjectId
from pgdrift.sources.connection import Connection

Address = tuple[int, int, int]

_PARTS = """
SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
  FROM pg_catalog.pg_depend d
 WHERE d.objid >= 16384 AND d.deptype = 'i'
   AND d.classid <> 'pg_catalog.pg_attrdef'::pg_catalog.regclass
"""

# A default has an address of its own; it is told as its column.
_ALL = """
SELECT CASE WHEN e.oid IS NULL THEN d.classid
            ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::oid END,
       COALESCE(e.adrelid, d.objid), COALESCE(e.adnum, d.objsubid),
       d.refclassid, d.refobjid, d.refobjsubid
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_attrdef e
    ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND e.oid = d.objid
 WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
"""

QUERIES = (_PARTS, _ALL)

# There are three times as many as objects: they pass by, and only what they say is kept.
_BATCH = 5_000


@dataclass(slots=True)
class _Graph:
    """Pairs by rank, not by name: comparing and hashing so many names would take a second."""

    ids: Mapping[Address, ObjectId]
    ranks: Mapping[ObjectId, int]
    whole: Mapping[Address, Address]
    told: dict[Address, int | None] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)


async def read_dependencies(
    connection: Connection, ids: Mapping[Address, ObjectId]
) -> tuple[tuple[ObjectId, ObjectId], ...]:
    """Return the dependencies between objects of the snapshot, sorted, each once.

    Reads inside the transaction that the caller opened.
    """
    names = await asyncio.to_thread(sorted, ids.values())
    ranks = {i: rank for rank, i in enumerate(names)}
    whole = dict(map(_ends, await connection.fetch(_PARTS)))
    graph = _Graph(ids, ranks, whole)
    cursor = await connection.cursor(_ALL)
    while rows := await cursor.fetch(_BATCH):
        await asyncio.to_thread(_add, graph, rows)
    return tuple((names[a], names[b]) for a, b in sorted(graph.pairs))


def _add(graph: _Graph, rows: Sequence[Sequence[Any]]) -> None:
    for dependent, referenced in map(_ends, rows):
        a, b = _rank(dependent, graph), _rank(referenced, graph)
        if a is not None and b is not None and a != b:
            graph.pairs.add((a, b))


def _rank(address: Address, graph: _Graph) -> int | None:
    """Return the object that an address is part of, by its rank; None for none of the snapshot."""
    if (found := graph.ids.get(address)) is not None:
        return graph.ranks[found]
    if address not in graph.told:
        graph.told[address] = _told_as(address, graph)
    return graph.told[address]


def _ends(row: Sequence[Any]) -> tuple[Address, Address]:
    values = tuple(row)
    return values[0:3], values[3:6]


def _told_as(address: Address, graph: _Graph) -> int | None:
    """Climb from a part to its whole: from an index to its constraint, say."""
    for _ in range(5):
        if (found := graph.ids.get(address)) is not None:
            return graph.ranks[found]
        if (larger := graph.whole.get(address)) is not None:
            address = larger
        elif address[2]:
            # A column of what has no columns of its own, as a view.
            address = (address[0], address[1], 0)
        else:
            return None
    return None
