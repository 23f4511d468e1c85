"""What moved in, all that has to be read again out: by OID, whatever the catalog.

An object is told from rows of its own, and from the names that others have today. So what moved
takes along what refers to it, as pg_depend says, and what it is a part of. Where a name is told
through another name (a type in the arguments of a function that an aggregate calls), it goes on
from there. OIDs of several catalogs stand side by side: one too many costs a little time.
"""

from __future__ import annotations

from collections.abc import Collection

from pgdrift.sources.connection import Connection
from pgdrift.sources.gate import Moved


def _class(catalog: str) -> str:
    return f"'pg_catalog.{catalog}'::pg_catalog.regclass"


# Part → what it is told with: the catalog, the part's own OID there, and the whole's.
_WHOLES = (
    ("pg_index", "pg_class", "indexrelid", "indrelid"),
    ("pg_constraint", "pg_constraint", "oid", "conrelid"),
    ("pg_constraint", "pg_constraint", "oid", "contypid"),
    ("pg_trigger", "pg_trigger", "oid", "tgrelid"),
    ("pg_rewrite", "pg_rewrite", "oid", "ev_class"),
    ("pg_policy", "pg_policy", "oid", "polrelid"),
    ("pg_attrdef", "pg_attrdef", "oid", "adrelid"),
    ("pg_statistic_ext", "pg_statistic_ext", "oid", "stxrelid"),
    ("pg_type", "pg_type", "oid", "typrelid"),
    ("pg_class", "pg_class", "oid", "reltype"),
)
_IN_SCHEMAS = (
    ("pg_class", "relnamespace", "oid"),
    ("pg_type", "typnamespace", "oid"),
    ("pg_proc", "pronamespace", "oid"),
    ("pg_statistic_ext", "stxnamespace", "stxrelid"),
)
# What else lies in schemas and is named by others that nothing here leads to.
_NAMED = " UNION ALL ".join(
    f"SELECT FROM pg_catalog.{catalog} x WHERE x.{schema} = ANY ($1)"
    for catalog, schema in (
        ("pg_collation", "collnamespace"),
        ("pg_conversion", "connamespace"),
        ("pg_opclass", "opcnamespace"),
        ("pg_operator", "oprnamespace"),
        ("pg_opfamily", "opfnamespace"),
        ("pg_ts_config", "cfgnamespace"),
        ("pg_ts_dict", "dictnamespace"),
        ("pg_ts_parser", "prsnamespace"),
        ("pg_ts_template", "tmplnamespace"),
    )
)

_PLACES = "\nUNION ".join(
    (
        "SELECT pg_catalog.unnest($1::pg_catalog.oid[]) AS oid",
        *(
            f"SELECT x.{whole} FROM pg_catalog.{catalog} x WHERE x.{part} = ANY ($1)"
            for catalog, _, part, whole in _WHOLES
        ),
    )
)
# That others are told with it, or hand on its name: what else has an OID is a part of something.
_STANDS = """EXISTS (
    SELECT FROM pg_catalog.pg_class x WHERE x.oid = o.oid AND x.relkind NOT IN ('i', 'I', 't')
    UNION ALL SELECT FROM pg_catalog.pg_type x WHERE x.oid = o.oid
    UNION ALL SELECT FROM pg_catalog.pg_proc x WHERE x.oid = o.oid
    UNION ALL SELECT FROM pg_catalog.pg_operator x WHERE x.oid = o.oid)"""
_FIRST = f"""
WITH place AS MATERIALIZED ({_PLACES})
SELECT DISTINCT o.oid::pg_catalog.int8 FROM place o WHERE {_STANDS}
"""
_SCHEMAS = "\nUNION ".join(
    f"SELECT x.{oid}::pg_catalog.int8 FROM pg_catalog.{catalog} x WHERE x.{schema} = ANY ($1)"
    for catalog, schema, oid in _IN_SCHEMAS
)
_NAMES_MORE = f"SELECT EXISTS ({_NAMED})"

# What is told through others, and so hands on what they are called.
_HANDS_ON = ("pg_type", "pg_proc", "pg_operator")
_FURTHER = ", ".join(map(_class, _HANDS_ON))
_KNOWN = ", ".join(map(_class, ("pg_class", "pg_constraint", "pg_trigger", *_HANDS_ON)))
# Each by itself: of that many joins a server would weigh all orders.
_WHOLE = ", ".join(
    f"((SELECT w.{whole} FROM pg_catalog.{catalog} w"
    f" WHERE n.classid = {_class(of)} AND w.{part} = n.objid))"
    for catalog, of, part, whole in _WHOLES
)
_AROUND = f"""
WITH part AS MATERIALIZED (
    SELECT pg_catalog.unnest($1::pg_catalog.oid[]) AS oid
    UNION SELECT x.indexrelid FROM pg_catalog.pg_index x WHERE x.indrelid = ANY ($1)
    UNION SELECT x.oid FROM pg_catalog.pg_constraint x WHERE x.conrelid = ANY ($1)
    UNION SELECT x.oid FROM pg_catalog.pg_trigger x WHERE x.tgrelid = ANY ($1)
), near AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    WHERE d.refclassid IN ({_KNOWN}) AND d.refobjid = ANY (ARRAY(SELECT p.oid FROM part p))
    UNION
    SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
    WHERE d.classid IN ({_KNOWN}) AND d.objid = ANY (ARRAY(SELECT p.oid FROM part p))
        AND d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT o.oid::pg_catalog.int8, pg_catalog.bool_or(n.classid IN ({_FURTHER})
    OR n.classid = {_class("pg_class")} AND EXISTS (
        SELECT FROM pg_catalog.pg_class x WHERE x.oid = n.objid AND x.relkind = 'c'))
FROM near n CROSS JOIN LATERAL (VALUES (n.objid), {_WHOLE}) o (oid)
WHERE o.oid >= 16384 AND n.objid >= 16384 AND {_STANDS}
GROUP BY 1
"""


async def touched(connection: Connection, moved: Moved, most: int) -> Collection[int] | None:
    """Return the OIDs of what is there and has to be read again; None for more than `most`.

    None, too, where that cannot be told: a schema may be called otherwise in which there is what
    columns and indexes name, a collation or an operator class.

    Reads inside the transaction that the caller opened.
    """
    found = {row[0] for row in await connection.fetch(_FIRST, moved.oids())}
    if moved.schemas:
        if await connection.fetchval(_NAMES_MORE, sorted(moved.schemas)):
            return None
        found.update(row[0] for row in await connection.fetch(_SCHEMAS, sorted(moved.schemas)))
    new = set(found)
    while new and len(found) <= most:
        rows = await connection.fetch(_AROUND, sorted(new))
        new = {oid for oid, further in rows if further} - found
        found.update(oid for oid, _ in rows)
    return None if len(found) > most else found
