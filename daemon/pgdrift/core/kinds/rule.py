"""Rewrite rules. The one that makes a view is part of the view."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    REWRITE,
    USER_SCHEMA,
    comment_join,
    enabled,
    rows_of,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="rule",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, c.relname, r.rulename]",
    source="""pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"""
    + comment_join(REWRITE, "r.oid"),
    where=f"r.rulename <> '_RETURN' AND c.relpersistence <> 't' AND {USER_SCHEMA}",
    address=(REWRITE, "r.oid", "0"),
    parent=(CLASS, "c.oid", "0"),
    told_with=("r.ev_class",),
    trace=rows_of("pg_rewrite", "ev_class", where="x.rulename <> '_RETURN'"),
    attributes=(
        Attribute(
            "definition",
            "pg_catalog.pg_get_ruledef(r.oid)",
            ChangeClass.BEHAVIOUR,
            respell="{text}",
        ),
        enabled("r.ev_enabled"),
        COMMENT,
    ),
)
