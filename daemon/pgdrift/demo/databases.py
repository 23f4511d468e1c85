"""Three databases of one shop, each with a ledger, on a server of ours; people who change them.

What people do is SQL under their own login, as in life: pgdrift is told nothing of it.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import md5
from importlib.resources import files

import asyncpg

from pgdrift.core.names import quote_ident
from pgdrift.reconcile.scripts import LEDGER
from pgdrift.sources.embedded import EmbeddedServer

ENVIRONMENTS = ("development", "staging", "production")
WATCHER = "pgdrift"
DEPLOYER = "deploy"
DBA = "anna"

# Reading is all that the watcher may do; the migrations are kept by whoever deploys.
_LEDGER_RIGHTS = """
grant usage on schema gitversion to pgdrift, deploy;
grant select on all tables in schema gitversion to pgdrift, deploy;
grant insert on gitversion.migrations to deploy;
grant usage on all sequences in schema gitversion to deploy;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration as a tool applies it: SQL under a version, written down when it is done."""

    version: str
    description: str
    sql: str


@dataclass(frozen=True)
class Shop:
    """The three databases, and the passwords of those who log in."""

    server: EmbeddedServer
    passwords: dict[str, str] = field(repr=False)

    def dsn(self, environment: str, user: str = WATCHER) -> str:
        """Return the URL of a database for one of the logins."""
        return self.server.dsn(environment, user, self.passwords[user])

    async def do(self, environment: str, sql: str, *, user: str = DBA) -> None:
        """Run statements by hand, as somebody with psql would."""
        connection = await asyncpg.connect(
            self.dsn(environment, user), server_settings={"application_name": "psql"}
        )
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def migrate(self, environment: str, migrations: Sequence[Migration]) -> None:
        """Apply migrations as a tool does: each with its row of history, in one transaction."""
        connection = await asyncpg.connect(
            self.dsn(environment, DEPLOYER), server_settings={"application_name": "migrate"}
        )
        try:
            for migration in migrations:
                async with connection.transaction():
                    await connection.execute("set local role shop_owner")
                    await connection.execute(migration.sql)
                    await connection.execute("reset role")
                    await _write_down(connection, migration)
        finally:
            await connection.close()


async def build(server: EmbeddedServer) -> Shop:
    """Make roles and databases on a fresh server, all three alike, and return them."""
    shop = Shop(server, {name: secrets.token_urlsafe(12) for name in (WATCHER, DEPLOYER, DBA)})
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(_script("roles.sql"))
        for name, password in shop.passwords.items():
            await connection.execute(f"alter role {quote_ident(name)} password '{password}'")
        for name in ENVIRONMENTS:
            await connection.execute(f"create database {name}")
            await connection.execute(f"grant create on database {name} to shop_owner")
    finally:
        await connection.close()
    await asyncio.gather(*(_fill(shop, name) for name in ENVIRONMENTS))
    return shop


async def _fill(shop: Shop, environment: str) -> None:
    connection = await asyncpg.connect(shop.server.dsn(environment))
    try:
        async with connection.transaction():
            await connection.execute(LEDGER.text)
            await connection.execute(_LEDGER_RIGHTS)
    finally:
        await connection.close()
    first = Migration("0041", "The shop as it stands", _script("schema.sql"))
    await shop.migrate(environment, [first])


async def _write_down(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(
        """
        insert into gitversion.migrations
            (version, description, up_script, checksum, applied_at, applied_by)
        values ($1, $2, $3, $4, current_timestamp, current_user)
        """,
        migration.version,
        migration.description,
        migration.sql,
        md5(migration.sql.encode(), usedforsecurity=False).hexdigest(),
    )


def _script(name: str) -> str:
    return files("pgdrift.demo").joinpath(name).read_text(encoding="utf-8")
