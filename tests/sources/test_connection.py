"""A session can only read, and whatever stands against it is told by whose fault and where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from pgdrift.errors import ConfigError, SourceError
from pgdrift.sources.connection import connect, connection, describe, reading
from pgdrift.sources.dsn import to_url
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import through
from tests.daemon.proxy import Proxy

db = pytest.mark.db


@db
async def test_a_session_cannot_write(database: str) -> None:
    async with connection(database) as session:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await session.execute("CREATE TABLE t (a int)")


@db
async def test_a_reading_cannot_write_even_where_the_setting_was_lost(database: str) -> None:
    async with connection(database) as session:
        await session.execute("SET default_transaction_read_only = off; SET search_path = public")
        with pytest.raises(SourceError):  # noqa: PT012 - the transaction is part of it
            async with reading(session):
                assert await session.fetchval("SHOW search_path") == ""
                assert await session.fetchval("SHOW transaction_isolation") == "repeatable read"
                await session.execute("CREATE TABLE t (a int)")
        assert await session.fetchval("SHOW search_path") == "public"


@db
async def test_times_are_as_asked_for(database: str) -> None:
    async with connection(database, statement_timeout=7, lock_timeout=0.25) as session:
        for _ in range(2):
            assert await session.fetchval("SHOW statement_timeout") == "7s"
            assert await session.fetchval("SHOW lock_timeout") == "250ms"
            assert await session.fetchval("SHOW application_name") == "pgdrift"


async def _refused(dsn: str, *, connect_timeout: float = 10.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await connect(dsn, connect_timeout=connect_timeout)
    assert "sesame" not in f"{caught.value}{caught.value.hint}"
    assert caught.value.hint
    return caught.value


@db
async def test_each_refusal_has_its_reason_and_names_the_place(
    server: EmbeddedServer, database: str, make_role: MakeRole, execute: Execute
) -> None:
    name = urlsplit(database).path[1:]
    where = f"127.0.0.1:{server.port}/{name}"
    assert describe(database) == where

    role = await make_role(database)
    absent = await _refused(role.replace(name, "no_such"))
    assert absent.reason == "missing_database"
    assert str(absent.args[0]).count("no_such") == 1

    await execute(database, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    error = await _refused(role)
    assert (error.reason, where in str(error)) == ("permission", True)
    await execute(database, f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")

    user = urlsplit(role).username
    await execute(database, f"ALTER ROLE {user} CONNECTION LIMIT 0")
    assert (await _refused(role)).reason == "busy"
    await execute(database, f"ALTER ROLE {user} NOLOGIN")
    assert (await _refused(role)).reason == "authentication"


@db
async def test_a_wrong_password_is_named_and_not_shown(server: EmbeddedServer) -> None:
    error = await _refused(server.dsn(password="open sesame"))
    assert error.reason == "authentication"


async def test_a_host_that_has_no_name_or_does_not_listen_is_unreachable() -> None:
    for host, said in (("no-such-host.invalid", "resolved"), ("127.0.0.1:1", "listens")):
        error = await _refused(f"postgresql://u:sesame@{host}/d")
        assert (error.reason, said in str(error)) == ("unreachable", True)


@asynccontextmanager
async def _listener(answer: bytes | None) -> AsyncIterator[int]:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        over.set()
        listening.close()


async def test_a_host_that_never_answers_is_unreachable_in_time() -> None:
    async with _listener(None) as port:
        error = await _refused(f"postgresql://u:sesame@127.0.0.1:{port}/d", connect_timeout=0.3)
    assert (error.reason, "in time" in str(error)) == ("unreachable", True)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"SSH-2.0-x\r\n"])
async def test_a_server_of_another_kind_ends_as_a_source_error(answer: bytes) -> None:
    async with _listener(answer) as port:
        error = await _refused(f"postgresql://u:sesame@127.0.0.1:{port}/d", connect_timeout=60)
    assert error.reason in {"unreachable", "not_postgresql"}


@db
async def test_a_session_that_is_ended_is_interrupted(database: str, execute: Execute) -> None:
    async with connection(database) as session:
        pid = session.get_server_pid()
        with pytest.raises(SourceError) as caught:  # noqa: PT012 - the transaction is part of it
            async with reading(session):
                await execute(database, f"SELECT pg_terminate_backend({pid}, 5000)")
                await session.fetchval("SELECT 1")
    assert caught.value.reason == "interrupted"


@db
async def test_a_slow_query_and_a_kept_lock_end_as_timeouts(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql="CREATE TABLE t (a int)")
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE t")
            for sql, said in (("SELECT pg_sleep(600)", "statement"), ("TABLE public.t", "lock")):
                async with connection(dsn, statement_timeout=1, lock_timeout=0.1) as session:
                    with pytest.raises(SourceError) as caught:
                        async with reading(session):
                            await session.execute(sql)
                assert (caught.value.reason, said in str(caught.value)) == ("timeout", True)
                # The hint names the setting by its own name.
                if said == "statement":
                    assert "the environment's timeout" in caught.value.hint
    finally:
        await other.close()


@db
async def test_key_value_dsns_and_words_of_libpq_are_taken(
    server: EmbeddedServer, database: str
) -> None:
    name = urlsplit(database).path[1:]
    password = urlsplit(server.dsn()).password
    pairs = (
        f"host=127.0.0.1 port={server.port} dbname = {name} user=postgres"
        f" password='{password}' connect_timeout=3 application_name=x"
    )
    for dsn in (
        pairs,
        f"{database}?connect_timeout=3&keepalives=1&sslmode=disable",
        database.replace("postgresql://", "postgres://"),
    ):
        assert describe(dsn) == f"127.0.0.1:{server.port}/{name}"
        async with connection(dsn) as session:
            assert await session.fetchval("SELECT current_database()") == name


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "postgresql//u:sesame@h/d",
        "http://u:sesame@h/d",
        "postgresql://u:sesame@h:54x2/d",
        "postgresql://u:sesame@h:99999/d",
        "postgresql://u:ses/ame@h:5432/d",
        "postgresql://u:sesame@h/d?sslmode=maybe",
        "host=h port=x password=sesame",
        "host h = sesame",
        "postgresql://u:sesame@[::1/d",
    ],
)
async def test_a_dsn_that_is_none_is_the_operators_and_is_not_shown(dsn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await connect(dsn)
    assert caught.value.reason == "invalid"
    assert "ame" not in str(caught.value).replace("parameters", "").replace("name", "")
    assert caught.value.__cause__ is None
    assert "sesame" not in describe(dsn)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@h/d", "h:5432/d"),
        ("postgresql://u:p@h:1/d", "h:1/d"),
        ("postgresql://u:p%40@[::1]:2/d%20x", "[::1]:2/d x"),
        ("postgresql://u:p@a:1,b:2/d", "a:1,b:2/d"),
        ("postgresql://u@h", "h:5432/u"),
        ("host=h port=7 user=u password='a\\'b' dbname='my db'", "h:7/my db"),
        ("postgresql:///d?host=/run/pg&port=9", "/run/pg:9/d"),
    ],
)
def test_describe_says_where_and_nothing_else(dsn: str, expected: str) -> None:
    assert describe(dsn) == expected


def test_what_only_libpq_knows_does_not_reach_the_driver() -> None:
    assert to_url("postgresql://h/d?connect_timeout=3&sslmode=require") == (
        "postgresql://h/d?sslmode=require"
    )


@db
async def test_who_is_stopped_in_a_transaction_waits_for_no_silent_server(
    database: str, proxy: Proxy
) -> None:
    port = await proxy.start(urlsplit(database).port or 0)
    session = await connect(through(database, port), statement_timeout=600)
    inside = asyncio.Event()

    async def look() -> None:
        async with reading(session):
            await proxy.turn("silent")
            inside.set()
            await session.fetch("SELECT 1")

    looking = asyncio.create_task(look())
    await inside.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(120):
            await looking
    assert session.is_closed()
