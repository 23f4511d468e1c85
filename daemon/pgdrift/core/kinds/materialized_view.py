"""Materialized views. Whether one is filled is its state, not its schema."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    owner,
    sorted_set,
    tablespace,
)
from pgdrift.core.kinds.view import COLUMN_COMMENTS, COLUMNS, DEFINITION, GIVES
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="materialized_view",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
        LEFT JOIN {COLUMNS} ON v.attrelid = c.oid"""
    + comment_join(CLASS, "c.oid"),
    where=f"c.relkind = 'm' AND {USER_SCHEMA}",
    address=(CLASS, "c.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        DEFINITION,
        GIVES,
        Attribute("options", sorted_set("c.reloptions"), ChangeClass.PERFORMANCE),
        Attribute("column_settings", "COALESCE(v.settings, '{}'::text[])", ChangeClass.PERFORMANCE),
        Attribute("access_method", "m.amname::text", ChangeClass.PERFORMANCE),
        tablespace("c"),
        COLUMN_COMMENTS,
        owner("c.relowner"),
        COMMENT,
    ),
)
