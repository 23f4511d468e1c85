"""What depends on what, between the objects of one snapshot: pg_depend in, pairs of numbers out.

The catalog's own parts (a constraint's index, a view's rule, a table's row type) are told as the
object that they are part of; pg_depend itself says so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from pgdrift.core.held.register import Merged
from pgdrift.sources.connection import Connection
from pgdrift.sources.query import address

_REFERENCED = address("d.refclassid", "d.refobjid", "d.refobjsubid")

# Triggers that only enforce a constraint are half of all parts, and nothing else depends on them.
_FOR_A_CONSTRAINT = """(d.deptype = 'i' AND d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass)"""
_IS_PART = f"""d.objid >= 16384 AND d.deptype = 'i'
   AND d.classid <> 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND NOT {_FOR_A_CONSTRAINT}"""
_PART = address("d.classid", "d.objid", "d.objsubid")
_PARTS = f"""
SELECT {_PART}, {_REFERENCED} FROM pg_catalog.pg_depend d WHERE {_IS_PART}
"""

# A default has an address of its own; it is told as its column, on which all depend.
_DEPENDENT = address(
    "CASE WHEN e.oid IS NULL THEN d.classid"
    " ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::oid END",
    "COALESCE(e.adrelid, d.objid)",
    "COALESCE(e.adnum, d.objsubid)",
)
_DEFAULT = """LEFT JOIN pg_catalog.pg_attrdef e
    ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND e.oid = d.objid"""
_IS_TOLD = f"""d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
   AND NOT {_FOR_A_CONSTRAINT}
   AND (e.oid IS NULL OR d.refobjid <> e.adrelid OR d.refobjsubid <> e.adnum
       OR d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass)"""
_ALL = f"""
SELECT {_DEPENDENT}, {_REFERENCED}
  FROM pg_catalog.pg_depend d {_DEFAULT}
 WHERE {_IS_TOLD}
"""

QUERIES = (_PARTS, _ALL)

# Each by an index, however many rows a server expects to come out of a recursion.
_OF_PART = """
  CROSS JOIN LATERAL (SELECT x.* FROM pg_catalog.pg_depend x
    WHERE x.classid = p.classid AND x.objid = p.objid OFFSET 0) d"""

# The same of some objects ($1 their classes, $2 their OIDs) with all their parts: whether a row
# says what is part of what, or what depends on what. (Nothing is part of a schema, and much in it.)
_SOME = f"""
WITH RECURSIVE part (classid, objid) AS (
    (SELECT u.classid, u.objid
       FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),
          pg_catalog.unnest($2::pg_catalog.oid[])) u (classid, objid)
      UNION SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::oid, e.oid
       FROM pg_catalog.pg_attrdef e WHERE e.adrelid = ANY ($2))
    UNION
    SELECT d.classid, d.objid FROM part p
      CROSS JOIN LATERAL (SELECT x.* FROM pg_catalog.pg_depend x
        WHERE x.refclassid = p.classid AND x.refobjid = p.objid OFFSET 0) d
     WHERE p.classid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass AND {_IS_PART}
)
SELECT false, {_DEPENDENT}, {_REFERENCED}
  FROM part p {_OF_PART} {_DEFAULT}
 WHERE {_IS_TOLD}
 UNION ALL
SELECT true, {_PART}, {_REFERENCED}
  FROM part p {_OF_PART}
 WHERE {_IS_PART}
"""
# What these are parts of, and what that is a part of in turn.
_ABOVE = f"""
WITH RECURSIVE part (classid, objid) AS (
    SELECT u.classid, u.objid
      FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),
          pg_catalog.unnest($2::pg_catalog.oid[])) u (classid, objid)
    UNION
    SELECT d.refclassid, d.refobjid FROM part p {_OF_PART}
     WHERE {_IS_PART}
)
SELECT {_PART}, {_REFERENCED}
  FROM part p {_OF_PART}
 WHERE {_IS_PART}
