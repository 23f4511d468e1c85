"""SQL that several kinds share: addresses, comments, owners, sorted sets. Text only, no rows."""

from pgdrift.core.kind import Attribute
from pgdrift.core.model import ChangeClass

ACCESS_METHOD = "'pg_catalog.pg_am'::pg_catalog.regclass::oid"
CAST = "'pg_catalog.pg_cast'::pg_catalog.regclass::oid"
CLASS = "'pg_catalog.pg_class'::pg_catalog.regclass::oid"
COLLATION = "'pg_catalog.pg_collation'::pg_catalog.regclass::oid"
CONSTRAINT = "'pg_catalog.pg_constraint'::pg_catalog.regclass::oid"
CONVERSION = "'pg_catalog.pg_conversion'::pg_catalog.regclass::oid"
DATABASE = "'pg_catalog.pg_database'::pg_catalog.regclass::oid"
DEFAULT_ACL = "'pg_catalog.pg_default_acl'::pg_catalog.regclass::oid"
EVENT_TRIGGER = "'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid"
EXTENSION = "'pg_catalog.pg_extension'::pg_catalog.regclass::oid"
FOREIGN_DATA_WRAPPER = "'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass::oid"
FOREIGN_SERVER = "'pg_catalog.pg_foreign_server'::pg_catalog.regclass::oid"
LANGUAGE = "'pg_catalog.pg_language'::pg_catalog.regclass::oid"
NAMESPACE = "'pg_catalog.pg_namespace'::pg_catalog.regclass::oid"
OPERATOR = "'pg_catalog.pg_operator'::pg_catalog.regclass::oid"
OPERATOR_CLASS = "'pg_catalog.pg_opclass'::pg_catalog.regclass::oid"
OPERATOR_FAMILY = "'pg_catalog.pg_opfamily'::pg_catalog.regclass::oid"
POLICY = "'pg_catalog.pg_policy'::pg_catalog.regclass::oid"
PROC = "'pg_catalog.pg_proc'::pg_catalog.regclass::oid"
PUBLICATION = "'pg_catalog.pg_publication'::pg_catalog.regclass::oid"
PUBLICATION_SCHEMA = "'pg_catalog.pg_publication_namespace'::pg_catalog.regclass::oid"
PUBLICATION_TABLE = "'pg_catalog.pg_publication_rel'::pg_catalog.regclass::oid"
REWRITE = "'pg_catalog.pg_rewrite'::pg_catalog.regclass::oid"
ROLE = "'pg_catalog.pg_authid'::pg_catalog.regclass::oid"
STATISTICS = "'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::oid"
TABLESPACE = "'pg_catalog.pg_tablespace'::pg_catalog.regclass::oid"
TEXT_SEARCH_CONFIGURATION = "'pg_catalog.pg_ts_config'::pg_catalog.regclass::oid"
TEXT_SEARCH_DICTIONARY = "'pg_catalog.pg_ts_dict'::pg_catalog.regclass::oid"
TEXT_SEARCH_PARSER = "'pg_catalog.pg_ts_parser'::pg_catalog.regclass::oid"
TEXT_SEARCH_TEMPLATE = "'pg_catalog.pg_ts_template'::pg_catalog.regclass::oid"
TRANSFORM = "'pg_catalog.pg_transform'::pg_catalog.regclass::oid"
TRIGGER = "'pg_catalog.pg_trigger'::pg_catalog.regclass::oid"
TYPE = "'pg_catalog.pg_type'::pg_catalog.regclass::oid"
USER_MAPPING = "'pg_catalog.pg_user_mapping'::pg_catalog.regclass::oid"

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


def member_join(classid: str, objid: str) -> str:
    """Return the join that gives as `member` the extension that an object belongs to, if any."""
    return f"""
        LEFT JOIN pg_catalog.pg_depend member ON member.deptype = 'e'
            AND member.refclassid = {EXTENSION} AND member.objsubid = 0
            AND member.classid = {classid} AND member.objid = {objid}"""


def or_its_extension(classid: str, objid: str, objsubid: str = "0") -> tuple[str, str, str]:
    """Return the address of an object, or of the extension that it belongs to (`member_join`).

    What is left out cannot be a parent: the extension stands for it.
    """
    return (
        f"CASE WHEN member.objid IS NULL THEN {classid} ELSE member.refclassid END",
        f"COALESCE(member.refobjid, {objid})",
        objsubid
        if objsubid == "0"
        else f"CASE WHEN member.objid IS NULL THEN {objsubid} ELSE 0 END",
    )


def users(oid: str) -> str:
    """Return the condition that an object was not made by initdb."""
    return f"{oid} >= 16384"


COMMENT = Attribute("comment", "d.description", ChangeClass.COSMETIC)


def owner(column: str) -> Attribute:
    """Return the attribute for the role whose OID the column holds."""
    return Attribute("owner", role(column), ChangeClass.SECURITY)


def role(oid: str) -> str:
    """Return the name of a role; pg_get_userbyid reads no closed catalog."""
    return f"pg_catalog.pg_get_userbyid({oid})::text"


def grantee(oid: str) -> str:
    """Return the name of a role, or PUBLIC for 0.

    A role may be named "PUBLIC", and is then told apart by quotes that are part of its name here.
    """
    return f"""CASE WHEN {oid} = 0 THEN 'PUBLIC'
    WHEN {role(oid)} ~ '^"*PUBLIC"*$' THEN '"' || {role(oid)} || '"' ELSE {role(oid)} END"""


