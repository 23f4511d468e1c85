"""Files in the place of servers: on the command line, as upstreams, as environments."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import Daemon, House, pgdrift, until

pytestmark = [pytest.mark.db, pytest.mark.timeout(300)]

SQL = "create table account (id int primary key, name text);\n"
MORE = "create index account_name on account (name);\n"


@pytest.fixture
async def scratch(make_database: MakeDatabase, make_role: MakeRole) -> str:
    return await make_role(await make_database(), options="createdb")


async def until_against(daemon: Daemon, name: str, outcome: str, words: str = "") -> Any:
    """Return how an environment stands against its upstream, once it stands so."""

    async def stands() -> Any:
        found = (await daemon.environment(name)).get("against", [])
        return next(
            (
                a
                for a in found
                if a["yardstick"] != "sync" and a["outcome"] == outcome and words in str(a)
            ),
            None,
        )

    return await until(stands, lambda: daemon.said)


async def test_sql_files_folders_and_snapshots_are_sides(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(SQL)
    (tmp_path / "b.sql").write_text(SQL + MORE + "grant select on account to reporting;")
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "9.sql").write_text(SQL)
    (folder / "10.sql").write_text(MORE)
    (folder / "10.down.sql").write_text("drop index account_name;")

    differs = await pgdrift("diff", "a.sql", "b.sql", "-f", "json", cwd=tmp_path)
    assert (differs.code, differs.err) == (1, "")
    found = {(f["kind"], f["name"]): f["change"] for f in differs.json()["findings"]}
    assert found == {
        ("index", "public.account_name"): "added",
        ("privilege", "public.account.reporting"): "added",
    }
    assert differs.json()["not_compared"]["owner"] == [1, 1]

    written = await pgdrift("snapshot", "migrations", "-o", "m.json", cwd=tmp_path)
    assert (written.code, written.both) == (0, "")
    equal = await pgdrift("diff", "m.json", "./migrations", cwd=tmp_path)
    assert (equal.code, equal.err) == (0, "")
    assert "m.json and ./migrations are equal" in equal.out
    assert "not compared: owner" in equal.out


async def test_a_file_and_the_database_that_it_makes_are_equal_either_way(
    tmp_path: Path, make_database: MakeDatabase
) -> None:
    (tmp_path / "a.sql").write_text(SQL)
    dsn = await make_database(sql=SQL)
    for sides in (("a.sql", dsn), (dsn, "a.sql")):
        said = await pgdrift("diff", *sides, cwd=tmp_path)
        assert (said.code, said.err) == (0, ""), said.out
        assert "are equal\nnot compared: database (" in said.out


async def test_a_load_that_fails_is_unknown_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(SQL)
    (tmp_path / "b.sql").write_text(SQL + "create table t (\n  a nix\n);")
    said = await pgdrift("diff", "a.sql", "b.sql", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(
        'error: b.sql:3: create table t ( a nix ): type "nix" does not exist'
    )
    absent, empty = await asyncio.gather(
        pgdrift("diff", "a.sql", "absent.sql", cwd=tmp_path),
        pgdrift("diff", "a.sql", f"{tmp_path}/", "--config", "absent.yaml", cwd=tmp_path),
    )
    assert absent.code == 3
    assert "absent.sql: No such file" in absent.err
    assert empty.code == 3
    assert "absent.yaml" in empty.err


async def test_an_environment_goes_before_a_folder_of_its_name(
    house: House, database: str, scratch: str
) -> None:
    house.watch("production", database)
    house.data["scratch"] = {"dsn": scratch}
    (house.folder / "production").mkdir()
    (house.folder / "production" / "1.sql").write_text(SQL)
    equal, differs = await asyncio.gather(
        house.pgdrift("diff", "production", database),
        house.pgdrift("diff", "production/", database, "-f", "json"),
    )
    assert equal.code == 0, equal
    assert differs.code == 1, differs


async def test_the_options_of_a_comparison_are_flags(make_database: MakeDatabase) -> None:
    a = await make_database(sql="create table t (a int, b int);")
    b = await make_database(sql="create table t (b int, a int);")
    flags = ("--constraint-names", "--spelling", "--server-versions", "--inherited", "--cluster")
    equal, order = await asyncio.gather(
        pgdrift("diff", a, b, *flags), pgdrift("diff", a, b, *flags, "--column-order")
    )
    assert equal.code == 0, equal
    assert order.code == 1, order


async def test_what_is_set_for_a_database_as_a_whole_is_compared_where_that_is_asked_for(
    make_database: MakeDatabase, execute: Execute
) -> None:
    a, b = await make_database(), await make_database()
    await execute(b, f"alter database {urlsplit(b).path.lstrip('/')} set work_mem = '9MB'")
    silent, told = await asyncio.gather(
        pgdrift("diff", a, b), pgdrift("diff", a, b, "--cluster", "-f", "json")
    )
    assert silent.code == 0, silent
    (finding,) = told.json()["findings"]
    assert (finding["kind"], finding["name"]) == ("database_setting", "work_mem")


async def test_the_daemon_compares_with_a_sql_file_as_it_is_now(
    house: House, make_database: MakeDatabase, execute: Execute, scratch: str
) -> None:
    file = house.folder / "schema.sql"
    file.write_text(SQL)
    dsn = await make_database(sql=SQL)
    house.watch("production", dsn, follows="schema.sql")
    house.data["scratch"] = {"dsn": scratch, "embedded": "never"}
    daemon = await (await house.start()).watching()
    await until_against(daemon, "production", "in_sync")

    file.write_text(SQL + MORE)
    await until_against(daemon, "production", "drifted")
    (finding,) = await daemon.findings(against="schema.sql")
    assert finding["name"] == "public.account_name"
    assert finding["direction"] == "behind"

    # What it was is no answer to what it is.
    file.write_text(SQL + "create index account_nix on account (nix);\n" + MORE)
    stands = await until_against(daemon, "production", "unknown")
    assert (
        'schema.sql:2: create index account_nix on account (nix): column "nix"' in stands["reason"]
    )
    assert (urlsplit(scratch).password or "?") not in daemon.said

    file.write_text(SQL + MORE)
    await execute(dsn, MORE)
    await until_against(daemon, "production", "in_sync")
    checked = await house.pgdrift("check", "-f", "json")
    against = {a["yardstick"]: a["outcome"] for a in checked.json()["environments"][0]["against"]}
    assert against["schema.sql"] == "in_sync"
    await daemon.end()


async def test_a_snapshot_file_is_an_environment(
    house: House, make_database: MakeDatabase, execute: Execute, scratch: str
) -> None:
    dsn = await make_database(sql=SQL)
    (house.folder / "migrations").mkdir()
    (house.folder / "migrations" / "1.sql").write_text(SQL)
    file = house.folder / "vault.json"
    assert (await pgdrift("snapshot", dsn, "-o", file)).code == 0
    taken = json.loads(file.read_text())["pgdrift"]["taken_at"]
    house.data["environments"]["vault"] = {"snapshot": "vault.json", "follows": "./migrations"}
    house.data["scratch"] = {"dsn": scratch}

    daemon = await (await house.start()).watching()
    await until_against(daemon, "vault", "in_sync")
    vault = await daemon.environment("vault")
    assert vault["outcome"] == "in_sync"
    (note,) = vault["notes"]
    assert taken[:10] in note
    assert "when the snapshot file was taken" in note

    await execute(dsn, MORE)
    assert (await pgdrift("snapshot", dsn, "-o", file)).code == 0
    await until_against(daemon, "vault", "drifted")
    (finding,) = await daemon.findings(against="./migrations")
    assert (finding["name"], finding["direction"]) == ("public.account_name", "ahead")

    text = file.read_text()
    file.write_text(text[:-30])
    await until(lambda: _is_unknown(daemon, "vault"), lambda: daemon.said)
    vault = await daemon.environment("vault")
    assert "cannot use vault.json as a snapshot" in vault["reason"]
    checked = await house.pgdrift("check")
    assert checked.code == 2, checked
    assert "cannot use vault.json as a snapshot" in checked.out

    file.write_text(text)
    await until_against(daemon, "vault", "drifted")
    synced = await house.pgdrift("sync", "vault", "--reason", "as it is brought to us")
    assert synced.code == 0, synced
    await daemon.end()


async def _is_unknown(daemon: Daemon, name: str) -> bool:
    return (await daemon.environment(name)).get("outcome") == "unknown"


async def test_a_configuration_says_what_its_files_lack(house: House, database: str) -> None:
    house.watch("production", database, follows="schema.sql")
    house.data["environments"]["vault"] = {"snapshot": "vault.json"}
    house.data["scratch"] = {"dsn_file": "absent"}
    said = await house.pgdrift("config", "check")
    assert said.code == 0, said
    assert "warning: production: follows schema.sql is not there now" in said.out
    assert "warning: vault: snapshot vault.json is not there now" in said.out
    assert "warning: scratch: dsn_file absent is not there now" in said.out
