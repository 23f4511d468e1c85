"""Foreign tables. Values of their options are hashed: one may be a password."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    of_relation,
    options,
    owner,
)
from pgdrift.core.kinds.table import DETACH_PENDING, INHERITED, INHERITS, PARTITION_BOUND
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="foreign_table",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_foreign_table f
        JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
        LEFT JOIN {INHERITS} ON h.inhrelid = c.oid"""
    + comment_join(CLASS, "c.oid"),
    where=USER_SCHEMA,
    address=(CLASS, "c.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("c.oid",),
    trace=of_relation("f"),
    attributes=(
        Attribute("server", "s.srvname::text", ChangeClass.STRUCTURE),
        options("options", "f.ftoptions"),
        PARTITION_BOUND,
        INHERITED,
        DETACH_PENDING,
        owner("c.relowner"),
        COMMENT,
    ),
)
