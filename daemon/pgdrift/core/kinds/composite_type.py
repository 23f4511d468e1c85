"""Composite types. Their fields are no objects: the order of all of them is the type."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    COMPOSITE,
    IN_SCHEMA,
    TYPE,
    USER_SCHEMA,
    collation,
    comment_join,
    of_type,
    owner,
)
from pgdrift.core.model import ChangeClass

_FIELDS = f"""(SELECT a.attrelid,
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ' '
            || pg_catalog.format_type(a.atttypid, a.atttypmod)
            || COALESCE(' COLLATE ' || {collation("a.attcollation", "ft.typcollation")}, '')
            ORDER BY a.attnum) AS fields,
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ': ' || fd.description
            ORDER BY a.attnum) FILTER (WHERE fd.description IS NOT NULL) AS comments
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class fc ON fc.oid = a.attrelid AND fc.relkind = 'c'
    JOIN pg_catalog.pg_type ft ON ft.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_description fd
        ON fd.objoid = a.attrelid AND fd.classoid = {CLASS} AND fd.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    GROUP BY a.attrelid) f"""

KIND = Kind(
    name="composite_type",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, t.typname]",
    source=f"""pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
        LEFT JOIN {_FIELDS} ON f.attrelid = c.oid"""
    + comment_join(TYPE, "t.oid"),
    where=f"t.typtype = 'c' AND {USER_SCHEMA}",
    address=(TYPE, "t.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("t.oid",),
    trace=of_type(COMPOSITE),
    attributes=(
        Attribute("fields", "COALESCE(f.fields, '{}'::text[])", ChangeClass.STRUCTURE),
        Attribute("field_comments", "COALESCE(f.comments, '{}'::text[])", ChangeClass.COSMETIC),
        owner("t.typowner"),
        COMMENT,
    ),
)
