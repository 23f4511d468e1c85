"""Base types, and shell types, which have a name and nothing else yet.

Arrays and multiranges that PostgreSQL makes along with another type go with that type.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    NO_ARRAY,
    TYPE,
    USER_SCHEMA,
    comment_join,
    function,
    of_type,
    owner,
    words,
)
from pgdrift.core.model import ChangeClass

_ALIGNMENTS = {"c": "char", "s": "int2", "i": "int4", "d": "double"}
_STORAGES = {"p": "plain", "e": "external", "x": "extended", "m": "main"}

KIND = Kind(
    name="base_type",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, t.typname]",
    source="""pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"""
    + comment_join(TYPE, "t.oid"),
    where=f"""(t.typtype = 'b' OR t.typtype = 'p' AND NOT t.typisdefined)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
        AND {USER_SCHEMA}""",
    address=(TYPE, "t.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("t.oid",),
    trace=of_type(f"x.typtype IN ('b', 'p') AND {NO_ARRAY}"),
    attributes=(
        Attribute("defined", "t.typisdefined", ChangeClass.STRUCTURE),
        Attribute("input", function("t.typinput::oid"), ChangeClass.BEHAVIOUR),
        Attribute("output", function("t.typoutput::oid"), ChangeClass.BEHAVIOUR),
        Attribute("receive", function("t.typreceive::oid"), ChangeClass.BEHAVIOUR),
        Attribute("send", function("t.typsend::oid"), ChangeClass.BEHAVIOUR),
        Attribute("modifier_input", function("t.typmodin::oid"), ChangeClass.BEHAVIOUR),
        Attribute("modifier_output", function("t.typmodout::oid"), ChangeClass.BEHAVIOUR),
        Attribute("analyze", function("t.typanalyze::oid"), ChangeClass.PERFORMANCE),
        Attribute("subscript", function("t.typsubscript::oid"), ChangeClass.BEHAVIOUR, since=14),
        Attribute("length", "t.typlen::int", ChangeClass.STRUCTURE),
        Attribute("by_value", "t.typbyval", ChangeClass.STRUCTURE),
        Attribute("alignment", words("t.typalign", **_ALIGNMENTS), ChangeClass.STRUCTURE),
        Attribute("storage", words("t.typstorage", **_STORAGES), ChangeClass.PERFORMANCE),
        Attribute("category", "t.typcategory::text", ChangeClass.BEHAVIOUR),
        Attribute("preferred", "t.typispreferred", ChangeClass.BEHAVIOUR),
        Attribute("delimiter", "t.typdelim::text", ChangeClass.BEHAVIOUR),
        Attribute(
            "element",
            "CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END",
            ChangeClass.STRUCTURE,
        ),
        Attribute("default", "t.typdefault", ChangeClass.BEHAVIOUR),
        Attribute("collatable", "t.typcollation <> 0", ChangeClass.BEHAVIOUR),
        owner("t.typowner"),
        COMMENT,
    ),
)
