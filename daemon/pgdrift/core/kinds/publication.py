"""Publications: what subscribers may be sent. Their tables and schemas are objects of their own."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    PUBLICATION,
    PUBLICATION_SCHEMA,
    PUBLICATION_TABLE,
    USER_SCHEMA,
    comment_join,
    owner,
    words,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="publication",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[p.pubname]",
    source="pg_catalog.pg_publication p" + comment_join(PUBLICATION, "p.oid"),
    address=(PUBLICATION, "p.oid", "0"),
    attributes=(
        Attribute("all_tables", "p.puballtables", ChangeClass.SECURITY),
        Attribute(
            "operations",
            """pg_catalog.array_remove(ARRAY[CASE WHEN p.pubdelete THEN 'delete' END,
                CASE WHEN p.pubinsert THEN 'insert' END,
                CASE WHEN p.pubtruncate THEN 'truncate' END,
                CASE WHEN p.pubupdate THEN 'update' END], NULL)""",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute("via_root", "p.pubviaroot", ChangeClass.BEHAVIOUR),
        Attribute(
            "generated_columns",
            words("p.pubgencols", n="none", s="stored"),
            ChangeClass.BEHAVIOUR,
            since=18,
        ),
        owner("p.pubowner"),
        COMMENT,
    ),
)

# So one changed filter is one finding, however many tables there are. Which rows and columns
# leave the database is a matter of security.
TABLE = Kind(
    name="publication_table",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[p.pubname, n.nspname, c.relname]",
    source="""pg_catalog.pg_publication_rel r
        JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
        JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace""",
    where=USER_SCHEMA,
    address=(PUBLICATION_TABLE, "r.oid", "0"),
    parent=(PUBLICATION, "p.oid", "0"),
    attributes=(
        Attribute(
            "columns",
            """CASE WHEN r.prattrs IS NOT NULL THEN ARRAY(SELECT a.attname::text COLLATE "C"
                FROM pg_catalog.unnest(r.prattrs) k
                JOIN pg_catalog.pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = k
                ORDER BY 1) END""",
            ChangeClass.SECURITY,
            since=15,
        ),
        Attribute(
            "filter",
            "pg_catalog.pg_get_expr(r.prqual, r.prrelid)",
            ChangeClass.SECURITY,
            since=15,
        ),
    ),
)

SCHEMA = Kind(
    name="publication_schema",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[p.pubname, n.nspname]",
    source="""pg_catalog.pg_publication_namespace r
        JOIN pg_catalog.pg_publication p ON p.oid = r.pnpubid
        JOIN pg_catalog.pg_namespace n ON n.oid = r.pnnspid""",
    where=USER_SCHEMA,
    address=(PUBLICATION_SCHEMA, "r.oid", "0"),
    parent=(PUBLICATION, "p.oid", "0"),
    attributes=(),
    since=15,
)

KINDS = (KIND, TABLE, SCHEMA)
