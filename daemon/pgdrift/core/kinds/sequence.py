"""Sequences; the one behind an identity column is part of the column. Never where they stand."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    NAMESPACE,
    USER_SCHEMA,
    comment_join,
    of_relation,
    owner,
    words,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="sequence",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_sequence q
        JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_depend o
            ON o.classid = {CLASS} AND o.objid = c.oid AND o.objsubid = 0
            AND o.refclassid = {CLASS} AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
        LEFT JOIN pg_catalog.pg_class oc ON oc.oid = o.refobjid
        LEFT JOIN pg_catalog.pg_attribute oa
            ON oa.attrelid = o.refobjid AND oa.attnum = o.refobjsubid"""
    + comment_join(CLASS, "c.oid"),
    where=f"o.deptype IS DISTINCT FROM 'i' AND {USER_SCHEMA}",
    address=(CLASS, "c.oid", "0"),
    # Dropping the column that owns a sequence drops it, so the column speaks for it.
    parent=(
        f"CASE WHEN o.objid IS NULL THEN {NAMESPACE} ELSE {CLASS} END",
        "COALESCE(o.refobjid, n.oid)",
        "COALESCE(o.refobjsubid, 0)",
    ),
    told_with=("c.oid",),
    trace=of_relation("S"),
    attributes=(
        Attribute("type", "pg_catalog.format_type(q.seqtypid, NULL)", ChangeClass.STRUCTURE),
        Attribute("start", "q.seqstart", ChangeClass.BEHAVIOUR),
        Attribute("increment", "q.seqincrement", ChangeClass.BEHAVIOUR),
        Attribute("minimum", "q.seqmin", ChangeClass.BEHAVIOUR),
        Attribute("maximum", "q.seqmax", ChangeClass.BEHAVIOUR),
        Attribute("cache", "q.seqcache", ChangeClass.PERFORMANCE),
        Attribute("cycle", "q.seqcycle", ChangeClass.BEHAVIOUR),
        # Before 15 the sequence of an unlogged table was logged all the same.
        Attribute(
            "persistence",
            words("c.relpersistence", p="permanent", u="unlogged", t="temporary"),
            ChangeClass.BEHAVIOUR,
            since=15,
        ),
        Attribute(
            "owned_by",
            "CASE WHEN o.objid IS NOT NULL THEN o.refobjid::pg_catalog.regclass::text || '.'"
            " || pg_catalog.quote_ident(oa.attname) END",
            ChangeClass.STRUCTURE,
        ),
        owner("c.relowner"),
        Attribute(
            "named_after",
            "CASE WHEN o.objid IS NOT NULL"
            " THEN ARRAY[oc.relname::text, 'seq', oa.attname::text] END",
            ChangeClass.COSMETIC,
        ),
        COMMENT,
    ),
)
