"""Range types, with the multirange that comes along from version 14 on."""

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


def _function(column: str) -> str:
    return f"NULLIF({column}, 0)::pg_catalog.regprocedure::text"


KIND = Kind(
    name="range",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, t.typname]",
    source="""pg_catalog.pg_range r
        JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_catalog.pg_type b ON b.oid = r.rngsubtype
        JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc
        JOIN pg_catalog.pg_namespace os ON os.oid = o.opcnamespace"""
    + comment_join(TYPE, "t.oid"),
    where=USER_SCHEMA,
    address=(TYPE, "t.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("t.oid",),
    trace=of_type("x.typtype = 'r'"),
    attributes=(
        Attribute("subtype", "pg_catalog.format_type(r.rngsubtype, NULL)", ChangeClass.STRUCTURE),
        Attribute(
            "operator_class",
            "pg_catalog.quote_ident(os.nspname) || '.' || pg_catalog.quote_ident(o.opcname)",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute(
            "collation", collation("r.rngcollation", "b.typcollation"), ChangeClass.BEHAVIOUR
        ),
        Attribute("canonical", _function("r.rngcanonical::oid"), ChangeClass.BEHAVIOUR),
        Attribute("difference", _function("r.rngsubdiff::oid"), ChangeClass.PERFORMANCE),
        Attribute(
            "multirange",
            "pg_catalog.format_type(r.rngmultitypid, NULL)",
            ChangeClass.STRUCTURE,
            since=14,
        ),
        owner("t.typowner"),
        COMMENT,
    ),
)
