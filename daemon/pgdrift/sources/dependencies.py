"""What depends on what, between the objects of one snapshot: pg_depend in, pairs of numbers out.

The catalog's own parts (a constraint's index, a view's rule, a table's row type) are told as the
object that they are part of; pg_depend itself says so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

from pgdrift.sources.connection import Connection
from pgdrift.sources.query import address

_REFERENCED = address("d.refclassid", "d.refobjid", "d.refobjsubid")

# Triggers that only enforce a constraint are half of all parts, and nothing else depends on them.
_PARTS = f"""
SELECT {address("d.classid", "d.objid", "d.objsubid")}, {_REFERENCED}
  FROM pg_catalog.pg_depend d
 WHERE d.objid >= 16384 AND d.deptype = 'i'
   AND d.classid <> 'pg_catalog.pg_attrdef'::pg_catalog.regclass
   AND NOT (d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass)
"""

# A default has an address of its own; it is told as its column, on which all depend.
_DEPENDENT = address(
    "CASE WHEN e.oid IS NULL THEN d.classid"
    " ELSE 'pg_catalog.pg_class'::pg_catalog.regclass::oid END",
    "COALESCE(e.adrelid, d.objid)",
    "COALESCE(e.adnum, d.objsubid)",
)
_ALL = f"""
SELECT {_DEPENDENT}, {_REFERENCED}
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_attrdef e
    ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND e.oid = d.objid
 WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
   AND NOT (d.deptype = 'i' AND d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass)
   AND (e.oid IS NULL OR d.refobjid <> e.adrelid OR d.refobjsubid <> e.adnum
       OR d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass)
"""

QUERIES = (_PARTS, _ALL)

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
