"""Materialized views. Whether one is filled is its state, not its schema."""

from dataclasses import replace

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.column import COMPRESSION
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    of_relation,
    owner,
    tablespace,
    words,
)
from pgdrift.core.kinds.table import OPTIONS, REPLICA_IDENTITY, STORED
from pgdrift.core.kinds.view import COLUMN_COMMENTS, COLUMNS, DEFINITION, GIVES
from pgdrift.core.model import ChangeClass

_COMPRESSION = f"""ARRAY(SELECT pg_catalog.quote_ident(k.attname) || ': '
        || {words("k.attcompression", **COMPRESSION)}
    FROM pg_catalog.pg_attribute k
    WHERE k.attrelid = c.oid AND k.attnum > 0 AND k.attcompression <> '' ORDER BY k.attnum)"""

KIND = Kind(
    name="materialized_view",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
        {STORED}
        {COLUMNS}"""
    + comment_join(CLASS, "c.oid"),
    where=f"c.relkind = 'm' AND {USER_SCHEMA}",
    address=(CLASS, "c.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("c.oid",),
    trace=of_relation("m"),
    attributes=(
        replace(
            DEFINITION,
            respell="DROP TABLE IF EXISTS {0}.{1} CASCADE;"
            " CREATE MATERIALIZED VIEW {0}.{1} AS {text} WITH NO DATA",
        ),
        GIVES,
        Attribute("options", f"NULLIF({OPTIONS.sql}, '{{}}')", ChangeClass.PERFORMANCE),
        REPLICA_IDENTITY,
        Attribute("column_settings", "COALESCE(v.settings, '{}'::text[])", ChangeClass.PERFORMANCE),
        Attribute("column_compression", _COMPRESSION, ChangeClass.PERFORMANCE, since=14),
        Attribute("access_method", "m.amname::text", ChangeClass.PERFORMANCE),
        tablespace("c"),
        COLUMN_COMMENTS,
        owner("c.relowner"),
        COMMENT,
    ),
)
