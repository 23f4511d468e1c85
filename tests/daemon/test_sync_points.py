"""Sync points as a shell sees them: declared, listed, compared with, undone; what there was when."""

from __future__ import annotations

import asyncio
import io
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import partial

import pytest

from pgdrift.cli import main
from tests.conftest import Execute
from tests.daemon.house import Daemon, House, Json, Said, until

pytestmark = pytest.mark.db

TABLE = """
create table account (id int primary key, owner varchar(20));
create table schema_migrations (version varchar primary key);
create foreign data wrapper w options (password 'sesame');
"""
MIGRATE = "insert into schema_migrations values ('{}')"


async def said(house: House, *arguments: str) -> Said:
    """Run a command in this process: there are many, and each of its own takes a second."""
    return await asyncio.to_thread(_said, [*arguments, "--config", str(house.write())])


def _said(arguments: list[str]) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


async def findings(daemon: Daemon, *names: str) -> None:
    """Return once just these are found against the sync point."""

    async def so() -> bool:
        found = await daemon.findings(against="sync")
        return {f["name"].removeprefix("public.account.") for f in found} == set(names)

    await until(so, lambda: daemon.said)


async def test_the_life_of_sync_points(house: House, database: str, execute: Execute) -> None:
    """One daemon for all of it, for each takes seconds to start."""
    await execute(database, TABLE)
    house.watch("production", database)
    nothing = await said(house, "sync", "list", "production")
    assert (nothing.code, "has not run here yet" in nothing.err) == (3, True), nothing

    daemon = await (await house.start()).watching()
    first = (await said(house, "sync", "list", "production")).out
    assert first.startswith("* 1  ")
    assert "(first look, root " in first
    refused = await said(house, "sync", "undo", "production", "--reason", "no")
    assert (refused.code, "sync point 1 is the first" in refused.err) == (3, True), refused

    await execute(database, "alter table account add column hotfix int")
    await findings(daemon, "hotfix")
    made = await said(house, "sync", "production", "--reason", "CHG-7\x1b[2J", "--actor", "ann")
    assert made.code == 0, made
    assert "1 finding is settled by it" in made.out
    await findings(daemon)

    await execute(database, f"alter table account add column planned int; {MIGRATE.format('m1')}")
    await until(lambda: _metric(daemon, "migration"), lambda: daemon.said)
    await execute(database, "alter table account add column later int")
    await findings(daemon, "later")

    settled = await looked_at(house)

    undone = await said(house, "sync", "undo", "production", "--reason", "too soon")
    assert undone.code == 0, undone
    assert "1 finding comes back" in undone.out
    # What was explained since stays explained; what was drift is drift again.
    await findings(daemon, "hotfix", "later")
    found = {f["name"]: f for f in await daemon.findings(against="sync")}
    assert found["public.account.hotfix"]["first_seen"] == settled["first_seen"]
    again = await said(house, "sync", "list", "production")
    assert [line[:3] for line in again.out.splitlines()] == ["  2", "* 1"]
    assert ": too soon" in again.out
    assert (await said(house, "sync", "undo", "production", "--reason", "x")).code == 3
    await daemon.end()


async def looked_at(house: House) -> Json:
    """See that the second sync point is shown for what it is; return what it settled."""
    ask = partial(said, house)
    shown, listed = await ask("sync", "show", "production"), await ask("sync", "list", "production")
    as_json = await ask("sync", "list", "production", "-f", "json")
    compared = await ask("diff", "production@last-sync", "production", "-f", "json")
    was = await ask("diff", "production@sync:1", "production@last-sync")
    then = await ask("show", "production@sync:1", "account")
    bad = await ask("sync", "show", "production", "9")
    assert "settled  1 finding\n    column public.account.hotfix added" in shown.out, shown
    assert "\x1b" not in shown.both + listed.both
    assert "by ann: CHG-7\\u001b[2J (declared, root" in listed.out, listed
    points = as_json.json()["sync_points"]
    assert [(p["id"], p["how"], len(p["settled"])) for p in points] == [
        (2, "declared", 1),
        (1, "first_look", 0),
    ]
    assert {f["name"] for f in compared.json()["findings"]} == {
        "public.account.planned",
        "public.account.later",
    }
    assert compared.json()["kept"][0]["sync_point"] == 2
    assert "sealed_value" not in compared.json()["not_compared"], "both have the store's key"
    assert "+ column public.account.hotfix added" in was.out, was
    assert "from production of sync point 1, " in was.out
    assert "table public.account\n" in then.out, then
    assert "column public.account.owner" in then.out
    assert "hotfix" not in then.out
    assert (bad.code, "there is no sync point 9" in bad.err) == (3, True), bad
    settled: Json = points[0]["settled"][0]
    return settled


