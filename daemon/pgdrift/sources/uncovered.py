"""What no kind covers yet, counted: nothing is skipped in silence.

A row is one class of the catalog; it leaves the table on the day a kind covers it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pgdrift.sources.connection import Connection, translated
from pgdrift.sources.query import USER_SCHEMA, not_a_member

# What initdb makes has an OID below this.
_USERS_OWN = "x.oid >= 16384"


@dataclass(frozen=True, slots=True)
class _Class:
    """One class of the catalog. `schema` is the column with its schema, if it has one."""

    kind: str
    catalog: str
    schema: str = ""
    where: str = "true"


_CLASSES = (
    _Class("access_method", "pg_am"),
    _Class(
        "base_type",
        "pg_type",
        "typnamespace",
        "x.typtype IN ('b', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = x.oid)",
    ),
    _Class(
        "cast",
        "pg_cast",
        # A range's cast to its multirange comes with the type.
        where="NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.objid = x.oid"
        " AND i.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND i.deptype = 'i')",
    ),
    _Class("collation", "pg_collation", "collnamespace"),
    _Class("conversion", "pg_conversion", "connamespace"),
    _Class("foreign_data_wrapper", "pg_foreign_data_wrapper"),
    _Class("foreign_server", "pg_foreign_server"),
    _Class("language", "pg_language"),
    _Class("operator", "pg_operator", "oprnamespace"),
    _Class("operator_class", "pg_opclass", "opcnamespace"),
    _Class("operator_family", "pg_opfamily", "opfnamespace"),
    _Class("publication", "pg_publication"),
    _Class("statistics", "pg_statistic_ext", "stxnamespace"),
    _Class("text_search_configuration", "pg_ts_config", "cfgnamespace"),
    _Class("text_search_dictionary", "pg_ts_dict", "dictnamespace"),
    _Class("text_search_parser", "pg_ts_parser", "prsnamespace"),
    _Class("text_search_template", "pg_ts_template", "tmplnamespace"),
    _Class("transform", "pg_transform"),
)

# These have no OID of their own, or (a subscription, up to 13) none that a plain role may see.
_OTHERS = """
UNION ALL SELECT 'security_label', count(*) FROM pg_catalog.pg_seclabel
UNION ALL SELECT 'subscription', count(*) FROM pg_catalog.pg_subscription
    WHERE subdbid = (SELECT o.oid FROM pg_catalog.pg_database o
                     WHERE o.datname = pg_catalog.current_database())
UNION ALL SELECT 'user_mapping', count(*) FROM pg_catalog.pg_user_mappings
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
    "trigger": ("pg_trigger", "tgrelid", "NOT x.tgisinternal"),
}

# Rights to members of kinds that are not read; those of the others are objects.
_RIGHTS_TO_MEMBERS = """
UNION ALL SELECT 'extension_member_privilege', count(*) FROM (
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwacl
    FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvacl
    FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanacl
    FROM pg_catalog.pg_language
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typacl
    FROM pg_catalog.pg_type WHERE typtype = 'b'
) x (classid, oid, acl)
JOIN pg_catalog.pg_depend m ON m.classid = x.classid AND m.objid = x.oid AND m.deptype = 'e'
LEFT JOIN pg_catalog.pg_init_privs i
    ON i.classoid = x.classid AND i.objoid = x.oid AND i.objsubid = 0
WHERE x.acl IS DISTINCT FROM i.initprivs
"""


async def count_not_compared(
    connection: Connection, exclude_schemas: Collection[str] = ()
) -> dict[str, int]:
    """Return how many of the user's objects are of a kind that is not read, by kind, none zero.

    Reads inside the transaction that the caller opened. Raises SourceError.
    """
    with translated(connection.where):
        rows = await connection.fetch(_QUERY, list(exclude_schemas))
    return {kind: count for kind, count in rows if count}


def _count(row: _Class) -> str:
    joined = f" JOIN pg_catalog.pg_namespace n ON n.oid = x.{row.schema}" if row.schema else ""
    own = USER_SCHEMA if row.schema else _USERS_OWN
    member = not_a_member(f"'pg_catalog.{row.catalog}'::pg_catalog.regclass", "x.oid")
    return (
        f"SELECT '{row.kind}', count(*) FROM pg_catalog.{row.catalog} x{joined}"
        f" WHERE {own} AND ({row.where}) AND {member}"
    )


def _count_on_members(kind: str, catalog: str, relation: str, where: str) -> str:
    free = not_a_member("'pg_catalog.pg_class'::pg_catalog.regclass", "c.oid")
    return (
        f" UNION ALL SELECT 'extension_member_{kind}', count(*) FROM pg_catalog.{catalog} x"
        f" JOIN pg_catalog.pg_class c ON c.oid = x.{relation}"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE {USER_SCHEMA} AND ({where}) AND NOT {free}"
    )


_QUERY = (
    " UNION ALL ".join(map(_count, _CLASSES))
    + "".join(_count_on_members(kind, *row) for kind, row in _ON_MEMBERS.items())
    + _RIGHTS_TO_MEMBERS
    + _OTHERS
)
