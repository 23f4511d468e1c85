"""docs/reconcile.md, followed to the letter in a clean folder, as somebody would at night."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import PATIENCE, House, Json, clean_environment, until
from tests.guide.test_ledger_steps import SHOP
from tests.guide.test_reconcile_steps import DEVELOPMENT, ROWS

pytestmark = pytest.mark.db

DOCUMENT = Path(__file__).parents[2] / "docs" / "reconcile.md"
# What each command exits with where all goes well; all others with 0.
PLANNED = 1


def commands(heading: str) -> list[str]:
    """Return the commands of the first block below a heading, as they stand there."""
    text = DOCUMENT.read_text(encoding="utf-8")
    below = text[re.search(rf"^#+ {heading}$", text, re.MULTILINE).end() :]  # type: ignore[union-attr]
    block = re.search(r"```sh\n(.*?)```", below, re.DOTALL)
    assert block
    return block[1].splitlines()


class Shell:
    """A shell in a folder where there is a pgdrift.yaml, and pgdrift in the PATH."""

    def __init__(self, folder: Path, server: EmbeddedServer) -> None:
        programs = folder / "bin"
        programs.mkdir()
        (programs / "pgdrift").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pgdrift "$@"\n')
        (programs / "pgdrift").chmod(0o755)
        (programs / "pg_restore").symlink_to(server.bin / "pg_restore")
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.environment = clean_environment() | {"PATH": path}
        self.folder = folder

    async def run(self, command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command),
            cwd=self.folder,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        wanted = PLANNED if command.startswith("pgdrift plan ") else 0
        assert process.returncode == wanted, (command, out.decode())
        return out.decode()

    async def follow(self, heading: str, **words: str) -> list[str]:
        said = []
        for line in commands(heading):
            command = line.partition("  #")[0].strip()
            for word, stands_for in words.items():
                command = command.replace(word, stands_for)
            said.append(await self.run(command))
        return said


# Some fifteen commands, each a process: on a machine that is shared, that takes its time.
@pytest.mark.timeout(1800)
async def test_whoever_follows_it_gets_there_and_back(
    house: House,
    make_database: MakeDatabase,
    execute: Execute,
    server: EmbeddedServer,
    tmp_path: Path,
) -> None:
    production = await make_database(sql=SHOP + "create table legacy (id int, x text);" + ROWS)
    await execute(production, "insert into legacy values (1, 'kept for years')")
    house.watch("staging", await make_database(sql=DEVELOPMENT))
    house.watch("production", production, follows="staging", protected=True)
    house.data["scratch"] = {"dsn": server.dsn()}
    house.data["defaults"] |= {"plans": "auto", "interval": "2s"}
    shutil.copy(house.write(), tmp_path / "pgdrift.yaml")
    (tmp_path / "owner.dsn").write_text(production)
    daemon = await (await house.start()).watching()
    shell = Shell(tmp_path, server)

    *_, plans = await shell.follow("Step by step")
    assert (tmp_path / "reconciliation_plan.sql").read_text().count("'pending'") > 3
    assert "up on production" in plans
    assert ": pending" not in plans

    *_, log = await shell.follow("Take it back")
    assert "rolled back" in log
    await execute(
        production, "do $$ begin assert (select x from legacy) = 'kept for years'; end $$"
    )

    async def incident() -> Json | None:
        found = (await daemon.environment("production")).get("incidents", [])
        mine = [i for i in found if i["against"] == "sync" and i["state"] == "open"]
        return next((i for i in mine if i["plan"]), None)

    await execute(production, "drop view open_orders; create index by_hand on users (email)")
    drifted = await until(incident, lambda: daemon.said)
    await shell.follow("Back to what was right", INCIDENT=drifted["id"])
    await execute(
        production,
        "do $$ begin assert to_regclass('by_hand') is null;"
        " assert to_regclass('open_orders') is not null; end $$",
    )

    async def right() -> bool:
        against = (await daemon.environment("production"))["against"]
        return any(a["yardstick"] == "sync" and a["outcome"] == "in_sync" for a in against)

    await until(right, lambda: daemon.said)
    await daemon.end()
