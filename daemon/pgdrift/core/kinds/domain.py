"""Domains. Their checks are constraints of their own."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TYPE,
    USER_SCHEMA,
    collation,
    comment_join,
    of_type,
    owner,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="domain",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, t.typname]",
    source="""pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype"""
    + comment_join(TYPE, "t.oid"),
    where=f"t.typtype = 'd' AND {USER_SCHEMA}",
    address=(TYPE, "t.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("t.oid",),
    trace=of_type("x.typtype = 'd'"),
    attributes=(
        Attribute(
            "type",
            "pg_catalog.format_type(t.typbasetype, t.typtypmod)",
            ChangeClass.STRUCTURE,
        ),
        Attribute("not_null", "t.typnotnull", ChangeClass.STRUCTURE),
        Attribute(
            "default",
            "COALESCE(pg_catalog.pg_get_expr(t.typdefaultbin, 0), t.typdefault)",
            ChangeClass.BEHAVIOUR,
            respell="ALTER DOMAIN {0}.{1} SET DEFAULT {text}",
        ),
        Attribute(
            "collation", collation("t.typcollation", "b.typcollation"), ChangeClass.BEHAVIOUR
        ),
        owner("t.typowner"),
        COMMENT,
    ),
)
