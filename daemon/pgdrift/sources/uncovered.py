"""What no kind covers, counted: nothing is skipped in silence.

All classes of the catalog that hold users' objects have a kind; what is left hangs on the members
of an extension or on the server's own objects, or is hidden from the role.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pgdrift.core.kinds import user_mapping
from pgdrift.sources.connection import Connection, translated
from pgdrift.sources.query import USER_SCHEMA, not_a_member

# Options that the server hides from this role: of these objects they were not read.
_HIDDEN = f"""
SELECT 'user_mapping_options', count(*) FROM {user_mapping.SOURCE}
    WHERE NOT {user_mapping.READABLE}
"""

# An index that enforces no constraint.
_FOR_ITSELF = (
    "NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k"
    " WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid)"
)

# A member of an extension is left out with all that hangs on it. Whether the extension or a user
# hung it there the catalog does not say, so all is counted.
_ON_MEMBERS = {
    "constraint": ("pg_constraint", "conrelid", "x.contype <> 't'"),
    "index": ("pg_index", "indrelid", _FOR_ITSELF),
    "policy": ("pg_policy", "polrelid", "true"),
    "rule": ("pg_rewrite", "ev_class", "x.rulename <> '_RETURN'"),
    "statistics": ("pg_statistic_ext", "stxrelid", "true"),
    "trigger": ("pg_trigger", "tgrelid", "NOT x.tgisinternal"),
}

# Few, and so what hangs on them is found by an index.
_MEMBERS = """SELECT m.objid FROM pg_catalog.pg_depend m WHERE m.deptype = 'e'
    AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    AND m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objsubid = 0"""

# What a user added to an operator family that is not the user's, by its operator or function.
_IN_FAMILIES = {
    "operator_family_operator": ("pg_amop", "amopfamily", "pg_operator", "amopopr"),
    "operator_family_function": ("pg_amproc", "amprocfamily", "pg_proc", "amproc"),
}


def words() -> frozenset[str]:
    """Return all words that something can be counted under."""
    return frozenset(re.findall(r"SELECT '(\w+)'", _QUERY))


async def count_not_compared(
    connection: Connection, exclude_schemas: Collection[str] = ()
) -> dict[str, int]:
    """Return how many of the user's objects are of a kind that is not read, by kind, none zero.

    Reads inside the transaction that the caller opened. Raises SourceError.
    """
    with translated(connection.where):
        rows = await connection.fetch(_QUERY, list(exclude_schemas))
    return {kind: count for kind, count in rows if count}


def _count_on_members(kind: str, catalog: str, relation: str, where: str) -> str:
    return (
        f"SELECT 'extension_member_{kind}', count(*) FROM pg_catalog.{catalog} x"
        f" JOIN pg_catalog.pg_class c ON c.oid = x.{relation}"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE {USER_SCHEMA} AND ({where}) AND x.{relation} = ANY (ARRAY({_MEMBERS}))"
    )


def _count_in_families(kind: str, catalog: str, family: str, of: str, entry: str) -> str:
    own = not_a_member(f"'pg_catalog.{of}'::pg_catalog.regclass", f"x.{entry}::oid")
    free = not_a_member("'pg_catalog.pg_opfamily'::pg_catalog.regclass", "f.oid")
    return (
        f"SELECT '{kind}', count(*) FROM pg_catalog.{catalog} x"
        f" JOIN pg_catalog.pg_opfamily f ON f.oid = x.{family}"
        " JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace"
        f" WHERE x.{entry}::oid >= 16384 AND {own}"
        f" AND NOT (n.nspname !~ '^pg_' AND {free}) AND n.nspname <> ALL ($1::text[])"
    )


_QUERY = " UNION ALL ".join(
    (
        *(_count_on_members(kind, *row) for kind, row in _ON_MEMBERS.items()),
        *(_count_in_families(kind, *row) for kind, row in _IN_FAMILIES.items()),
        _HIDDEN,
    )
)
