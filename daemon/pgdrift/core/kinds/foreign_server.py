"""Foreign servers. Values of their options are hashed."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    FOREIGN_DATA_WRAPPER,
    FOREIGN_SERVER,
    comment_join,
    member_join,
    options,
    or_its_extension,
    owner,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="foreign_server",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[x.srvname]",
    source="""pg_catalog.pg_foreign_server x
        JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = x.srvfdw"""
    + comment_join(FOREIGN_SERVER, "x.oid")
    + member_join(FOREIGN_DATA_WRAPPER, "w.oid"),
    address=(FOREIGN_SERVER, "x.oid", "0"),
    parent=or_its_extension(FOREIGN_DATA_WRAPPER, "w.oid"),
    attributes=(
        Attribute("wrapper", "w.fdwname::text", ChangeClass.STRUCTURE),
        Attribute("type", "x.srvtype", ChangeClass.BEHAVIOUR),
        Attribute("version", "x.srvversion", ChangeClass.BEHAVIOUR),
        options("options", "x.srvoptions"),
        owner("x.srvowner"),
        COMMENT,
    ),
)
