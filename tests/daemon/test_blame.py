"""Who changed what, as the daemon finds it out and the commands tell it."""

from __future__ import annotations

import asyncio
import html
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest

from pgdrift.cli import app
from pgdrift.errors import ConfigError
from pgdrift.sources.embedded import find_binaries
from tests.conftest import Execute, MakeRole
from tests.daemon.house import PATIENCE, Daemon, House, Json, until

pytestmark = pytest.mark.db

LEDGER = (files("pgdrift.reconcile") / "ledger/pg_gitversion--1.0.sql").read_text(encoding="utf-8")
TABLE = "create table account (id int primary key, name text);"


async def psql(dsn: str, sql: str, application: str) -> None:
    """Run a statement as people do: through psql, which says who it is."""
    beside = find_binaries() / "psql"
    program = beside if beside.exists() else Path("psql")
    process = await asyncio.create_subprocess_exec(
        *(str(program), "-X", "-v", "ON_ERROR_STOP=1", "-c", sql, dsn),
        env={"PGAPPNAME": application, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, out.decode()


async def asked(house: House, *arguments: str) -> str:
    """Return what a command answers, without a process of its own, which takes seconds to begin."""

    def run() -> str:
        with redirect_stdout(StringIO()) as out:
            assert app([*arguments, "--config", str(house.write())], standalone_mode=False) == 0
        return out.getvalue()

    return await asyncio.to_thread(run)


async def the_finding(daemon: Daemon, name: str) -> Json:
    async def found() -> Json | None:
        return next((f for f in await daemon.findings() if f["name"] == name), None)

    finding: Json = await until(found, lambda: daemon.said)
    return finding


async def test_without_a_ledger_the_window_is_told_and_nobody_accused(
    house: House, database: str, execute: Execute, make_role: MakeRole
) -> None:
    await execute(database, TABLE)
    house.watch("production", await make_role(database))
    daemon = await (await house.start()).watching()
    before = datetime.now(UTC)
    await psql(database, "alter table account add column hotfix int", "night shift")
    after = datetime.now(UTC)
    blame = (await the_finding(daemon, "public.account.hotfix"))["blame"]
    assert (blame["confidence"], blame["who"], blame["at"]) == ("window", None, None)
    assert datetime.fromisoformat(blame["after"]) <= after
    assert datetime.fromisoformat(blame["until"]) >= before
    root = await house.root("hotfix")
    assert "by nobody that we know" in str(root["blocks"])

    await psql(database, "alter table account drop column name", "night shift")
    await the_finding(daemon, "public.account.name")
    lines = (await asked(house, "log", "production", "account", "--since", "1h")).splitlines()
    dropped, added = (n for n, line in enumerate(lines) if "changed: column" in line)
    assert "column public.account.name removed" in lines[dropped]
    assert "column public.account.hotfix added" in lines[added]
    assert "by nobody that we know" in lines[added + 1]
    as_json = json.loads(await asked(house, "log", "production", "-f", "json", "-n", "2"))
    assert len(as_json["events"]) == 2

    said = json.loads(await asked(house, "blame", "production", "public.account", "-f", "json"))
    parts = {p["name"]: p for p in said["parts"]}
    assert parts["public.account"]["last"] is None
    assert parts["public.account.id"]["last"] is None
    assert parts["public.account.hotfix"]["last"]["blame"]["confidence"] == "window"
    assert parts["public.account.name"]["there"] is False
    one = await asked(house, "blame", "production", "column:public.account.name")
    assert "column public.account.name: dropped" in one

    for words, fault in {
        ("blame", "production", "public.nothing"): "no object 'public.nothing'",
        ("log", "elsewhere"): "something is kept of: production",
        ("log", "production", "--since", "yesterday"): "write 2h",
    }.items():
        with pytest.raises(ConfigError, match=fault):
            await asked(house, *words)
    await daemon.end()


async def test_with_our_ledger_login_role_application_address_and_time_are_exact(
    house: House, database: str, execute: Execute, make_role: MakeRole
) -> None:
    await execute(database, LEDGER)
    await execute(database, TABLE)
    app = await make_role(database, "shop app")
    owner = await make_role(database, "shop owner")
    watcher = await make_role(database)
    grants = """
        grant "shop owner" to "shop app"; alter table account owner to "shop owner";
        grant create, usage on schema public to "shop owner";
        grant usage on schema gitversion to public;
        grant select on all tables in schema gitversion to public;
    """
    await execute(database, grants)
    assert owner != app
    # What the ledger explains shall be told here, to see whom it names.
    house.watch("production", watcher, explained_by=[])
    daemon = await (await house.start()).watching()
    before = datetime.now(UTC)
    hotfix = 'set role "shop owner"; alter table account add column hotfix int'
    await psql(app, hotfix, "night <shift>")
    after = datetime.now(UTC)
    finding = await the_finding(daemon, "public.account.hotfix")
    blame = finding["blame"]
    assert finding["origin"] == "tracked"
    assert {name: blame[name] for name in ("confidence", "who", "role", "application")} == {
        "confidence": "exact",
        "who": "shop app",
        "role": "shop owner",
        "application": "night <shift>",
    }
    assert (blame["address"], blame["statement"]) == ("127.0.0.1", "ALTER TABLE")
    assert before <= datetime.fromisoformat(blame["at"]) <= after

    at = datetime.fromisoformat(blame["at"])
    words = (
        'by "shop app" (as "shop owner") from 127.0.0.1 with "night <shift>"'
        f" at {at:%Y-%m-%d %H:%M:%S} UTC, exact: ALTER TABLE"
    )
    root = await house.root("hotfix")
    texts = [e["text"] for b in root["blocks"] for e in b.get("elements", ())]
    assert any(html.unescape(text).endswith(words) for text in texts), texts
    assert "<shift>" not in str(root["blocks"])
    counted = "pgdrift_change_delay_seconds"
    await until(partial(daemon.metric, f"{counted}_count", "oncall"), house.told)
    since = (datetime.now(UTC) - at).total_seconds()
    assert 0 < (await daemon.metric(f"{counted}_sum", "oncall") or 0) <= since
    page = (await daemon.get("/environments/production"))[1]
    assert words in html.unescape(page)
    assert "<shift>" not in page
    assert words in await asked(house, "blame", "production", "account")
    assert words in await asked(house, "status")
    await daemon.end()
