"""Indexes that stand for themselves. One that enforces a constraint is part of the constraint."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    INDEX_COLUMNS,
    USER_SCHEMA,
    comment_join,
    rows_of,
    tablespace,
)
from pgdrift.core.model import ChangeClass

# What stands before " USING" names the index and its table. It is cut off by its length, because
# both names may hold any text.
_HEAD = """'CREATE ' || CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX '
    || pg_catalog.quote_ident(i.relname) || ' ON '
    || CASE WHEN i.relkind = 'I' THEN 'ONLY ' ELSE '' END
    || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || ' '"""

# Only expressions have targets.
_TARGETS = """CASE WHEN x.indexprs IS NOT NULL THEN (
    SELECT pg_catalog.array_agg(a.attnum || ': ' || a.attstattarget ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0) END"""

# The part of a partitioned index is spoken for by the whole, unless it is not like it, or the whole
# is not valid: then some partition may have no part.
_LIKE_ITS_WHOLE = f"""(i.relispartition AND x.indisvalid AND x.indisready
    AND NOT x.indisclustered AND {_TARGETS} IS NULL AND d.description IS NULL
    AND EXISTS (SELECT FROM pg_catalog.pg_inherits h
                JOIN pg_catalog.pg_class w ON w.oid = h.inhparent
                JOIN pg_catalog.pg_index wx ON wx.indexrelid = w.oid
                WHERE h.inhrelid = i.oid AND wx.indisvalid
                    AND w.reltablespace = i.reltablespace
                    AND w.reloptions IS NOT DISTINCT FROM i.reloptions))"""

_FOR_ITSELF = """NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
    WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x'))"""

KIND = Kind(
    name="index",
    cls=ChangeClass.PERFORMANCE,
    path="ARRAY[n.nspname, i.relname]",
    source="""pg_catalog.pg_index x
        JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace"""
    + comment_join(CLASS, "i.oid"),
    where=f"""c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND {_FOR_ITSELF}
        AND {USER_SCHEMA} AND NOT {_LIKE_ITS_WHOLE}""",
    address=(CLASS, "i.oid", "0"),
    parent=(CLASS, "c.oid", "0"),
    alone=True,
    told_with=("x.indrelid",),
    trace=rows_of("pg_index", "indrelid"),
    attributes=(
        Attribute("table", "c.relname::text", ChangeClass.STRUCTURE),
        Attribute("unique", "x.indisunique", ChangeClass.STRUCTURE),
        Attribute(
            "definition",
            f"pg_catalog.substr(pg_catalog.pg_get_indexdef(i.oid), pg_catalog.length({_HEAD}) + 1)",
            ChangeClass.PERFORMANCE,
            respell="CREATE INDEX {1} ON {0}.{table} {text}",
        ),
        Attribute(
            "partition_of",
            "CASE WHEN i.relispartition THEN (SELECT h.inhparent::pg_catalog.regclass::text"
            " FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.oid) END",
            ChangeClass.STRUCTURE,
        ),
        Attribute("valid", "x.indisvalid AND x.indisready AND x.indislive", ChangeClass.STRUCTURE),
        Attribute("clustered", "x.indisclustered", ChangeClass.PERFORMANCE),
        Attribute("statistics", _TARGETS, ChangeClass.PERFORMANCE),
        tablespace("i"),
        Attribute(
            "named_after",
            f"ARRAY[c.relname::text, 'idx'] || {INDEX_COLUMNS}",
            ChangeClass.COSMETIC,
        ),
        COMMENT,
    ),
)
