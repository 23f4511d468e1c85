"""Constraints of tables and domains, each with the index that enforces it, if one does."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    CONSTRAINT,
    INDEX_COLUMNS,
    TYPE,
    USER_SCHEMA,
    comment_join,
    rows_of,
    sorted_set,
    tablespace,
    words,
)
from pgdrift.core.model import ChangeClass

# What a partition or a child has from its parent is spoken for by the parent's, unless it is not
# like it, or the whole's index lacks a part. (A foreign key to a partitioned table has rows of its
# own for the parts of that table.)
_LIKE_ITS_WHOLE = """EXISTS (SELECT FROM pg_catalog.pg_constraint w
        LEFT JOIN (pg_catalog.pg_index wx JOIN pg_catalog.pg_class wi ON wi.oid = wx.indexrelid)
            ON wx.indexrelid = w.conindid AND w.contype IN ('p', 'u', 'x')
        WHERE w.oid = k.conparentid AND (w.conrelid = k.conrelid OR (
            pg_catalog.pg_get_constraintdef(w.oid) = pg_catalog.pg_get_constraintdef(k.oid)
            AND d.description IS NULL AND xd.description IS NULL
            AND COALESCE(x.indisvalid AND x.indisready AND NOT x.indisclustered AND wx.indisvalid
                AND wi.reltablespace = i.reltablespace
                AND wi.reloptions IS NOT DISTINCT FROM i.reloptions, true)
            AND COALESCE(g.enabled, 'O') IN ('O', (SELECT pg_catalog.min(wg.tgenabled::text)
                FROM pg_catalog.pg_trigger wg WHERE wg.tgconstraint = w.oid)))))"""
_LIKE_ITS_PARENTS = """EXISTS (SELECT FROM pg_catalog.pg_inherits h
        JOIN pg_catalog.pg_constraint w ON w.conrelid = h.inhparent
        WHERE h.inhrelid = k.conrelid AND w.conname = k.conname AND w.contype = k.contype
            AND pg_catalog.pg_get_constraintdef(w.oid) = pg_catalog.pg_get_constraintdef(k.oid))"""

# Left out, because something else speaks for them: constraint triggers (kind `trigger`); what is
# as the parent's; and the NOT NULL that 18 began to name, as long as there is no more to it than
# the column's own `not_null`.
# These are most of all constraints, and so are left out before anything is joined to them.
_ITS_COLUMNS = f"""(k.contype = 'n' AND k.convalidated AND NOT k.connoinherit
    AND pg_catalog.rtrim(k.conname::text, '0123456789') LIKE '%\\_not\\_null'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_description own
        WHERE own.objoid = k.oid AND own.classoid = {CONSTRAINT} AND own.objsubid = 0))"""
_SPOKEN_FOR = f"""(k.contype = 't' OR (k.conparentid <> 0 AND {_LIKE_ITS_WHOLE})
    OR (k.contype = 'n' AND NOT k.conislocal)
    OR (k.contype = 'c' AND NOT k.conislocal AND d.description IS NULL AND {_LIKE_ITS_PARENTS})
    OR {_ITS_COLUMNS})"""

# What the server makes a name of where it is given none.
_NAMED_AFTER = f"""CASE WHEN k.contype IN ('p', 'u', 'x', 'f', 'c', 'n') THEN
    ARRAY[COALESCE(c.relname, t.typname)::text,
        {words("k.contype", p="pkey", u="key", x="excl", f="fkey", c="check", n="not_null")}]
    || CASE WHEN k.contype IN ('u', 'x') THEN {INDEX_COLUMNS}
        WHEN k.contype IN ('f', 'n') OR pg_catalog.cardinality(k.conkey) = 1 AND k.contype = 'c'
        THEN ARRAY(SELECT (SELECT a.attname::text FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = k.conrelid AND a.attnum = u.attnum)
            FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u (attnum, place)
            ORDER BY u.place) ELSE '{{}}'::text[] END END"""

# Foreign keys are enforced by internal triggers, which ALTER TABLE can switch off.
_ENFORCED = """LATERAL (SELECT
        CASE WHEN pg_catalog.min(g.tgenabled::text) <> pg_catalog.max(g.tgenabled::text)
             THEN 'partly' ELSE pg_catalog.min(g.tgenabled::text) END AS enabled
    FROM pg_catalog.pg_trigger g
    WHERE g.tgisinternal AND k.contype = 'f' AND g.tgconstraint = k.oid) g"""

_TARGETS = """SELECT pg_catalog.array_agg(a.attnum || ': ' || a.attstattarget ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conindid AND a.attstattarget >= 0"""

# Index and name are joined to each other first: a join by what is NULL in most rows makes a server
# split its hash table over and over in vain.
KIND = Kind(
    name="constraint",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, COALESCE(c.relname, t.typname), k.conname]",
    source=f"""pg_catalog.pg_constraint k
        LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
        JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(c.relnamespace, t.typnamespace)
        LEFT JOIN (pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid)
            ON x.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
        LEFT JOIN pg_catalog.pg_description xd
            ON xd.objoid = x.indexrelid AND xd.classoid = {CLASS} AND xd.objsubid = 0
        LEFT JOIN {_ENFORCED} ON true"""
    + comment_join(CONSTRAINT, "k.oid"),
    where=f"""COALESCE(c.relpersistence, 'p') <> 't' AND {USER_SCHEMA}
        AND NOT {_SPOKEN_FOR}""",
    address=(CONSTRAINT, "k.oid", "0"),
    parent=(
        f"CASE WHEN k.conrelid <> 0 THEN {CLASS} ELSE {TYPE} END",
        "CASE WHEN k.conrelid <> 0 THEN k.conrelid ELSE k.contypid END",
        "0",
    ),
    told_with=("k.conrelid", "k.contypid"),
    trace=rows_of("pg_constraint", "conrelid", "contypid"),
    attributes=(
        Attribute(
            "type",
            words(
                "k.contype",
                c="check",
                f="foreign key",
                p="primary key",
                u="unique",
                x="exclusion",
                n="not null",
            ),
            ChangeClass.STRUCTURE,
        ),
        Attribute(
            "definition",
            "pg_catalog.pg_get_constraintdef(k.oid)",
            ChangeClass.STRUCTURE,
            respell="ALTER {parent} ADD CONSTRAINT {2} {text}",
        ),
        Attribute(
            "enabled",
            words(
                # Some have no triggers: one that is not enforced and, up to 14, one between two
                # partitioned tables.
                "CASE WHEN k.contype = 'f' THEN COALESCE(g.enabled, 'O') END",
                O="enabled",
                D="disabled",
                R="replica",
                A="always",
            ),
            ChangeClass.SECURITY,
        ),
        # Of which table it is a part: one just like it may stand for itself.
        Attribute(
            "part_of",
            "CASE WHEN k.conparentid <> 0 THEN (SELECT w.conrelid::pg_catalog.regclass::text"
            " FROM pg_catalog.pg_constraint w"
            " WHERE w.oid = k.conparentid AND w.conrelid <> k.conrelid) END",
            ChangeClass.STRUCTURE,
        ),
        Attribute("valid", "x.indisvalid AND x.indisready AND x.indislive", ChangeClass.STRUCTURE),
        Attribute("options", sorted_set("i.reloptions"), ChangeClass.PERFORMANCE),
        # Only an exclusion has expressions, and only these have targets.
        Attribute(
            "statistics",
            f"CASE WHEN k.contype = 'x' THEN ({_TARGETS}) END",
            ChangeClass.PERFORMANCE,
        ),
        Attribute("clustered", "x.indisclustered", ChangeClass.PERFORMANCE),
        tablespace("i"),
        Attribute("named_after", _NAMED_AFTER, ChangeClass.COSMETIC),
        COMMENT,
        Attribute("index_comment", "xd.description", ChangeClass.COSMETIC),
    ),
)
