"""Views, with the columns they give out."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    of_relation,
    owner,
    sorted_set,
)
from pgdrift.core.model import ChangeClass

# View by view: there are far fewer columns of views than of tables.
COLUMNS = f"""LEFT JOIN LATERAL (SELECT
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ' '
            || pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns,
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ': ' || ad.description
            ORDER BY a.attnum) FILTER (WHERE ad.description IS NOT NULL) AS comments,
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) || ': '
            || pg_catalog.pg_get_expr(e.adbin, e.adrelid) ORDER BY a.attnum)
            FILTER (WHERE e.oid IS NOT NULL) AS defaults,
        pg_catalog.array_agg(pg_catalog.quote_ident(a.attname)
            || CASE WHEN a.attstorage <> at.typstorage
                    THEN ' STORAGE ' || a.attstorage::text ELSE '' END
            || CASE WHEN a.attstattarget >= 0 THEN ' STATISTICS ' || a.attstattarget ELSE '' END
            || COALESCE(' ' || {sorted_set("a.attoptions")}::text, '') ORDER BY a.attnum)
            FILTER (WHERE a.attstorage <> at.typstorage OR a.attstattarget >= 0
                    OR a.attoptions IS NOT NULL) AS settings
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type at ON at.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_description ad
        ON ad.objoid = a.attrelid AND ad.classoid = {CLASS} AND ad.objsubid = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) v ON true"""

DEFINITION = Attribute(
    "definition",
    "pg_catalog.pg_get_viewdef(c.oid)",
    ChangeClass.STRUCTURE,
    respell="DROP VIEW IF EXISTS {0}.{1} CASCADE; CREATE VIEW {0}.{1} AS {text}",
)
GIVES = Attribute("columns", "COALESCE(v.columns, '{}'::text[])", ChangeClass.STRUCTURE)
COLUMN_COMMENTS = Attribute(
    "column_comments", "COALESCE(v.comments, '{}'::text[])", ChangeClass.COSMETIC
)

KIND = Kind(
    name="view",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        {COLUMNS}"""
    + comment_join(CLASS, "c.oid"),
    where=f"c.relkind = 'v' AND c.relpersistence <> 't' AND {USER_SCHEMA}",
    address=(CLASS, "c.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("c.oid",),
    trace=of_relation("v"),
    attributes=(
        DEFINITION,
        GIVES,
        # security_barrier and security_invoker are among them.
        Attribute("options", sorted_set("c.reloptions"), ChangeClass.SECURITY),
        Attribute("column_defaults", "COALESCE(v.defaults, '{}'::text[])", ChangeClass.BEHAVIOUR),
        COLUMN_COMMENTS,
        owner("c.relowner"),
        COMMENT,
    ),
)
