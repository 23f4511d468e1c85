"""Fixtures that need a server: one real PostgreSQL per worker, fresh databases per test.

PGDRIFT_TEST_PG_BIN=<folder with initdb and postgres> runs the suite on another major version;
PGDRIFT_MATRIX=1 leaves out what needs no run on each.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from pgdrift.core.names import quote_ident
from pgdrift.sources.embedded import EmbeddedServer
from tests.daemon.proxy import Proxy
from tests.majors import ONCE

MakeDatabase = Callable[..., Awaitable[str]]
MakeRole = Callable[..., Awaitable[str]]
Execute = Callable[[str, str], Awaitable[None]]

collect_ignore = ONCE if os.environ.get("PGDRIFT_MATRIX") else []

# Begun first, for a worker takes a whole file: whatever is begun last is waited for.
_LONG = (
    "guide/",
    "reconcile/test_apply.py",
    "plan/test_costs.py",
    "properties/",
    "test_demo.py",
    "test_bench.py",
    "reconcile/",
    "store/test_alert_lives.py",
    "sinks/test_storm.py",
    "observe/",
    "daemon/",
    "plan/test_scenarios_planned.py",
    "test_scenarios.py",
    "sources/",
)

# Properties run alike on a busy machine: there is no deadline for one example. `quick` is for
# `make test-core`, which is run often.
for _name, _examples in (("suite", 30), ("quick", 5)):
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("suite")

# Durability off: what a crash of the machine loses is gone at the end anyway.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take long."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        name = item.path.relative_to(here).as_posix()
        return next((n for n, long in enumerate(_LONG) if name.startswith(long)), len(_LONG))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One server for this process (each xdist worker has its own)."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    with EmbeddedServer.start(SETTINGS, binaries=Path(given) if given else None) as running:
        yield running


async def run_sql(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Forget the log that a command set up: it writes to what pytest took for that one test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def execute() -> Execute:
    """`await execute(dsn, sql)` runs a script, in one implicit transaction unless it says more."""
    return run_sql


async def drop_database(dsn: str, name: str) -> None:
    """Drop a database as a superuser of its server, whoever is still in it."""
    drop = f"drop database if exists {quote_ident(name)} with (force)"
    try:
        await run_sql(dsn, drop)
    except asyncpg.ObjectInUseError:
        # Not even by force while it has a subscription, which would say goodbye to its server.
        literal = "'" + name.replace("'", "''") + "'"
        await run_sql(
            dsn,
            "set allow_system_table_mods = on; delete from pg_subscription s using pg_database d"
            f" where d.oid = s.subdbid and d.datname = {literal}",
        )
        await run_sql(dsn, drop)


@pytest.fixture
async def make_database(server: EmbeddedServer) -> AsyncIterator[MakeDatabase]:
    """`await make_database()` returns the superuser's DSN of a new, empty database.

    `name=` chooses its name, `sql=` runs in it, `template=` is the database it is copied from.
    """
    made: list[str] = []

    async def make(
        name: str | None = None, *, sql: str = "", template: str = "template0", options: str = ""
    ) -> str:
        name = name or f"t_{secrets.token_hex(6)}"
        ident = quote_ident(name)
        await run_sql(
            server.dsn(), f"create database {ident} template {quote_ident(template)} {options}"
        )
        made.append(name)
        if sql:
            await run_sql(server.dsn(name), sql)
        return server.dsn(name)

    yield make
    for name in reversed(made):
        await drop_database(server.dsn(), name)


@pytest.fixture
async def database(make_database: MakeDatabase) -> str:
    """The superuser's DSN of one fresh, empty database, dropped after the test."""
    return await make_database()


@pytest.fixture
async def make_role(server: EmbeddedServer, make_database: MakeDatabase) -> AsyncIterator[MakeRole]:
    """`await make_role(dsn)` makes a role and returns the DSN for it on the same database.

    The role may connect and no more; `name=` and `options=` ("superuser", "nologin", …) say more.
    It is dropped after the test, before the databases, with what it owns in the one it is for.
    """
    made: dict[str, set[str]] = {}

    async def make(dsn: str, name: str | None = None, *, options: str = "") -> str:
        name, password = name or f"r_{secrets.token_hex(6)}", secrets.token_hex(8)
        ident = quote_ident(name)
        await run_sql(server.dsn(), f"create role {ident} login password '{password}' {options}")
        made.setdefault(ident, set()).add(dsn)
        return server.dsn(urlsplit(dsn).path.lstrip("/"), name, password)

    yield make
    for ident, dsns in made.items():
        for dsn in dsns:
            await run_sql(dsn, f"drop owned by {ident} cascade")
        await run_sql(server.dsn(), f"drop role if exists {ident}")


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A way to a server that can be cut; it leads nowhere before it is started."""
    made = Proxy()
    yield made
    await made.stop()
