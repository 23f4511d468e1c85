"""Extended statistics: what is counted of a table's columns together. Never what was counted."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    STATISTICS,
    USER_SCHEMA,
    comment_join,
    owner,
    rows_of,
    sorted_set,
    words,
)
from pgdrift.core.model import ChangeClass

_KINDS = {"d": "ndistinct", "f": "dependencies", "m": "mcv", "e": "expressions"}

# Sets, all of them: the server keeps columns in the order of the table, whatever was asked for.
KIND = Kind(
    name="statistics",
    cls=ChangeClass.PERFORMANCE,
    path="ARRAY[n.nspname, x.stxname]",
    source="""pg_catalog.pg_statistic_ext x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.stxnamespace
        JOIN pg_catalog.pg_class c ON c.oid = x.stxrelid"""
    + comment_join(STATISTICS, "x.oid"),
    where=f"c.relpersistence <> 't' AND {USER_SCHEMA}",
    address=(STATISTICS, "x.oid", "0"),
    parent=(CLASS, "c.oid", "0"),
    told_with=("x.stxrelid",),
    trace=rows_of("pg_statistic_ext", "stxrelid"),
    attributes=(
        Attribute("table", "x.stxrelid::pg_catalog.regclass::text", ChangeClass.PERFORMANCE),
        Attribute(
            "kinds",
            f"""ARRAY(SELECT ({words("k", **_KINDS)}) COLLATE "C"
                FROM pg_catalog.unnest(x.stxkind) k ORDER BY 1)""",
            ChangeClass.PERFORMANCE,
        ),
        Attribute(
            "columns",
            """ARRAY(SELECT a.attname::text COLLATE "C" FROM pg_catalog.unnest(x.stxkeys) k
                JOIN pg_catalog.pg_attribute a ON a.attrelid = x.stxrelid AND a.attnum = k
                ORDER BY 1)""",
            ChangeClass.PERFORMANCE,
        ),
        Attribute(
            "expressions",
            sorted_set("pg_catalog.pg_get_statisticsobjdef_expressions(x.oid)"),
            ChangeClass.PERFORMANCE,
            since=14,
        ),
        # Up to 16 the default is told as -1, from 17 on as NULL.
        Attribute("target", "NULLIF(x.stxstattarget, -1)::int", ChangeClass.PERFORMANCE),
        owner("x.stxowner"),
        COMMENT,
    ),
)
