"""Access methods, of tables and of indexes."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    ACCESS_METHOD,
    COMMENT,
    comment_join,
    function,
    users,
    words,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="access_method",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[x.amname]",
    source="pg_catalog.pg_am x" + comment_join(ACCESS_METHOD, "x.oid"),
    where=users("x.oid"),
    address=(ACCESS_METHOD, "x.oid", "0"),
    attributes=(
        Attribute("type", words("x.amtype", i="index", t="table"), ChangeClass.STRUCTURE),
        Attribute("handler", function("x.amhandler::oid"), ChangeClass.BEHAVIOUR),
        COMMENT,
    ),
)
