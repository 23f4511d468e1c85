"""Conversions between encodings."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    CONVERSION,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    owner,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="conversion",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, x.conname]",
    source="""pg_catalog.pg_conversion x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.connamespace"""
    + comment_join(CONVERSION, "x.oid"),
    where=USER_SCHEMA,
    address=(CONVERSION, "x.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute(
            "source",
            "pg_catalog.pg_encoding_to_char(x.conforencoding)::text",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute(
            "target", "pg_catalog.pg_encoding_to_char(x.contoencoding)::text", ChangeClass.BEHAVIOUR
        ),
        # Without its arguments: which it must have is the server's affair, and 14 has one more.
        Attribute("function", "x.conproc::text", ChangeClass.BEHAVIOUR),
        Attribute("default", "x.condefault", ChangeClass.BEHAVIOUR),
        owner("x.conowner"),
        COMMENT,
    ),
)
