"""Procedural languages that no extension brought."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import COMMENT, LANGUAGE, comment_join, function, owner, users
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="language",
    cls=ChangeClass.SECURITY,
    path="ARRAY[x.lanname]",
    source="pg_catalog.pg_language x" + comment_join(LANGUAGE, "x.oid"),
    where=users("x.oid"),
    address=(LANGUAGE, "x.oid", "0"),
    attributes=(
        # Whether anybody may write functions in it, or only a superuser.
        Attribute("trusted", "x.lanpltrusted", ChangeClass.SECURITY),
        Attribute("handler", function("x.lanplcallfoid"), ChangeClass.BEHAVIOUR),
        Attribute("inline", function("x.laninline"), ChangeClass.BEHAVIOUR),
        Attribute("validator", function("x.lanvalidator"), ChangeClass.BEHAVIOUR),
        owner("x.lanowner"),
        COMMENT,
    ),
)