def function(oid: str) -> str:
    """Return a function with its arguments, qualified; NULL for none."""
    return f"NULLIF({oid}, 0)::pg_catalog.regprocedure::text"


def qualified(schema: str, name: str) -> str:
    """Return two names as SQL writes them, quoted where they must be."""
    return f"pg_catalog.quote_ident({schema}) || '.' || pg_catalog.quote_ident({name})"


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
        # Most say 0, for which nothing need be asked.
        f"CASE WHEN {relation}.reltablespace <> 0 THEN (SELECT s.spcname::text"
        f" FROM pg_catalog.pg_tablespace s WHERE s.oid = {relation}.reltablespace) END",
        ChangeClass.PERFORMANCE,
    )


def _index_column(attnum: str, place: str) -> str:
    return f"""(SELECT a.attname::text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = CASE WHEN {attnum} > 0 THEN x.indrelid ELSE x.indexrelid END
                AND a.attnum = CASE WHEN {attnum} > 0 THEN {attnum} ELSE {place} END)"""


def _index_columns(count: int) -> str:
    columns = (_index_column(f"x.indkey[{n}]", f"{n + 1}::int2") for n in range(count))
    return f"WHEN {count} THEN ARRAY[{', '.join(columns)}]"


# Column by column, each found by index: a join would read all columns of the table every time.
# The few of most indexes are named one by one, which takes half the time of a list.
INDEX_COLUMNS = f"""CASE x.indnatts {_index_columns(1)} {_index_columns(2)} {_index_columns(3)}
        ELSE ARRAY(SELECT {_index_column("u.attnum", "u.place::int2")}
            FROM pg_catalog.unnest(x.indkey) WITH ORDINALITY u (attnum, place)
            ORDER BY u.place) END"""
"""What the index `x` calls its columns: the table's columns as they are named now."""


# Options of which the value is no secret with any wrapper that is known here. Where another one
# keeps a secret under such a name, it is hashed still, but not sealed.
_HARMLESS = """
    analyze_sampling application_name async_capable batch_size column_name database dbname delimiter
    encoding escape extensions fdw_startup_cost fdw_tuple_cost fetch_size filename force_not_null
    force_null format header host hostaddr keep_connections null parallel_abort parallel_commit
    port prefetch quote readonly schema schema_name servername sslmode table table_name truncatable
    updatable use_remote_estimate
""".split()


def hidden(text: str) -> str:
    """Return the form in which a secret leaves the server, for the reader to seal."""
    hashed = f"pg_catalog.sha256(pg_catalog.convert_to({text}, 'UTF8'))"
    return f"'secret:' || pg_catalog.encode({hashed}, 'hex')"


def hidden_options(array: str) -> str:
    """Return options of foreign data as a sorted set of names with hashed values.

    A value may be a password: it must be seen to change, and not be seen. What an option's name
    says to be harmless can be compared by readers that do not share a key.
    """
    harmless = ", ".join(f"'{name}'" for name in _HARMLESS)
    plain = (
        "'sha256:' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256("
        "pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 16)"
    )
    return (
        f"CASE WHEN {array} IS NOT NULL THEN ARRAY(SELECT (o.option_name || '='"
        f" || CASE WHEN o.option_name IN ({harmless}) THEN {plain}"
        f' ELSE {hidden("o.option_value")} END) COLLATE "C"'
        f" FROM pg_catalog.pg_options_to_table({array}) o ORDER BY 1) END"
    )


def options(name: str, array: str, cls: ChangeClass = ChangeClass.BEHAVIOUR) -> Attribute:
    """Return the attribute for options of foreign data."""
    return Attribute(name, hidden_options(array), cls, secret=True)


ENABLED_WORDS = {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"}


def enabled(column: str) -> Attribute:
    """Return the attribute for when a trigger or rule fires."""
    return Attribute("enabled", words(column, **ENABLED_WORDS), ChangeClass.SECURITY)


# What is told with an OID leaves a trace there: a condition that each of its rows fulfils, which is
# cheaper to ask than the rows are. $1 are OIDs.
COMPOSITE = """x.typtype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_class r
    WHERE r.oid = x.typrelid AND r.relkind = 'c')"""
"""That the type `x` was made with CREATE TYPE, and came with no table."""
NO_ARRAY = """NOT EXISTS (SELECT FROM pg_catalog.pg_type e
    WHERE e.oid = x.typelem AND e.typarray = x.oid)"""
"""That the type `x` came with no other one as its array."""


def rows_of(catalog: str, *columns: str, where: str = "true") -> str:
    """Return the trace of what a catalog has rows of, which name in a column what it belongs to."""
    named = " OR ".join(f"x.{column} = ANY ($1)" for column in columns)
    return f"pg_catalog.{catalog} x WHERE ({named}) AND ({where})"


def of_relation(letters: str, where: str = "true") -> str:
    """Return the trace of relations of these sorts."""
    sorts = ", ".join(f"'{letter}'" for letter in letters)
    return rows_of("pg_class", "oid", where=f"x.relkind IN ({sorts}) AND {where}")


def of_type(where: str) -> str:
    """Return the trace of types of which this holds."""
    return rows_of("pg_type", "oid", where=where)
