"""Foreign data wrappers that no extension brought. Values of their options are hashed."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    FOREIGN_DATA_WRAPPER,
    comment_join,
    function,
    options,
    owner,
    users,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="foreign_data_wrapper",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[x.fdwname]",
    source="pg_catalog.pg_foreign_data_wrapper x" + comment_join(FOREIGN_DATA_WRAPPER, "x.oid"),
    where=users("x.oid"),
    address=(FOREIGN_DATA_WRAPPER, "x.oid", "0"),
    attributes=(
        Attribute("handler", function("x.fdwhandler"), ChangeClass.BEHAVIOUR),
        Attribute("validator", function("x.fdwvalidator"), ChangeClass.BEHAVIOUR),
        options("options", "x.fdwoptions"),
        owner("x.fdwowner"),
        COMMENT,
    ),
)
