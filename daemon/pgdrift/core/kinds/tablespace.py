"""Tablespaces. Those of initdb belong to whoever ran it; where one lies is the host's affair."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import TABLESPACE, role, sorted_set, users
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="tablespace",
    cls=ChangeClass.PERFORMANCE,
    path="ARRAY[s.spcname]",
    source="pg_catalog.pg_tablespace s",
    address=(TABLESPACE, "s.oid", "0"),
    attributes=(
        Attribute("options", sorted_set("s.spcoptions"), ChangeClass.PERFORMANCE),
        Attribute(
            "owner",
            f"CASE WHEN {users('s.oid')} THEN {role('s.spcowner')} END",
            ChangeClass.SECURITY,
        ),
        Attribute(
            "comment",
            "pg_catalog.shobj_description(s.oid, 'pg_tablespace')",
            ChangeClass.COSMETIC,
        ),
    ),
    cluster=True,
)
