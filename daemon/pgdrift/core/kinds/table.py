"""Tables, ordinary and partitioned. Columns and constraints are objects of their own."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    of_relation,
    owner,
    tablespace,
    words,
)
from pgdrift.core.model import ChangeClass

# Parents in the order of INHERITS, which decides whose column comes first.
INHERITS = """(SELECT i.inhrelid,
        pg_catalog.array_agg(i.inhparent::pg_catalog.regclass::text ORDER BY i.inhseqno) AS parents
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
    WHERE p.relkind IN ('r', 'p', 'f') GROUP BY i.inhrelid) h"""

PARTITION_BOUND = Attribute(
    "partition_bound",
    "pg_catalog.pg_get_expr(c.relpartbound, c.oid)",
    ChangeClass.STRUCTURE,
)
INHERITED = Attribute("inherits", "COALESCE(h.parents, '{}'::text[])", ChangeClass.STRUCTURE)
# Left half-way by a DETACH CONCURRENTLY: queries of the whole no longer see the partition.
DETACH_PENDING = Attribute(
    "detach_pending",
    "c.relispartition AND (SELECT i.inhdetachpending FROM pg_catalog.pg_inherits i"
    " WHERE i.inhrelid = c.oid)",
    ChangeClass.STRUCTURE,
    since=14,
)

# What OPTIONS and REPLICA_IDENTITY are read from.
STORED = """LEFT JOIN pg_catalog.pg_class o ON o.oid = c.reltoastrelid
        LEFT JOIN pg_catalog.pg_index ri ON ri.indrelid = c.oid AND ri.indisreplident
        LEFT JOIN pg_catalog.pg_class rc ON rc.oid = ri.indexrelid"""

OPTIONS = Attribute(
    "options",
    "CASE WHEN c.reloptions IS NULL AND o.reloptions IS NULL THEN '{}'::text[]"
    ' ELSE ARRAY(SELECT u::text COLLATE "C" FROM pg_catalog.unnest(c.reloptions) u UNION ALL'
    " SELECT 'toast.' || u FROM pg_catalog.unnest(o.reloptions) u ORDER BY 1) END",
    ChangeClass.PERFORMANCE,
)
REPLICA_IDENTITY = Attribute(
    "replica_identity",
    words("c.relreplident", d="default", n="nothing", f="full", i="index ")
    + " || CASE WHEN c.relreplident = 'i'"
    " THEN COALESCE(pg_catalog.quote_ident(rc.relname), '(dropped)') ELSE '' END",
    ChangeClass.BEHAVIOUR,
)

# What a partition has of indexes, keys and foreign keys of the whole goes by names of its own,
# which nobody compares: `index whole.own`. Whoever plans that it leaves has to know them.
_FROM_ITS_WHOLE = """CASE WHEN c.relispartition THEN ARRAY(
    SELECT ('index ' || pg_catalog.quote_ident(wi.relname) || '.'
        || pg_catalog.quote_ident(i.relname)) COLLATE "C"
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.oid
        JOIN pg_catalog.pg_class wi ON wi.oid = h.inhparent
    WHERE x.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conindid = i.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL SELECT ('constraint ' || pg_catalog.quote_ident(w.conname) || '.'
        || pg_catalog.quote_ident(k.conname)) COLLATE "C"
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_constraint w ON w.oid = k.conparentid
    WHERE k.conrelid = c.oid AND w.conrelid <> c.oid AND k.contype IN ('p', 'u', 'x', 'f')
    ORDER BY 1) END"""

KIND = Kind(
    name="table",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, c.relname]",
    source=f"""pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
        {STORED}
        LEFT JOIN {INHERITS} ON h.inhrelid = c.oid"""
    + comment_join(CLASS, "c.oid"),
    where=f"c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {USER_SCHEMA}",
    address=(CLASS, "c.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("c.oid",),
    trace=of_relation("rp"),
    attributes=(
        Attribute(
            "persistence",
            words("c.relpersistence", p="permanent", u="unlogged"),
            ChangeClass.BEHAVIOUR,
        ),
        Attribute("row_security", "c.relrowsecurity", ChangeClass.SECURITY),
        Attribute("force_row_security", "c.relforcerowsecurity", ChangeClass.SECURITY),
        Attribute(
            "partition_key",
            "CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END",
            ChangeClass.STRUCTURE,
        ),
        PARTITION_BOUND,
        INHERITED,
        DETACH_PENDING,
        Attribute(
            "of_type", "NULLIF(c.reloftype, 0)::pg_catalog.regtype::text", ChangeClass.STRUCTURE
        ),
        Attribute("access_method", "m.amname::text", ChangeClass.PERFORMANCE),
        OPTIONS,
        REPLICA_IDENTITY,
        tablespace("c"),
        Attribute("from_its_whole", _FROM_ITS_WHOLE, ChangeClass.COSMETIC),
        owner("c.relowner"),
        COMMENT,
    ),
)
