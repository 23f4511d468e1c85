"""A server of our own with one database per size; both go at the end, however it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench import schema
from pgdrift.sources.embedded import EmbeddedServer, embedded_server

# As a server is set up for schemas of this size; durability off, which no reading depends on.
# pg_dump locks each table that it dumps.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_locks_per_transaction": "2000",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A database with a schema of so many tables, on a server of ours."""

    server: EmbeddedServer
    tables: int

    @property
    def dsn(self) -> str:
        """The superuser's DSN."""
        return self.server.dsn(self._name)

    @property
    def pg_dump(self) -> Path:
        """The program that belongs to the server."""
        return self.server.bin / "pg_dump"

    @property
    def _name(self) -> str:
        return f"bench_{self.tables}"

    async def build(self) -> None:
        """Make the database, and leave it as a server leaves one that stands for a while."""
        await _run(self.server.dsn(), [f"CREATE DATABASE {self._name}"])
        await _run(self.dsn, [*schema.scripts(self.tables), "VACUUM ANALYZE", "CHECKPOINT"])

    async def change(self) -> None:
        """Change about one object in a hundred."""
        await _run(self.dsn, schema.changes(self.tables))

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[str]:
        """Give the DSN of a copy of the database, to which nobody may be connected."""
        name = f"{self._name}_copy"
        await _run(self.server.dsn(), [f"CREATE DATABASE {name} TEMPLATE {self._name}"])
        try:
            yield self.server.dsn(name)
        finally:
            await _run(self.server.dsn(), [f"DROP DATABASE {name} WITH (FORCE)"])

    @asynccontextmanager
    async def changed_copy(self) -> AsyncIterator[str]:
        """Give the DSN of a copy of the database with one object in a hundred changed."""
        async with self.copy() as dsn:
            await _run(dsn, schema.changes(self.tables))
            yield dsn

    async def drop(self) -> None:
        """Remove the database."""
        await _run(self.server.dsn(), [f"DROP DATABASE {self._name} WITH (FORCE)"])


@asynccontextmanager
async def server(
    binaries: Path | None = None, *, connections: int = 100
) -> AsyncIterator[EmbeddedServer]:
    """Give a running server that takes so many connections, and stop it."""
    settings = _SETTINGS | {"max_connections": str(connections)}
    async with embedded_server(settings, binaries=binaries) as running:
        yield running


@asynccontextmanager
async def stage(running: EmbeddedServer, tables: int) -> AsyncIterator[Stage]:
    """Give a database with a schema of so many tables, and drop it."""
    made = Stage(running, tables)
    await made.build()
    yield made
    await made.drop()


async def _run(dsn: str, scripts: Iterable[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for script in scripts:
            await connection.execute(script)
    finally:
        await connection.close()
