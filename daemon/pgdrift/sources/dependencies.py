"""What depends on what, between the objects of one snapshot: pg_depend in, pairs of names out.

The catalog's own parts (a constraint's index, a view's rule, a table's row type) are told as the
object that they are part of; pg_depend itself says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pgdrift.core.model import Object, ObjectId

Address = tuple[int, int, int]

# A default has an address of its own; it is told as its column.
QUERY = """
SELECT CASE WHEN e.oid IS NULL THEN d.classid ELSE 'pg_catalog.pg_class'::regclass::oid END,
       COALESCE(e.adrelid, d.objid), COALESCE(e.adnum, d.objsubid),
       d.refclassid, d.refobjid, d.refobjsubid, d.deptype = 'i' AND e.oid IS NULL
  FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_attrdef e
    ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND e.oid = d.objid
 WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
"""


def resolve(
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