async def _metric(daemon: Daemon, origin: str) -> bool:
    found = await daemon.metric("pgdrift_schema_changes_total", "production", origin)
    return bool(found)


RECONCILE = {"migration": "reconcile_*"}


async def test_a_migration_as_a_moment(house: House, database: str, execute: Execute) -> None:
    await execute(database, TABLE + MIGRATE.format("old"))
    house.watch("production", database, sync_points=[RECONCILE])
    daemon = await (await house.start()).watching()
    ask = partial(said, house)

    # By hand, by a migration, by hand again: only the last is left when the migration is declared.
    await execute(database, "alter table account add column hotfix int")
    await findings(daemon, "hotfix")
    await execute(database, f"alter table account add column planned int; {MIGRATE.format('m1')}")
    await until(lambda: _metric(daemon, "migration"), lambda: daemon.said)
    between = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    await execute(database, "alter table account add column later int")
    await findings(daemon, "hotfix", "later")
    for word, why in (("old", "it was there at the first look"), ("m2", "no look saw it")):
        refused = await ask("sync", "production", "--at", word)
        assert (refused.code, why in refused.err, "dbmate:m1" in refused.err) == (3, True, True)
    made = await ask("sync", "production", "--at", "m1", "--reason", "CHG-8")
    assert made.code == 0, made
    assert "m1 (dbmate) was applied" in made.out
    assert "1 finding is settled" in made.out
    await findings(daemon, "later")

    # A rule declares where nothing is left, and nowhere else.
    await execute(database, f"alter table account drop column later; {MIGRATE.format('async_1')}")
    await findings(daemon)
    await execute(database, MIGRATE.format("reconcile_1"))
    await until(lambda: _point(house, "declared by migration reconcile_1"), lambda: daemon.said)
    await execute(database, "alter table account add column sneaky int")
    await findings(daemon, "sneaky")
    await execute(
        database, f"alter table account add column more int; {MIGRATE.format('reconcile_2')}"
    )
    await until(lambda: _line(house, "although migration reconcile_2"), lambda: daemon.said)
    await findings(daemon, "sneaky")
    assert "reconcile_2" not in (await ask("sync", "list", "production")).out
    point = (await daemon.environment("production"))["sync_point"]
    assert (point["how"], point["migration"]) == ("migration", "reconcile_1")

    await what_there_was(house, between)
    await daemon.end()


async def what_there_was(house: House, between: str) -> None:
    """Ask for what there was, and for what nobody can know."""
    ask = partial(said, house)
    now, then, written = (
        await ask("show", "production", "table:public.account", "-f", "json"),
        await ask("show", f"production@{between}", "account.planned"),
        await ask("snapshot", "production@-0.001s"),
    )
    names = {o["name"].rpartition(".")[2] for o in now.json()["objects"]}
    assert {"account", "hotfix", "more", "sneaky"} <= names
    assert now.json()["kept"]["environment"] == "production"
    assert "column public.account.planned\n" in then.out
    assert "production as seen " in then.out
    assert '"sneaky"' in written.out
    for side, why in (
        (f"production@{between}", "no object 'account.later' is known"),
        ("production@2999-01-01", "lies ahead"),
        ("production@2001-01-01T00:00", "it is kept since 2"),
        ("production@yesterday", "names no time and no sync point"),
        ("production@sync:99", "there is no sync point 99"),
        ("postgresql://u:s3cret@h/db@last-sync", "a connection URL has no past"),
        ("postgresql://u:s3cret@h/db@-1h", "a connection URL has no past"),
        ("staging@last-sync", "no environment"),
    ):
        refused = await ask("show", side, "account.later")
        assert (refused.code, why in refused.err) == (3, True), refused
        assert "s3cret" not in refused.both
    for command in ("list", "show", "undo", "declare"):
        more = ["--reason", "x"] if command in {"undo", "declare"} else []
        refused = await ask("sync", command, "postgresql://u:s3cret@h/db", *more)
        assert (refused.code, "has no sync points" in refused.err) == (3, True), refused
        assert "s3cret" not in refused.both


async def _point(house: House, words: str) -> bool:
    return words in (await said(house, "sync", "list", "production")).out


async def _line(house: House, words: str) -> bool:
    return words in (await said(house, "log", "production")).out
