"""Constraints of tables and domains, each with the index that enforces it, if one does."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    CONSTRAINT,
    TYPE,
    USER_SCHEMA,
    comment_join,
    sorted_set,
    tablespace,
    words,
)
from pgdrift.core.model import ChangeClass

# Left out, because something else speaks for them: constraint triggers (kind `trigger`); what a
# partition or a child has from its parent; and the NOT NULL that 18 began to name, as long as
# there is no more to it than the column's own `not_null`.
_SPOKEN_FOR = """(k.contype = 't' OR k.conparentid <> 0
    OR (k.contype IN ('c', 'n') AND NOT k.conislocal)
    OR (k.contype = 'n' AND k.convalidated AND NOT k.connoinherit AND d.description IS NULL
        AND k.conname ~ '_not_null[0-9]*$'))"""

# Foreign keys are enforced by internal triggers, which ALTER TABLE can switch off.
_ENFORCED = """(SELECT g.tgconstraint,
        CASE WHEN pg_catalog.min(g.tgenabled::text) = pg_catalog.max(g.tgenabled::text)
             THEN pg_catalog.min(g.tgenabled::text) ELSE 'partly' END AS enabled
    FROM pg_catalog.pg_trigger g
    WHERE g.tgisinternal AND g.tgconstraint <> 0 GROUP BY g.tgconstraint) g"""

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
        LEFT JOIN {_ENFORCED} ON g.tgconstraint = k.oid AND k.contype = 'f'"""
    + comment_join(CONSTRAINT, "k.oid"),
    where=f"""COALESCE(c.relpersistence, 'p') <> 't' AND {USER_SCHEMA}
        AND NOT {_SPOKEN_FOR}""",
    address=(CONSTRAINT, "k.oid", "0"),
    parent=(
        f"CASE WHEN k.conrelid <> 0 THEN {CLASS} ELSE {TYPE} END",
        "CASE WHEN k.conrelid <> 0 THEN k.conrelid ELSE k.contypid END",
        "0",
    ),
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
        Attribute("definition", "pg_catalog.pg_get_constraintdef(k.oid)", ChangeClass.STRUCTURE),
        Attribute(
            "enabled",
            words(
                "g.enabled",
                O="enabled",
                D="disabled",
                R="replica",
                A="always",
            ),
            ChangeClass.SECURITY,
        ),
        Attribute("valid", "x.indisvalid AND x.indisready", ChangeClass.STRUCTURE),
        Attribute("options", sorted_set("i.reloptions"), ChangeClass.PERFORMANCE),
        Attribute("clustered", "x.indisclustered", ChangeClass.PERFORMANCE),
        tablespace("i"),
        COMMENT,
    ),
)
