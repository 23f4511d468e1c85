"""Collations: what they sort by, and whether the host still sorts as it did when they were made.

The version is the C library's or ICU's, so two hosts differ in it without anybody having changed
the schema. It is told against the own past only; `version_outdated` is told everywhere.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COLLATION,
    COMMENT,
    IN_SCHEMA,
    USER_SCHEMA,
    comment_join,
    owner,
    words,
)
from pgdrift.core.model import ChangeClass


def _libc(column: str) -> str:
    """Return what up to 14 holds the locale of every provider."""
    return f"CASE WHEN x.collprovider = 'c' THEN {column}::text END"


def _locale(column: str) -> str:
    """Return a locale as 16 and newer write it: up to 15 `de_DE` stayed as it was given."""
    return f"""CASE WHEN {column} ~ '^[A-Za-z]{{2,3}}(_[A-Za-z]{{4}})?_[A-Za-z]{{2}}$'
        THEN pg_catalog.replace({column}, '_', '-') ELSE {column} END"""


KIND = Kind(
    name="collation",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[n.nspname, x.collname]",
    source="""pg_catalog.pg_collation x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.collnamespace"""
    + comment_join(COLLATION, "x.oid"),
    # One for another encoding has perhaps the same name, and no use in this database.
    where=f"""x.collencoding IN (-1, (SELECT b.encoding FROM pg_catalog.pg_database b
        WHERE b.datname = pg_catalog.current_database())) AND {USER_SCHEMA}""",
    address=(COLLATION, "x.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute(
            "provider",
            words("x.collprovider", d="default", c="libc", i="icu", b="builtin"),
            ChangeClass.BEHAVIOUR,
        ),
        Attribute("collate", _libc("x.collcollate"), ChangeClass.BEHAVIOUR, until=14),
        Attribute("collate", "x.collcollate", ChangeClass.BEHAVIOUR, since=15),
        Attribute("ctype", _libc("x.collctype"), ChangeClass.BEHAVIOUR, until=14),
        Attribute("ctype", "x.collctype", ChangeClass.BEHAVIOUR, since=15),
        Attribute(
            "locale",
            f"CASE WHEN x.collprovider = 'i' THEN {_locale('x.collcollate::text')} END",
            ChangeClass.BEHAVIOUR,
            until=14,
        ),
        Attribute("locale", _locale("x.colliculocale"), ChangeClass.BEHAVIOUR, since=15, until=16),
        Attribute("locale", _locale("x.colllocale"), ChangeClass.BEHAVIOUR, since=17),
        Attribute("rules", "x.collicurules", ChangeClass.BEHAVIOUR, since=16),
        Attribute("deterministic", "x.collisdeterministic", ChangeClass.BEHAVIOUR),
        # Indexes that were built before may give wrong answers.
        Attribute(
            "version_outdated",
            "COALESCE(x.collversion <> pg_catalog.pg_collation_actual_version(x.oid), false)",
            ChangeClass.BEHAVIOUR,
        ),
        Attribute("host_version", "x.collversion", ChangeClass.COSMETIC),
        owner("x.collowner"),
        COMMENT,
    ),
)
