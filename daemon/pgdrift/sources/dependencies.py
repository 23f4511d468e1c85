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
    # By rank, not by name: comparing and hashing tens of thousands of names takes a second.
    names = sorted(kept)
    order = {i: rank for rank, i in enumerate(names)}
    ranks = {address: order[i] for address, i in ids.items() if i in order}
    ends = [(v[0:3], v[3:6], v[6]) for v in map(tuple, rows)]
    whole = {dependent: referenced for dependent, referenced, inner in ends if inner}
    told = {
        address: _told_as(address, ranks, whole)
        for address in {address for end in ends for address in end[:2]}
    }
    found = {
        (a, b)
        for dependent, referenced, _ in ends
        if (a := told[dependent]) is not None and (b := told[referenced]) is not None and a != b
    }
    return tuple((names[a], names[b]) for a, b in sorted(found))


def _told_as(
    address: Address, ranks: Mapping[Address, int], whole: Mapping[Address, Address]
) -> int | None:
    """Return the object that an address is part of: an index of its constraint, say."""
    for _ in range(5):
        if (found := ranks.get(address)) is not None:
            return found
        if (larger := whole.get(address)) is not None:
            address = larger
        elif address[2]:
            # A column of what has no columns of its own, as a view.
            address = (address[0], address[1], 0)
        else:
            return None
    return None
