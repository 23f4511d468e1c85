"""Schemas."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import COMMENT, NAMESPACE, USER_SCHEMA, comment_join, owner
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="schema",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname]",
    source="pg_catalog.pg_namespace n" + comment_join(NAMESPACE, "n.oid"),
    where=USER_SCHEMA,
    address=(NAMESPACE, "n.oid", "0"),
    attributes=(
        owner("n.nspowner"),
        # The bootstrap role up to 14, pg_database_owner since.
        Attribute("as_initdb", "n.nspowner IN (10, 6171)", ChangeClass.COSMETIC),
        COMMENT,
    ),
)
