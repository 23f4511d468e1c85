"""Transforms: how a language takes and gives values of a type."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import COMMENT, TRANSFORM, comment_join, function, users
from pgdrift.core.model import ChangeClass

# No parent: type and language both may be the server's own or an extension's.
KIND = Kind(
    name="transform",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[pg_catalog.format_type(x.trftype, NULL), l.lanname::text]",
    source="""pg_catalog.pg_transform x
        JOIN pg_catalog.pg_language l ON l.oid = x.trflang"""
    + comment_join(TRANSFORM, "x.oid"),
    where=users("x.oid"),
    address=(TRANSFORM, "x.oid", "0"),
    attributes=(
        Attribute("from_sql", function("x.trffromsql::oid"), ChangeClass.BEHAVIOUR),
        Attribute("to_sql", function("x.trftosql::oid"), ChangeClass.BEHAVIOUR),
        COMMENT,
    ),
)
