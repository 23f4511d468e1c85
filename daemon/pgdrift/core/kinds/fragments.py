"""SQL that several kinds share: addresses, comments, owners, sorted sets. Text only, no rows."""

from pgdrift.core.kind import Attribute
from pgdrift.core.model import ChangeClass

ATTRDEF = "'pg_catalog.pg_attrdef'::pg_catalog.regclass::oid"
CLASS = "'pg_catalog.pg_class'::pg_catalog.regclass::oid"
CONSTRAINT = "'pg_catalog.pg_constraint'::pg_catalog.regclass::oid"
DEFAULT_ACL = "'pg_catalog.pg_default_acl'::pg_catalog.regclass::oid"
EVENT_TRIGGER = "'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid"
EXTENSION = "'pg_catalog.pg_extension'::pg_catalog.regclass::oid"
NAMESPACE = "'pg_catalog.pg_namespace'::pg_catalog.regclass::oid"
POLICY = "'pg_catalog.pg_policy'::pg_catalog.regclass::oid"
PROC = "'pg_catalog.pg_proc'::pg_catalog.regclass::oid"
REWRITE = "'pg_catalog.pg_rewrite'::pg_catalog.regclass::oid"
TRIGGER = "'pg_catalog.pg_trigger'::pg_catalog.regclass::oid"
TYPE = "'pg_catalog.pg_type'::pg_catalog.regclass::oid"

USER_SCHEMA = "{user_schema}"
"""What the reader replaces by the condition that `n` is a schema of the user's."""

IN_SCHEMA = (NAMESPACE, "n.oid", "0")
"""The parent of whatever stands in the schema `n`."""


def comment_join(classid: str, objid: str, objsubid: str = "0") -> str:
    """Return the join that gives `d.description`."""
    return (
        f" LEFT JOIN pg_catalog.pg_description d"
        f" ON d.objoid = {objid} AND d.classoid = {classid} AND d.objsubid = {objsubid}"
    )


COMMENT = Attribute("comment", "d.description", ChangeClass.COSMETIC)


def owner(column: str) -> Attribute:
    """Return the attribute for the role whose OID the column holds."""
    return Attribute("owner", role(column), ChangeClass.SECURITY)


def role(oid: str) -> str:
    """Return the name of a role; pg_get_userbyid reads no closed catalog."""
    return f"pg_catalog.pg_get_userbyid({oid})::text"


def sorted_set(array: str) -> str:
    """Return a text array as a set: sorted by bytes. NULL stays NULL."""
    return (
        f'CASE WHEN {array} IS NOT NULL THEN ARRAY(SELECT e::text COLLATE "C"'
        f" FROM pg_catalog.unnest({array}) e ORDER BY 1) END"
    )


def words(column: str, **spelled: str) -> str:
    """Return a one-letter code as the word for it; an unknown letter stays a letter."""
    cases = " ".join(f"WHEN '{letter}' THEN '{word}'" for letter, word in spelled.items())
    return f"CASE {column}::text {cases} ELSE {column}::text END"


def collation(oid: str, usual: str) -> str:
    """Return the qualified name of a collation, NULL where it is the usual one of the type."""
    return f"CASE WHEN {oid} NOT IN (0, {usual}) THEN {oid}::pg_catalog.regcollation::text END"


def tablespace(relation: str) -> Attribute:
    """Return the attribute for a relation's tablespace, NULL for the database's own."""
    return Attribute(
        "tablespace",
        f"(SELECT s.spcname::text FROM pg_catalog.pg_tablespace s"
        f" WHERE s.oid = {relation}.reltablespace)",
        ChangeClass.PERFORMANCE,
    )


def hidden_options(array: str) -> str:
    """Return options of foreign data as a sorted set of names with hashed values.

    A value may be a password: it must be seen to change, and not be seen.
    """
    return (
        f"CASE WHEN {array} IS NOT NULL THEN ARRAY(SELECT (o.option_name || '=sha256:'"
        f" || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256("
        f"pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 16)) COLLATE \"C\""
        f" FROM pg_catalog.pg_options_to_table({array}) o ORDER BY 1) END"
    )


ENABLED_WORDS = {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"}


def enabled(column: str) -> Attribute:
    """Return the attribute for when a trigger or rule fires."""
    return Attribute("enabled", words(column, **ENABLED_WORDS), ChangeClass.SECURITY)
