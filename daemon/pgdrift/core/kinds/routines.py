"""What functions and procedures share: all of pg_proc but how an aggregate is put together."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    PROC,
    USER_SCHEMA,
    comment_join,
    owner,
    rows_of,
    sorted_set,
    words,
)
from pgdrift.core.model import ChangeClass


def _without_in(arguments: str) -> str:
    """Return a procedure's arguments without the word IN, which only 14 and newer print."""
    # What is quoted is matched first, and stays as it is.
    quoted = "('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")".replace("'", "''")
    bare = f"pg_catalog.regexp_replace({arguments}, '{quoted}|(^|, )IN ', '\\1\\2', 'g')"
    return f"CASE WHEN p.prokind = 'p' THEN {bare} ELSE {arguments} END"


_IDENTITY = _without_in("pg_catalog.pg_get_function_identity_arguments(p.oid)")
IDENTITY_ARGUMENTS = f"'(' || ({_IDENTITY}) || ')'"

SOURCE = """pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang"""

ARGUMENTS = Attribute(
    "arguments",
    _without_in("pg_catalog.pg_get_function_arguments(p.oid)"),
    ChangeClass.STRUCTURE,
)
PARALLEL = Attribute(
    "parallel",
    words("p.proparallel", s="safe", r="restricted", u="unsafe"),
    ChangeClass.PERFORMANCE,
)

# Only for bodies that a server prints: BEGIN ATOMIC and RETURN.
_RESPELL = {
    "function": "CREATE OR REPLACE FUNCTION {0}.{1}({arguments}) RETURNS {result}"
    " LANGUAGE sql {text}",
    "procedure": "CREATE OR REPLACE PROCEDURE {0}.{1}({arguments}) LANGUAGE sql {text}",
}


# What a range type brings along to make its values with: the type speaks for it, and is what
# rights to it belong to.
_WITH_ITS_TYPE = f"""EXISTS (SELECT FROM pg_catalog.pg_depend i
    WHERE i.classid = {PROC} AND i.objid = p.oid AND i.deptype = 'i')"""


def routine(name: str, letters: str, *attributes: Attribute) -> Kind:
    """Return the row of one kind of routine, by its letters: what all share, and its own."""
    of = ", ".join(f"'{letter}'" for letter in letters)
    return Kind(
        name=name,
        cls=ChangeClass.BEHAVIOUR,
        path="ARRAY[n.nspname, p.proname]",
        args=IDENTITY_ARGUMENTS,
        source=SOURCE + comment_join(PROC, "p.oid"),
        where=f"p.prokind IN ({of}) AND {USER_SCHEMA} AND NOT {_WITH_ITS_TYPE}",
        address=(PROC, "p.oid", "0"),
        parent=IN_SCHEMA,
        told_with=("p.oid",),
        trace=rows_of("pg_proc", "oid", where=f"x.prokind IN ({of})"),
        attributes=(
            ARGUMENTS,
            Attribute("language", "l.lanname::text", ChangeClass.BEHAVIOUR),
            Attribute("body", "p.prosrc", ChangeClass.BEHAVIOUR, until=13),
            Attribute(
                "body",
                "COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)",
                ChangeClass.BEHAVIOUR,
                since=14,
                respell=_RESPELL[name],
            ),
            Attribute("library", "p.probin", ChangeClass.BEHAVIOUR),
            Attribute("security_definer", "p.prosecdef", ChangeClass.SECURITY, tells=True),
            Attribute("settings", sorted_set("p.proconfig"), ChangeClass.SECURITY),
            Attribute(
                "transforms",
                "CASE WHEN p.protrftypes IS NOT NULL"
                ' THEN ARRAY(SELECT pg_catalog.format_type(y, NULL) COLLATE "C"'
                " FROM pg_catalog.unnest(p.protrftypes) y ORDER BY 1) END",
                ChangeClass.BEHAVIOUR,
            ),
            *attributes,
            owner("p.proowner"),
            COMMENT,
        ),
    )
