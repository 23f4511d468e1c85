"""What moved in, which questions have to be asked again out: most need not be.

A kind is left out where nothing of it is told with what moved, as its trace says; or where there
was none of it, and the catalog that it is read from stands still. So it is with what is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from pgdrift.core.kind import Kind
from pgdrift.sources.connection import Connection
from pgdrift.sources.gate import APART, Moved, Sums

# That something hangs on a member of an extension, or stands where only the system's own should.
_ON_A_MEMBER = """pg_catalog.pg_depend m WHERE m.deptype = 'e'
    AND m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = ANY ($1)"""
_IN_SYSTEM = """pg_catalog.pg_namespace n WHERE n.nspname = 'information_schema' AND (
    EXISTS (SELECT FROM pg_catalog.pg_class x WHERE x.relnamespace = n.oid AND x.oid = ANY ($1))
    OR EXISTS (SELECT FROM pg_catalog.pg_proc x WHERE x.pronamespace = n.oid AND x.oid = ANY ($1))
    OR EXISTS (SELECT FROM pg_catalog.pg_type x WHERE x.typnamespace = n.oid AND x.oid = ANY ($1)))
"""
_MORE = (_ON_A_MEMBER, _IN_SYSTEM)


@dataclass(frozen=True, slots=True)
class Needed:
    """The kinds to read again, in order; and whether what is counted beside them may be another.

    `moved` are the OIDs beside which anything is another. `on_members`: of what hangs on members of
    extensions; `in_system`: of what people put into the system's own schemas.
    """

    kinds: Sequence[Kind]
    moved: Collection[int]
    on_members: bool
    in_system: bool


async def needed(
    connection: Connection,
    kinds: Sequence[Kind],
    there: Collection[str],
    moved: Moved,
    sums: Sums,
    oids: Collection[int],
) -> Needed:
    """Return what is needed of these kinds after something moved, but not everything did.

    `there` are the kinds of which there was anything; `sums` are those of now, `oids` what has to
    be read again. Reads inside the transaction that the caller opened.
    """
    traces = tuple(dict.fromkeys(k.trace for k in kinds if k.trace))
    asked = (*traces, *_MORE)
    found = {asked[row[0]] for row in await connection.fetch(_query(asked), list(oids))}
    return Needed(
        [
            kind
            for kind in kinds
            if (kind.trace in found if kind.trace else _may_be_there(kind, there, moved, sums))
        ],
        moved.oids(),
        on_members=bool(moved.schemas) or _ON_A_MEMBER in found,
        in_system=_IN_SYSTEM in found,
    )


def _may_be_there(kind: Kind, there: Collection[str], moved: Moved, sums: Sums) -> bool:
    """Tell whether there may be anything of a kind that is read as a whole."""
    if kind.name in there or moved.schemas:
        return True
    where, _, catalog = kind.source.split()[0].partition(".")
    if where != "pg_catalog" or catalog not in sums.lines:
        return True
    # A catalog without rows has none of any kind. Those that are not apart stood still, or all
    # would be read.
    return catalog in APART and sums.lines[catalog] != 0


@cache
def _query(traces: tuple[str, ...]) -> str:
    """Return the query of the numbers of those traces that are found."""
    return " UNION ALL ".join(
        f"SELECT {number} WHERE EXISTS (SELECT FROM {trace})" for number, trace in enumerate(traces)
    )
