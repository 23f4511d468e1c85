"""Casts. The one from a range to its multirange comes with the type."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import CAST, COMMENT, comment_join, function, users, words
from pgdrift.core.model import ChangeClass

# No parent: a cast has two types, of which one may be the server's own or an extension's.
KIND = Kind(
    name="cast",
    cls=ChangeClass.BEHAVIOUR,
    path="""ARRAY[pg_catalog.format_type(x.castsource, NULL),
        pg_catalog.format_type(x.casttarget, NULL)]""",
    source="pg_catalog.pg_cast x" + comment_join(CAST, "x.oid"),
    where=f"""{users("x.oid")} AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
        WHERE i.classid = {CAST} AND i.objid = x.oid AND i.deptype = 'i')""",
    address=(CAST, "x.oid", "0"),
    attributes=(
        Attribute("function", function("x.castfunc"), ChangeClass.BEHAVIOUR),
        Attribute(
            "context",
            words("x.castcontext", e="explicit", a="assignment", i="implicit"),
            ChangeClass.BEHAVIOUR,
        ),
        Attribute(
            "method",
            words("x.castmethod", f="function", i="inout", b="binary"),
            ChangeClass.BEHAVIOUR,
        ),
        COMMENT,
    ),
)
