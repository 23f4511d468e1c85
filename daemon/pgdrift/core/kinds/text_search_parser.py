"""Text search parsers. They belong to nobody: only a superuser can make one."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TEXT_SEARCH_PARSER,
    USER_SCHEMA,
    comment_join,
    function,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="text_search_parser",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, p.prsname]",
    source="pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace"
    + comment_join(TEXT_SEARCH_PARSER, "p.oid"),
    where=USER_SCHEMA,
    address=(TEXT_SEARCH_PARSER, "p.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("start", function("p.prsstart::oid"), ChangeClass.BEHAVIOUR),
        Attribute("token", function("p.prstoken::oid"), ChangeClass.BEHAVIOUR),
        Attribute("end", function("p.prsend::oid"), ChangeClass.BEHAVIOUR),
        Attribute("headline", function("p.prsheadline::oid"), ChangeClass.BEHAVIOUR),
        Attribute("token_types", function("p.prslextype::oid"), ChangeClass.BEHAVIOUR),
        COMMENT,
    ),
)
