"""Enum types. The order of the labels is their meaning."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TYPE,
    USER_SCHEMA,
    comment_join,
    of_type,
    owner,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="enum",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, t.typname]",
    source="""pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN (SELECT enumtypid,
                          pg_catalog.array_agg(enumlabel::text ORDER BY enumsortorder) AS labels
                     FROM pg_catalog.pg_enum GROUP BY enumtypid) e ON e.enumtypid = t.oid"""
    + comment_join(TYPE, "t.oid"),
    where=f"t.typtype = 'e' AND {USER_SCHEMA}",
    address=(TYPE, "t.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("t.oid",),
    trace=of_type("x.typtype = 'e'"),
    attributes=(
        Attribute("labels", "COALESCE(e.labels, '{}'::text[])", ChangeClass.STRUCTURE),
        owner("t.typowner"),
        COMMENT,
    ),
)
