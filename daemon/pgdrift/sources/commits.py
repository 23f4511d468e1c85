"""When was it committed? Two snapshots in, the commit times of the rows of what changed out.

Only where the server keeps them (`track_commit_timestamp`), and only for what is there still: a
row that is gone leaves none. Who committed is not known here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg

from pgdrift.core.compare import compare
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.log import get_logger
from pgdrift.sources.connection import Connection

log = get_logger("sources.commits")

# What changed beyond so many objects is dated by the window alone: it was one great migration.
_MOST_OBJECTS = 5_000

_ASK = """
SELECT pg_catalog.current_setting('track_commit_timestamp', true) = 'on',
    pg_catalog.clock_timestamp()
"""

# The rows that make up an object beside the one with its OID: catalog, column, condition.
_BESIDE = {
    "pg_class": (
        ("pg_index", "indexrelid", "true"),
        ("pg_sequence", "seqrelid", "true"),
        ("pg_rewrite", "ev_class", "r.rulename = '_RETURN'"),
        ("pg_inherits", "inhrelid", "true"),
        ("pg_partitioned_table", "partrelid", "true"),
        ("pg_foreign_table", "ftrelid", "true"),
    ),
    "pg_type": (("pg_enum", "enumtypid", "true"), ("pg_range", "rngtypid", "true")),
    "pg_proc": (("pg_aggregate", "aggfnoid", "true"),),
    "pg_ts_config": (("pg_ts_config_map", "mapcfg", "true"),),
}
_COLUMNS = """
SELECT x.oid::int8, x.name::text, max(pg_catalog.pg_xact_commit_timestamp(x.xmin))
FROM (
    SELECT a.attrelid AS oid, a.attname AS name, a.xmin AS xmin
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT a.attrelid, a.attname, f.xmin
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE a.attrelid = ANY ($1::pg_catalog.oid[])
    UNION ALL
    SELECT a.attrelid, a.attname, d.xmin
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_description d ON d.objoid = a.attrelid AND d.objsubid = a.attnum
        AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE a.attrelid = ANY ($1::pg_catalog.oid[])
) x
GROUP BY 1, 2
"""
# Which no role but a superuser may read.
_CLOSED = frozenset({"pg_authid", "pg_user_mapping"})
_CLASS = re.compile(r"'pg_catalog\.(pg_\w+)'::pg_catalog\.regclass::oid\Z")


class _Row(NamedTuple):
    """The catalog row that an object is: its catalog, its OID, and the name of a column."""

    catalog: str
    oid: int
    column: str = ""


async def commit_times(
    connection: Connection, before: Snapshot | None, after: Snapshot, since: datetime | None
) -> Mapping[ObjectId, datetime]:
    """Return when what changed between two snapshots was last committed, UTC, by object.

    To be called in the transaction that read `after`. What was committed before `since`, by our
    clock, is left out: then the row that changed is gone, or another. Empty where the server keeps
    no commit times; that is no error.
    """
    if before is None or since is None or before.root == after.root:
        return {}
    try:
        async with connection.transaction():
            on, server_now = await connection.fetchrow(_ASK)
            if not on:
                return {}
            # By the server's clock, and no later than that: the answer took its time to come.
            earliest = since + (server_now - datetime.now(UTC))
            rows = await asyncio.to_thread(_rows, before, after)
            found = await _read(connection, rows)
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        # On a standby whose primary keeps none, or where the function was taken from this role.
        log.info("commits.not_known", why=str(error.args[0]))
        return {}
    return {i: at for i, at in found.items() if earliest <= at <= server_now}


def _rows(before: Snapshot, after: Snapshot) -> dict[ObjectId, _Row]:
    changed = (c.id for c in compare(before, after).changes if c.id in after.objects)
    found = ((i, _row(i, after)) for i, _ in zip(changed, range(_MOST_OBJECTS), strict=False))
    return {i: row for i, row in found if row is not None}


def _row(i: ObjectId, snapshot: Snapshot) -> _Row | None:
    """Return the row of an object; of one without a row, that of what it belongs to."""
    found = snapshot.objects.get(i)
    if found is None:
        return None
    if i.kind in _PLACES:
        column = i.path[-1] if i.kind in _SUBOBJECTS else ""
        return _Row(_PLACES[i.kind], found.oid, column)
    return _row(found.parent, snapshot) if found.parent else None


def _places() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        of = _CLASS.match(kind.address[0]) if kind.address else None
        if of and of[1] not in _CLOSED:
            yield kind.name, of[1]


_PLACES = dict(_places())
"""Kind → the catalog whose row it is."""
_SUBOBJECTS = frozenset(k.name for k in KINDS if k.address and k.address[2] != "0")


async def _read(
    connection: Connection, rows: Mapping[ObjectId, _Row]
) -> Mapping[ObjectId, datetime]:
    times: dict[_Row, datetime] = {}
    for catalog in sorted({r.catalog for r in rows.values() if not r.column}):
        oids = [r.oid for r in rows.values() if r.catalog == catalog and not r.column]
        for oid, at in await connection.fetch(_query(catalog), oids):
            times[_Row(catalog, oid)] = at
    if of := sorted({r.oid for r in rows.values() if r.column}):
        for oid, name, at in await connection.fetch(_COLUMNS, of):
            times[_Row("pg_class", oid, name)] = at
    return {i: at for i, row in rows.items() if (at := times.get(row)) is not None}


def _query(catalog: str) -> str:
    oids = "ANY ($1::pg_catalog.oid[])"
    rows = [
        f"SELECT r.oid AS oid, r.xmin AS xmin FROM pg_catalog.{catalog} r WHERE r.oid = {oids}",
        *_beside(_BESIDE.get(catalog, ()), oids),
    ]
    comments = (
        "SELECT d.objoid, d.xmin FROM pg_catalog.pg_description d"
        f" WHERE d.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass"
        f" AND d.objoid = {oids} AND d.objsubid = 0"
    )
    return (
        "SELECT x.oid::int8, max(pg_catalog.pg_xact_commit_timestamp(x.xmin))"
        f" FROM ({' UNION ALL '.join([*rows, comments])}) x GROUP BY 1"
    )


def _beside(rows: Iterable[tuple[str, str, str]], oids: str) -> Iterator[str]:
    for catalog, column, condition in rows:
        yield (
            f"SELECT r.{column}, r.xmin FROM pg_catalog.{catalog} r"
            f" WHERE r.{column} = {oids} AND {condition}"
        )
