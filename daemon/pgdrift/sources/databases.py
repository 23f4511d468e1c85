"""Which databases there are: a DSN and a query in, rows of names and parts of a DSN out.

Reads only, as all that watches; what the names may be is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pgdrift.core.found import Database
from pgdrift.errors import SourceError
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.dsn import at_database

# Those that this role may connect to; none that is there to be copied.
USUAL = """
SELECT d.datname::text AS database
FROM pg_catalog.pg_database d
WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres'
    AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
ORDER BY 1
"""
PARTS = ("database", "host", "port", "name")
_SECONDS = 10.0


async def databases(dsn: str, query: str, most: int) -> tuple[Database, ...]:
    """Return the databases that a query names, no more than `most`.

    It gives a column `database`, or `name`, or both, and perhaps `host` and `port`. Raises
    SourceError, and ConfigError for a DSN that is none.
    """
    async with connection(dsn, statement_timeout=_SECONDS) as session, reading(session):
        rows = await session.fetch(query)
    return tuple(_database(row) for row in rows[:most])


def _database(row: Mapping[str, object]) -> Database:
    told = {name: str(row[name]) for name in PARTS if name in row and row[name] is not None}
    database = told.get("database", told.get("name"))
    if database is None:
        columns = ", ".join(sorted(map(str, row.keys()))) or "none"
        msg = f"a query of `discover` gives a row without `database`; its columns: {columns}"
        raise SourceError(msg, reason="refused", hint="write SELECT … AS database, … AS name")
    parts: dict[str, str] = {n: told[n] for n in ("host", "port") if n in told}
    return Database(told.get("name", database), database, parts)


def dsn_of(found: Database, dsn: str, template: str) -> str:
    """Return the DSN of a database: from a template, or of the same server as `dsn`.

    Whatever a name holds, it stays a part of the URL. Raises ConfigError.
    """
    if not template:
        return at_database(dsn, found.database)
    url = template
    for name, value in {"name": found.name, "database": found.database, **found.parts}.items():
        url = url.replace("{" + name + "}", quote(value, safe=""))
    return url
