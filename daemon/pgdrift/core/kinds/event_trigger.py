"""Event triggers. One whose function stands in a schema that is left out goes with it."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    EVENT_TRIGGER,
    comment_join,
    enabled,
    owner,
    sorted_set,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="event_trigger",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[v.evtname]",
    source="""pg_catalog.pg_event_trigger v
        JOIN pg_catalog.pg_proc p ON p.oid = v.evtfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"""
    + comment_join(EVENT_TRIGGER, "v.oid"),
    where="n.nspname <> ALL ($1::text[])",
    address=(EVENT_TRIGGER, "v.oid", "0"),
    attributes=(
        Attribute("event", "v.evtevent::text", ChangeClass.BEHAVIOUR),
        Attribute("tags", sorted_set("v.evttags"), ChangeClass.BEHAVIOUR),
        Attribute("function", "v.evtfoid::pg_catalog.regprocedure::text", ChangeClass.BEHAVIOUR),
        enabled("v.evtenabled"),
        owner("v.evtowner"),
        COMMENT,
    ),
)
