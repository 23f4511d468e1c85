"""Triggers on tables, foreign tables and views."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    TRIGGER,
    USER_SCHEMA,
    comment_join,
    enabled,
    rows_of,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="trigger",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, c.relname, g.tgname]",
    source="""pg_catalog.pg_trigger g
        JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_trigger w ON w.oid = g.tgparentid"""
    + comment_join(TRIGGER, "g.oid"),
    # A partition's copy is spoken for by the trigger of the whole, unless it is switched otherwise
    # or has a comment of its own. (Up to 14 such a copy counts as internal.)
    where=f"""CASE WHEN g.tgparentid = 0 THEN NOT g.tgisinternal
            ELSE NOT w.tgisinternal
                AND (g.tgenabled <> w.tgenabled OR d.description IS NOT NULL) END
        AND c.relpersistence <> 't' AND {USER_SCHEMA}""",
    address=(TRIGGER, "g.oid", "0"),
    parent=(CLASS, "c.oid", "0"),
    told_with=("g.tgrelid",),
    trace=rows_of("pg_trigger", "tgrelid", where="NOT x.tgisinternal OR x.tgparentid <> 0"),
    attributes=(
        Attribute(
            "definition",
            "pg_catalog.pg_get_triggerdef(g.oid)",
            ChangeClass.BEHAVIOUR,
            respell="{text}",
        ),
        enabled("g.tgenabled"),
        COMMENT,
    ),
)
