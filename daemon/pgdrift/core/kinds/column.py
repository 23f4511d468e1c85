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
    hidden_options,
    sorted_set,
    words,
)
from pgdrift.core.model import ChangeClass

STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
COMPRESSION = {"p": "pglz", "l": "lz4"}

_IDENTITY = f"""(SELECT o.refobjid, o.refobjsubid, s.relname::text AS name,
        ARRAY['AS ' || pg_catalog.format_type(q.seqtypid, NULL), 'START ' || q.seqstart,
              'INCREMENT ' || q.seqincrement, 'MINVALUE ' || q.seqmin, 'MAXVALUE ' || q.seqmax,
              'CACHE ' || q.seqcache,
              CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END] AS options
    FROM pg_catalog.pg_depend o
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = o.objid
    JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid
    WHERE o.classid = {CLASS} AND o.refclassid = {CLASS}
        AND o.refobjsubid > 0 AND o.deptype = 'i') q"""

_DROPPED = """(SELECT attrelid, pg_catalog.array_agg(attnum) AS gaps
    FROM pg_catalog.pg_attribute WHERE attisdropped GROUP BY attrelid) z"""

_EXPRESSION = "pg_catalog.pg_get_expr(e.adbin, e.adrelid)"

KIND = Kind(
    name="column",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname, a.attname]",
    source=f"""pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
        LEFT JOIN {_IDENTITY} ON q.refobjid = a.attrelid AND q.refobjsubid = a.attnum
        LEFT JOIN {_DROPPED} ON z.attrelid = a.attrelid"""
    + comment_join(CLASS, "a.attrelid", "a.attnum"),
    where=f"""c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
        AND a.attnum > 0 AND NOT a.attisdropped AND {USER_SCHEMA}""",
    address=(CLASS, "a.attrelid", "a.attnum"),
    parent=(CLASS, "a.attrelid", "0"),
    member=(CLASS, "a.attrelid"),
    attributes=(
        Attribute("type", "pg_catalog.format_type(a.atttypid, a.atttypmod)", ChangeClass.STRUCTURE),
        Attribute("not_null", "a.attnotnull", ChangeClass.STRUCTURE),
        Attribute(
            "default",
            f"CASE WHEN a.attgenerated = '' THEN {_EXPRESSION} END",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute(
            "generated",
            f"NULLIF({words('a.attgenerated', s='stored', v='virtual')}, '')",
            ChangeClass.STRUCTURE,
        ),
        Attribute(
            "generation_expression",
            f"CASE WHEN a.attgenerated <> '' THEN {_EXPRESSION} END",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute(
            "identity",
            f"NULLIF({words('a.attidentity', a='always', d='by default')}, '')",
            ChangeClass.STRUCTURE,
        ),
        Attribute("identity_options", "q.options", ChangeClass.BEHAVIOUR),
        Attribute("identity_sequence", "q.name", ChangeClass.COSMETIC),
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
            f"NULLIF({words('a.attcompression', **COMPRESSION)}, '')",
            ChangeClass.PERFORMANCE,
            since=14,
        ),
        # "As the server is set" was -1 up to 16 and is NULL from 17 on.
        Attribute("statistics", "NULLIF(a.attstattarget, -1)", ChangeClass.PERFORMANCE),
        Attribute("options", sorted_set("a.attoptions"), ChangeClass.PERFORMANCE),
        Attribute("foreign_options", hidden_options("a.attfdwoptions"), ChangeClass.BEHAVIOUR),
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