"""

# How COPY sends two numbers that are not NULL: their count, and each after its length.
_ROW = struct.Struct(">6xq4xq")
_HEADER = 19
_OBJSUBID = 0xFFFF
_NOBODY = -1

Rows = Iterable[tuple[int, int]]


class Ends(dict[int, int]):
    """Address → number of the object that it is told as; remembers what it had to look for.

    `whole` says what is part of what, where it is no object itself.
    """

    def __init__(self, numbers: Mapping[int, int] | None = None) -> None:
        """Take the numbers of objects by address; more may come."""
        super().__init__(numbers or {})
        self.whole: dict[int, int] = {}

    def __missing__(self, part: int) -> int:
        """Climb from a part to its whole: from an index to its constraint, say."""
        at, found = part, _NOBODY
        for _ in range(5):
            if (found := self.get(at, _NOBODY)) != _NOBODY:
                break
            if (larger := self.whole.get(at)) is not None:
                at = larger
            elif at & _OBJSUBID:
                # A column of what has no columns of its own, as a view.
                at &= ~_OBJSUBID
            else:
                break
        self[part] = found
        return found


async def read_dependencies(connection: Connection, ends: Ends) -> Iterator[int]:
    """Return the dependencies between objects: the numbers of both ends, pair by pair, each once.

    `ends` knows all objects, and learns what is told as which of them. Reads inside the
    transaction that the caller opened.
    """
    pairs = set[int]()
    await _copied(connection, _PARTS, lambda rows: _learn(ends, rows))
    await _copied(connection, _ALL, lambda rows: _add(pairs, ends, rows))
    return (end for pair in pairs for end in (pair >> 32, pair & 0xFFFFFFFF))


async def read_some(connection: Connection, of: Collection[int], put: Merged) -> Iterator[int]:
    """Return the dependencies of what was read again, as places in the register, pair by pair.

    `of` are the addresses of that. Reads inside the transaction that the caller opened.
    """
    rows = await connection.fetch(_SOME, *_apart(of))
    found = [(one, other) for part, one, other in rows if not part]
    whole = {one: other for part, one, other in rows if part}
    ends = [end for pair in found for end in pair if end not in whole]
    whole |= dict(await connection.fetch(_ABOVE, *_apart(ends)))
    numbers = Ends(put.register.places(_all_of([*found, *whole.items()])))
    numbers.whole = whole
    pairs = set[int]()
    _add(pairs, numbers, found)
    ours = (pair for pair in pairs if pair >> 32 in put.fresh)
    return (end for pair in ours for end in (pair >> 32, pair & 0xFFFFFFFF))


def _apart(addresses: Iterable[int]) -> tuple[list[int], list[int]]:
    """Return the classes and the OIDs of addresses, each of both once."""
    both = sorted({a >> 16 for a in addresses})
    return [b >> 32 for b in both], [b & 0xFFFFFFFF for b in both]


def _all_of(pairs: Iterable[tuple[int, int]]) -> set[int]:
    """Return all that the ends of pairs may be told as."""
    ends = {end for pair in pairs for end in pair}
    return ends | {end & ~_OBJSUBID for end in ends}


async def _copied(connection: Connection, query: str, take: Callable[[Rows], None]) -> None:
    """Let the rows pass by: there are three times as many as objects."""
    left = b""
    skip = _HEADER

    async def arrive(data: bytes) -> None:
        nonlocal left, skip
        data = left + data
        if skip and len(data) >= skip:
            data, skip = data[skip:], 0
        whole = 0 if skip else len(data) - len(data) % _ROW.size
        take(_ROW.iter_unpack(memoryview(data)[:whole]))
        left = data[whole:]

    await connection.copy_from_query(query, output=arrive, format="binary")


def _learn(ends: Ends, rows: Rows) -> None:
    ends.whole.update(row for row in rows if row[0] not in ends)


def _add(pairs: set[int], ends: Ends, rows: Rows) -> None:
    number = ends.__getitem__
    # A pair is one number: a set of these is the smallest.
    pairs.update(
        a << 32 | b
        for a, b in [(number(one), number(other)) for one, other in rows]
        if a != b and a > _NOBODY and b > _NOBODY
    )
