"""Columns of tables and foreign tables, with default, identity and storage.

What a view gives out is part of the view.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    USER_SCHEMA,
    collation,
    comment_join,
    of_relation,
    options,
    sorted_set,
    words,
)
from pgdrift.core.model import ChangeClass

STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
COMPRESSION = {"p": "pglz", "l": "lz4"}
PERSISTENCE = {"p": "permanent", "u": "unlogged"}

# Asked column by column, for the few that are one: joined as a whole, all columns would be gathered
# before the first is told.
_IDENTITY = f"""(SELECT s.relname::text AS name,
        ARRAY['AS ' || pg_catalog.format_type(q.seqtypid, NULL), 'START ' || q.seqstart,
              'INCREMENT ' || q.seqincrement, 'MINVALUE ' || q.seqmin, 'MAXVALUE ' || q.seqmax,
              'CACHE ' || q.seqcache,
              CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END] AS options,
        s.relpersistence AS persistence, sd.description AS comment
    FROM pg_catalog.pg_depend o
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = o.objid
    JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid
    LEFT JOIN pg_catalog.pg_description sd
        ON sd.objoid = s.oid AND sd.classoid = {CLASS} AND sd.objsubid = 0
    WHERE a.attidentity <> '' AND o.classid = {CLASS} AND o.refclassid = {CLASS}
        AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype = 'i' OFFSET 0) q"""

_DROPPED = """(SELECT attrelid, pg_catalog.array_agg(attnum) AS gaps
    FROM pg_catalog.pg_attribute WHERE attisdropped GROUP BY attrelid) z"""


def _expression(condition: str, table: str) -> str:
    """Return the SQL of a default or a generation expression, asked for only where there is one."""
    return f"""CASE WHEN a.atthasdef AND {condition} THEN (SELECT
        pg_catalog.pg_get_expr(e.adbin, {table}) FROM pg_catalog.pg_attrdef e
        WHERE e.adrelid = a.attrelid AND e.adnum = a.attnum) END"""


# A default names no column: without its table to look at, it is printed much sooner.
_DEFAULT = _expression("a.attgenerated = ''", "0")
_GENERATION = _expression("a.attgenerated <> ''", "e.adrelid")


def _set(column: str, **spelled: str) -> str:
    """Return a one-letter code as its word, NULL where there is none, as in most rows."""
    return f"CASE WHEN {column} <> '' THEN {words(column, **spelled)} END"


KIND = Kind(
    name="column",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname, a.attname]",
    source=f"""pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN LATERAL {_IDENTITY} ON true
        LEFT JOIN {_DROPPED} ON z.attrelid = a.attrelid"""
    + comment_join(CLASS, "a.attrelid", "a.attnum"),
    where=f"""c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
        AND a.attnum > 0 AND NOT a.attisdropped AND {USER_SCHEMA}""",
    address=(CLASS, "a.attrelid", "a.attnum"),
    parent=(CLASS, "a.attrelid", "0"),
    member=(CLASS, "a.attrelid"),
    told_with=("a.attrelid",),
    trace=of_relation("rpf"),
    attributes=(
        Attribute("type", "pg_catalog.format_type(a.atttypid, a.atttypmod)", ChangeClass.STRUCTURE),
        Attribute("not_null", "a.attnotnull", ChangeClass.STRUCTURE),
        Attribute(
            "default",
            _DEFAULT,
            ChangeClass.BEHAVIOUR,
            respell="ALTER TABLE {0}.{1} ALTER COLUMN {2} SET DEFAULT {text}",
        ),
        Attribute(
            "generated",
            _set("a.attgenerated", s="stored", v="virtual"),
            ChangeClass.STRUCTURE,
        ),
        Attribute(
            "generation_expression",
            _GENERATION,
            ChangeClass.BEHAVIOUR,
            respell="ALTER TABLE {0}.{1} DROP COLUMN {2} CASCADE;"
            " ALTER TABLE {0}.{1} ADD COLUMN {2} {type} GENERATED ALWAYS AS ({text}) STORED",
        ),
        Attribute(
            "identity",
            _set("a.attidentity", a="always", d="by default"),
            ChangeClass.STRUCTURE,
        ),
        Attribute("identity_options", "q.options", ChangeClass.BEHAVIOUR),
        Attribute("identity_sequence", "q.name", ChangeClass.COSMETIC),
        # Made as the table is, from 15 on; up to 14 there is no choice.
        Attribute(
            "identity_persistence",
            "CASE WHEN q.persistence <> c.relpersistence"
            f" THEN {words('q.persistence', **PERSISTENCE)} END",
            ChangeClass.BEHAVIOUR,
            since=15,
        ),
        Attribute("identity_comment", "q.comment", ChangeClass.COSMETIC),
        Attribute(
            "collation", collation("a.attcollation", "t.typcollation"), ChangeClass.BEHAVIOUR
        ),
        Attribute("inherited", "NOT a.attislocal", ChangeClass.STRUCTURE),
        Attribute(
            "storage",
            f"CASE WHEN a.attstorage <> t.typstorage THEN {words('a.attstorage', **STORAGE)} END",
            ChangeClass.PERFORMANCE,
        ),
        Attribute(
            "compression",
            _set("a.attcompression", **COMPRESSION),
            ChangeClass.PERFORMANCE,
            since=14,
        ),
        # "As the server is set" was -1 up to 16 and is NULL from 17 on.
        Attribute("statistics", "NULLIF(a.attstattarget, -1)", ChangeClass.PERFORMANCE),
        Attribute("options", sorted_set("a.attoptions"), ChangeClass.PERFORMANCE),
        options("foreign_options", "a.attfdwoptions"),
        # Dropped columns leave gaps in attnum, which a dump and restore closes.
        Attribute(
            "position",
            "a.attnum - CASE WHEN z.gaps IS NULL THEN 0 ELSE"
            " (SELECT count(*) FROM pg_catalog.unnest(z.gaps) g WHERE g < a.attnum) END",
            ChangeClass.COSMETIC,
        ),
        COMMENT,
    ),
)
