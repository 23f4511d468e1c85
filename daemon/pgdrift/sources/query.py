"""A kind in, the one query out that reads it. What is the user's is decided here."""

from __future__ import annotations

from pgdrift.core.kind import Kind

USER_SCHEMA = (
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1::text[])"
)
"""That the schema `n` is one of the user's. $1 are the schemas to leave out."""


def query(kind: Kind, major: int) -> str:
    """Return the one query that reads a kind on a server of this major version.

    Columns: path, args, the address, the parent's, then the attributes, sorted by name. $1 is
    the array of schemas to leave out.
    """
    told = sorted(kind.attributes_on(major), key=lambda a: a.name)
    attributes = [f'{a.sql} AS "{a.name}"' for a in told]
    columns = [
        f"({kind.path})::text[]",
        kind.args,
        address(*kind.address) if kind.address else "0::bigint",
        address(*kind.parent) if kind.parent else "0::bigint",
        *attributes,
    ]
    where = f"({kind.where}) AND {_own(kind)} AND $1::text[] IS NOT NULL"
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
