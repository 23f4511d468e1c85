"""Servers that cannot be looked at: each a clear message, exit code 2, no traceback, no secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon import pretenders
from tests.daemon.house import House, Said, free_port, pgdrift, through, until

pytestmark = pytest.mark.db

SECRET = "pass/w:rd@%41#1"


def with_password(dsn: str, password: str) -> str:
    parts = urlsplit(dsn)
    netloc = f"{parts.username}:{quote(password, safe='')}@127.0.0.1:{parts.port}"
    return parts._replace(netloc=netloc).geturl()


def clear(said: Said, *secrets: str) -> None:
    """Fail unless it says what to do next, and neither how it is made nor what is secret."""
    assert "Traceback" not in said.both
    assert 'File "' not in said.both
    for secret in (SECRET, quote(SECRET, safe=""), *secrets):
        assert secret not in said.both


@pytest.fixture
async def bad(
    database: str, make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> AsyncIterator[Mapping[str, tuple[str, str]]]:
    """Name → (DSN, words of the message)."""
    closed = await make_database()
    shut_out = await make_role(closed)
    name = urlsplit(closed).path.lstrip("/")
    await execute(closed, f'revoke connect on database "{name}" from public')
    talks = (pretenders.http, pretenders.rubbish, pretenders.mute, pretenders.old)
    servers = [await pretenders.start(talk) for talk in talks]
    pretending = [
        f"postgresql://watcher:{quote(SECRET, safe='')}@127.0.0.1:{port}/db" for _, port in servers
    ]
    good = with_password(database, SECRET)
    yield {
        "nobody listens": (through(good, free_port()), "nothing listens there"),
        "no such host": (
            f"postgresql://watcher:{quote(SECRET, safe='')}@no-such-host.invalid/db",
            "its name cannot be resolved",
        ),
        "wrong password": (good, "refused the password"),
        "no such role": (
            through(f"postgresql://nobody:x@127.0.0.1:1/{name}", urlsplit(database).port or 0),
            "refused the",
        ),
        "missing database": (
            urlsplit(database)._replace(path="/no-such-database").geturl(),
            "has no such database",
        ),
        "no right to connect": (shut_out, "refused for want of a right"),
        "a web server": (pretending[0], "is no PostgreSQL server"),
        "rubbish": (pretending[1], "is no PostgreSQL server"),
        "rubbish, TLS off": (f"{pretending[1]}?sslmode=disable", "is no PostgreSQL server"),
        "hangs up": (pretending[2], ""),
        "too old": (pretending[3], "is too old: PostgreSQL 12.22"),
    }
    for server, _ in servers:
        server.close()


async def test_diff_says_why_it_could_not_look(
    database: str, bad: Mapping[str, tuple[str, str]]
) -> None:
    own = urlsplit(database).password or ""
    for batch in _twos(list(bad.items())):
        runs = [pgdrift("diff", dsn, database) for _, (dsn, _) in batch]
        for (name, (dsn, words)), said in zip(batch, await asyncio.gather(*runs), strict=True):
            assert said.code == 2, (name, said)
            assert said.out == "", name
            assert said.err.startswith("error: "), (name, said.err)
            assert words in said.err, (name, said.err)
            assert "\n  hint: " in said.err, (name, said.err)
            assert urlsplit(dsn).path.lstrip("/") in said.err, "it names the database"
            clear(said, own, urlsplit(dsn).password or own)


def _twos(items: list[tuple[str, tuple[str, str]]]) -> list[list[tuple[str, tuple[str, str]]]]:
    return [items[i : i + 2] for i in range(0, len(items), 2)]


async def test_check_shows_each_as_unknown_beside_the_good_one(
    house: House, database: str, bad: Mapping[str, tuple[str, str]]
) -> None:
    for name, (dsn, _) in bad.items():
        house.watch(name, dsn)
    house.watch("good", database)
    said = await house.pgdrift("check", "--format", "json")
    assert said.code == 2, said
    clear(said, urlsplit(database).password or "")
    found = {e["name"]: e for e in said.json()["environments"]}
    assert found["good"]["outcome"] == "in_sync"
    for name, (_, words) in bad.items():
        assert found[name]["outcome"] == "unknown"
        assert found[name]["reason"]
        assert words in found[name]["reason"]


async def test_the_daemon_shows_each_as_unknown_and_watches_the_good_one(
    house: House, database: str, bad: Mapping[str, tuple[str, str]], execute: Execute
) -> None:
    for name, (dsn, _) in bad.items():
        house.watch(name, dsn)
    house.watch("good", database)
    daemon = await (await house.start()).ready()
    up = await daemon.metrics("pgdrift_environment_up")
    assert up == {("good",): 1.0, **{(name,): 0.0 for name in bad}}
    await house.all_told(len(bad))
    for name in bad:
        await house.root(f"{name} cannot be looked at")
    await execute(database, "create table t ()")
    await house.root("good has drifted")

    pages = [await daemon.get(path) for path in ("/", "/metrics", "/api/v1/status")]
    pages += [await daemon.get(f"/environments/{quote(name)}") for name in bad]
    assert {status for status, _ in pages} == {200}
    everything = "".join(text for _, text in pages) + house.told() + daemon.said
    clear(Said(0, everything, ""), urlsplit(database).password or "")
    await daemon.end()


async def test_an_empty_database_is_in_sync_and_what_comes_into_it_is_seen(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    empty, other = await make_database(), await make_database()
    equal, checked = await asyncio.gather(
        pgdrift("diff", empty, other), pgdrift("check", empty, other)
    )
    assert (equal.code, checked.code) == (0, 0), (equal, checked)
    assert "are equal" in equal.out

    house.watch("empty", empty)
    daemon = await (await house.start()).watching()
    assert (await daemon.environment("empty"))["outcome"] == "in_sync"
    await execute(empty, "create table t ()")
    await house.root("public.t")
    await daemon.end()


async def test_a_ledger_that_is_half_installed_is_said_and_hides_nothing(
    house: House, database: str, execute: Execute
) -> None:
    await execute(
        database,
        """
        create schema gitversion;
        create table gitversion.history (id int, object_id int, change_type text,
            created_at timestamp, created_by text);
        create table account (id int);
        """,
    )
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    await execute(database, "alter table account add column hotfix int")
    await house.root("hotfix")
    standing = await daemon.environment("production")
    assert any("not fully installed" in note for note in standing["notes"]), standing
    finding = (await daemon.findings())[0]
    assert finding["origin"] == "untracked"
    said = await house.pgdrift("check")
    # Drift is seen, and whether the ledger was bypassed is unknown, which is graver.
    assert said.code == 2, said
    assert "production: drifted" in said.out
    assert "column public.account.hotfix" in said.out
    assert "not fully installed" in said.out
    clear(said, urlsplit(database).password or "")
    await daemon.end()


async def test_a_secret_file_that_is_not_there_makes_unknown_and_is_read_when_it_comes(
    house: House, database: str
) -> None:
    file = house.folder / "production.dsn"
    house.data["environments"]["production"] = {"dsn_file": str(file)}
    file.write_text("")
    daemon = await (await house.start()).ready()
    standing = await daemon.environment("production")
    assert standing["outcome"] == "unknown"
    assert "is empty" in standing["reason"]
    file.write_text(f"{database}\n")
    await daemon.watching()

    async def seen() -> bool:
        found: str = (await daemon.environment("production"))["outcome"]
        return found == "in_sync"

    await until(seen, lambda: daemon.said)
    assert (urlsplit(database).password or "") not in daemon.said
    await daemon.end()
