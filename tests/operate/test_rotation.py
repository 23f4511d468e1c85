"""Secrets that are rotated while the daemon runs: on the server and in the mounted file."""

from __future__ import annotations

import asyncio
import json
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from pgdrift.core.names import quote_ident
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import TOKEN, Daemon, until
from tests.operate.conftest import Mounted
from tests.sinks.mailserver import MailServer

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column hotfix int"
# What is not woken by its secret looks again in an hour.
ASLEEP = {"interval": "1h", "listen": "off"}


async def sessions(superuser: str, role: str) -> list[int]:
    """Return the server's processes that work for a role."""
    connection = await asyncpg.connect(superuser)
    try:
        asked = "select pid from pg_stat_activity where usename = $1 order by backend_start"
        return [row["pid"] for row in await connection.fetch(asked, role)]
    finally:
        await connection.close()


def with_password(dsn: str, password: str) -> str:
    parts = urlsplit(dsn)
    return parts._replace(
        netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}"
    ).geturl()


async def unknown(daemon: Daemon, words: str) -> None:
    async def so() -> bool:
        found = await daemon.environment("production")
        return found.get("outcome") == "unknown" and words in found["reason"]

    await until(so, lambda: daemon.said)


async def up(daemon: Daemon) -> None:
    async def so() -> bool:
        return await daemon.metric("pgdrift_environment_up", "production") == 1

    await until(so, lambda: daemon.said)


async def test_a_rotated_password_of_a_database_is_taken_without_restart(
    mounted: Mounted, database: str, make_role: MakeRole, execute: Execute
) -> None:
    await execute(database, TABLE)
    dsn = await make_role(database)
    role = str(urlsplit(dsn).username)
    mounted.watch_by_file("production", dsn, **ASLEEP)
    daemon = await mounted.begin()
    (first,) = await sessions(database, role)

    # The file first, then the server, as some do: in between the password is wrong, and said to be.
    password = secrets.token_hex(8)
    mounted.secret("production", with_password(dsn, password))
    await unknown(daemon, "password")
    assert first not in await sessions(database, role)
    await execute(database, f"alter role {quote_ident(role)} password '{password}'")
    mounted.secret("production", with_password(dsn, password) + "\n")
    await up(daemon)
    assert len(await sessions(database, role)) == 1

    # The server first, then the file. The session that there is goes on until it is ended.
    password = secrets.token_hex(8)
    await execute(database, f"alter role {quote_ident(role)} password '{password}'")
    (before,) = await sessions(database, role)
    mounted.secret("production", with_password(dsn, password))

    async def anew() -> bool:
        return await sessions(database, role) not in ([before], [])

    await until(anew, lambda: daemon.said)
    await up(daemon)
    assert password not in daemon.said
    assert daemon.events("app.secret_rotated")[0]["environment"] == "production"
    await daemon.end()


async def test_a_connection_url_that_leads_elsewhere_is_followed(
    mounted: Mounted, make_database: MakeDatabase
) -> None:
    # Both are there before: nothing is committed in between, which is what the gate asks about.
    one, other = await make_database(sql=TABLE), await make_database(sql=f"{TABLE}; {DRIFT}")
    mounted.watch_by_file("production", one, **ASLEEP)
    daemon = await mounted.begin()
    mounted.secret("production", other)
    await until(lambda: daemon.findings(environment="production"), lambda: daemon.said)
    (found,) = await daemon.findings(environment="production")
    assert (found["kind"], found["name"]) == ("column", "public.account.hotfix")
    await daemon.end()


async def test_a_file_that_is_gone_disturbs_no_session_that_works(
    mounted: Mounted, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    mounted.watch_by_file("production", database, listen="off")
    daemon = await mounted.begin()
    mounted.secrets["production"] = ""
    mounted.secret("other", "swapped with it")
    await until(lambda: daemon.events("app.secret_rotated"), lambda: daemon.said)
    await daemon.look_again("production", 5)
    await up(daemon)

    ends = (
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgdrift'"
    )
    await execute(database, ends + " and datname = current_database()")
    await unknown(daemon, "is empty")
    mounted.secret("production", database)
    await up(daemon)
    await daemon.end()


async def test_a_rotated_token_of_slack_is_taken_without_restart(
    mounted: Mounted, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    mounted.watch("production", database)
    daemon = await mounted.begin()
    renewed = "xoxb-2-renewed-in-the-house"
    mounted.slack.expire(renewed)
    await execute(database, DRIFT)
    failed = await until(lambda: daemon.events("notification.failed"), lambda: daemon.said)
    assert failed[0]["reason"] == "authentication"

    mounted.secret("slack", renewed)
    await mounted.root("hotfix")
    await mounted.all_told(1)
    assert len(mounted.slack.messages) == 1, mounted.told()
    assert TOKEN not in daemon.said
    assert renewed not in daemon.said
    await daemon.end()


class Locked(MailServer):
    """A mail server that takes mails after a login alone, with the password of the day."""

    password = "of-yesterday"

    def _protocol(self) -> asyncio.Protocol:
        return SMTP(
            self,
            loop=asyncio.get_running_loop(),
            authenticator=self._authenticate,
            auth_require_tls=False,
            auth_required=True,
        )

    def _authenticate(self, *said: object) -> AuthResult:
        given = said[-1]
        assert isinstance(given, LoginPassword)
        good = (given.login, given.password) == (b"pgdrift", self.password.encode())
        return AuthResult(success=good, handled=good)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_rotated_password_of_the_mail_server_is_taken_without_restart(
    mounted: Mounted, database: str, execute: Execute
) -> None:
    server = Locked()
    await server.start()
    await execute(database, TABLE)
    mounted.watch("production", database)
    mounted.data["alerts"]["channels"]["dba"] |= {
        "port": server.port,
        "username": "pgdrift",
        "password_file": mounted.secret("smtp", "of-yesterday"),
    }
    mounted.tell("dba")
    daemon = await mounted.begin()
    server.password = "of-today"
    await execute(database, DRIFT)
    failed = await until(lambda: daemon.events("notification.failed"), lambda: daemon.said)
    assert failed[0]["reason"] == "authentication"
    assert server.mails == []

    mounted.secret("smtp", "of-today")
    await until(lambda: server.mails, lambda: daemon.said)
    await mounted.all_told(1)
    assert len(server.mails) == 1
    assert not {"of-today", "of-yesterday"} & set(json.dumps(daemon.said).split('\\"'))
    await daemon.end()
    await server.stop()
