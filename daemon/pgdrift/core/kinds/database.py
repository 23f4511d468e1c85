"""The database itself, under the name `current`: two that are named differently can be alike.

Always read: how it sorts and who owns it is part of how its schema behaves. Collation versions
are not told: they say which library a host has, and PostgreSQL itself warns of them.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import DATABASE, owner, words
from pgdrift.core.model import ChangeClass

CURRENT = "'current'"
IS_CURRENT = "b.datname = pg_catalog.current_database()"

KIND = Kind(
    name="database",
    cls=ChangeClass.STRUCTURE,
    path=f"ARRAY[{CURRENT}]",
    source="""pg_catalog.pg_database b
        JOIN pg_catalog.pg_tablespace s ON s.oid = b.dattablespace""",
    where=IS_CURRENT,
    address=(DATABASE, "b.oid", "0"),
    attributes=(
        Attribute(
            "encoding", "pg_catalog.pg_encoding_to_char(b.encoding)::text", ChangeClass.STRUCTURE
        ),
        Attribute("collate", "b.datcollate::text", ChangeClass.BEHAVIOUR),
        Attribute("ctype", "b.datctype::text", ChangeClass.BEHAVIOUR),
        Attribute(
            "provider",
            words("b.datlocprovider", b="builtin", c="libc", i="icu"),
            ChangeClass.BEHAVIOUR,
            since=15,
        ),
        Attribute("locale", "b.daticulocale", ChangeClass.BEHAVIOUR, since=15, until=16),
        Attribute("locale", "b.datlocale", ChangeClass.BEHAVIOUR, since=17),
        Attribute("icu_rules", "b.daticurules", ChangeClass.BEHAVIOUR, since=16),
        Attribute("is_template", "b.datistemplate", ChangeClass.SECURITY),
        Attribute("allows_connections", "b.datallowconn", ChangeClass.BEHAVIOUR),
        Attribute("connection_limit", "b.datconnlimit", ChangeClass.BEHAVIOUR),
        Attribute("tablespace", "s.spcname::text", ChangeClass.PERFORMANCE),
        owner("b.datdba"),
        Attribute(
            "comment",
            # As initdb describes the database of its own that many use.
            "NULLIF(pg_catalog.shobj_description(b.oid, 'pg_database'),"
            " 'default administrative connection database')",
            ChangeClass.COSMETIC,
        ),
    ),
    database=True,
)
