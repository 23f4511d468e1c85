"""Names as SQL writes them: an identifier is quoted exactly when PostgreSQL would quote it."""

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
# One name of a dotted path.
_NAME = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')

# Every word of pg_get_keywords() that is not "unreserved" in PostgreSQL 13 to 18, which is the
# set that quote_ident() asks. One set for all majors: a name must not change its spelling with
# the server it was read from.
_KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full greatest group grouping having
    ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """.split()
)


def quote_ident(name: str) -> str:
    """Return `name` as an SQL identifier, quoted only where it must be."""
    if _PLAIN.match(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def dotted(path: tuple[str, ...]) -> str:
    """Return a path of names as SQL writes it: `public."Order".id`."""
    return ".".join(map(quote_ident, path))


def unquote(name: str) -> str:
    """Return the name that an SQL identifier stands for; one without quotes is it, as it stands."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return name[1:-1].replace('""', '"')
    return name


def split_dotted(path: str) -> tuple[str, ...]:
    """Return the names of a path as SQL writes it, which is `dotted` undone."""
    return tuple(plain or quoted.replace('""', '"') for quoted, plain in _NAME.findall(path))
