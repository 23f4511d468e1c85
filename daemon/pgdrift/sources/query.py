"""A kind in, the one query out that reads it. What is the user's is decided here."""

from __future__ import annotations

from pgdrift.core.kind import Kind

USER_SCHEMA = (
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1::text[])"
)
"""That the schema `n` is one of the user's. $1 are the schemas to leave out."""


# Of a query's columns, those that come before the attributes.
PATH, ARGS, ADDRESS, PARENT, WITH = range(5)
ATTRIBUTES = 5


def query(kind: Kind, major: int) -> str:
    """Return the one query that reads a kind on a server of this major version.

    Columns: path, args, the address, the parent's, the OID of what it is told with or 0, then the
    attributes, sorted by name. $1 is the array of schemas to leave out.
    """
    return _query(kind, major, "true")


def some(kind: Kind, major: int) -> str:
    """Return the query that reads those objects of a kind that are told with some others.

    Columns and $1 as in `query`; $2 is the array of the others' OIDs. Of a kind that says nothing
    of others, it gives all.
    """
    if not kind.told_with:
        return f"{query(kind, major)} AND $2::pg_catalog.oid[] IS NOT NULL"
    # One after another, so that each finds its rows by an index whatever is joined to them.
    return " UNION ALL ".join(
        "SELECT k.* FROM pg_catalog.unnest($2::pg_catalog.oid[]) again (oid)"
        f" CROSS JOIN LATERAL ({_query(kind, major, f'{oid} = again.oid')} OFFSET 0) k"
        for oid in kind.told_with
    )


def _query(kind: Kind, major: int, condition: str) -> str:
    told = sorted(kind.attributes_on(major), key=lambda a: a.name)
    attributes = [f'{a.sql} AS "{a.name}"' for a in told]
    oids = [f"NULLIF({oid}, 0)" for oid in kind.told_with]
    columns = [
        f"({kind.path})::text[]",
        kind.args,
        address(*kind.address) if kind.address else "0::bigint",
        address(*kind.parent) if kind.parent else "0::bigint",
        f"COALESCE({', '.join([*oids, '0'])})::bigint",
        *attributes,
    ]
    where = f"({kind.where}) AND {_own(kind)} AND $1::text[] IS NOT NULL AND {condition}"
    text = f"SELECT {', '.join(columns)} FROM {kind.source} WHERE {where}"
    return text.replace("{user_schema}", USER_SCHEMA)


def address(classid: str, objid: str, objsubid: str) -> str:
    """Return an address as one number: the class is the highest, OIDs of catalogs are small."""
    return f"((({classid})::bigint << 48) | (({objid})::bigint << 16) | ({objsubid})::bigint)"


def not_a_member(classid: str, objid: str) -> str:
    """Return the condition that an object belongs to no extension."""
    # With refclassid, which an index begins with, all members are found at once.
    return (
        "NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.deptype = 'e'"
        " AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
        f" AND m.objsubid = 0 AND m.classid = {classid} AND m.objid = {objid})"
    )


def _own(kind: Kind) -> str:
    member = kind.member or (kind.address and kind.address[:2])
    return not_a_member(*member) if member else "true"
