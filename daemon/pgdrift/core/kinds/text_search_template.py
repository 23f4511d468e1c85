"""Text search templates: the functions behind a dictionary. They belong to nobody."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TEXT_SEARCH_TEMPLATE,
    USER_SCHEMA,
    comment_join,
    function,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="text_search_template",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, t.tmplname]",
    source="pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace"
    + comment_join(TEXT_SEARCH_TEMPLATE, "t.oid"),
    where=USER_SCHEMA,
    address=(TEXT_SEARCH_TEMPLATE, "t.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("init", function("t.tmplinit::oid"), ChangeClass.BEHAVIOUR),
        Attribute("lexize", function("t.tmpllexize::oid"), ChangeClass.BEHAVIOUR),
        COMMENT,
    ),
)
