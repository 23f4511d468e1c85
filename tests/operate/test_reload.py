"""What is mounted moves: the configuration is taken by itself, a bad one is refused and shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pgdrift.parts import reload
from pgdrift.parts.reload import Configuration
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, Json, until
from tests.operate.conftest import Mounted

TABLE = "create table account (id int primary key)"
SECRET = "s3cretPa55"


async def configuration(daemon: Daemon) -> Json:
    found: Json = json.loads((await daemon.get("/api/v1/status"))[1])["configuration"]
    return found


async def came_out(daemon: Daemon, value: float) -> None:
    """Return once the latest try to read the configuration ended so."""

    async def so() -> bool:
        return await daemon.metric("pgdrift_config_last_reload_successful") == value

    await until(so, lambda: daemon.said)


@pytest.mark.db
async def test_a_swapped_configmap_is_taken_by_itself(
    mounted: Mounted, make_database: MakeDatabase, execute: Execute
) -> None:
    mounted.watch("old", await make_database(sql=TABLE))
    daemon = await mounted.begin()
    first = (await configuration(daemon))["read_at"]

    new = await make_database(sql=TABLE)
    mounted.watch("new", new)
    mounted.data["web"]["public_url"] = "https://drift.example.org"
    mounted.data["store"]["keep"] = "5d"
    mounted.write()
    await until(lambda: daemon.metric("pgdrift_environment_up", "new"), lambda: daemon.said)
    assert daemon.events("app.reload_refused") == []
    now = await configuration(daemon)
    assert (now["refused"], now["read_at"] > first) == (None, True)

    await execute(new, "alter table account add column hotfix int")
    message = await mounted.root("hotfix")
    assert "https://drift.example.org" in json.dumps(message)
    await daemon.end()


@pytest.mark.db
async def test_a_bad_one_is_refused_once_alarmed_shown_and_mended(
    mounted: Mounted, database: str
) -> None:
    mounted.watch("production", database)
    daemon = await mounted.begin()
    good = mounted.config.read_text()

    bad = good.replace("environments:", "enviroments:") + f"scratch:\n  dsn: {SECRET}\n"
    mounted.write_text(bad)
    await came_out(daemon, 0)
    refused = (await configuration(daemon))["refused"]
    assert "unknown key; did you mean 'environments'?" in refused["error"]
    assert refused["at"] > (await configuration(daemon))["read_at"]
    page = (await daemon.get("/"))[1]
    assert "A changed configuration was refused" in page
    assert "did you mean &#39;environments&#39;?" in page
    assert SECRET not in page + daemon.said + json.dumps(refused)

    # It is still watched as before, and the file is not tried again before it is another.
    await daemon.look_again("production", 10)
    assert (await daemon.environment("production"))["outcome"] == "in_sync"
    assert (await daemon.get("/readyz"))[0] == (await daemon.get("/healthz"))[0] == 200
    assert len(daemon.events("app.reload_refused")) == 1

    mounted.write_text(good)
    await came_out(daemon, 1)
    assert (await configuration(daemon))["refused"] is None
    assert "A changed configuration was refused" not in (await daemon.get("/"))[1]
    await daemon.end()


@pytest.mark.db
async def test_the_files_that_the_configuration_names_are_watched_as_well(
    mounted: Mounted, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    mounted.watch("production", database)
    rules = mounted.folder / "ignore.yaml"
    owners = mounted.folder / "OWNERS"
    mounted.data["compare"] = {"ignore_file": str(rules)}
    mounted.data["alerts"]["owners_file"] = str(owners)
    daemon = await mounted.begin()
    await execute(database, "create index by_hand on account (id)")
    await until(lambda: daemon.findings(environment="production"), lambda: daemon.said)

    rules.write_text("ignore:\n  - { object: 'index:public.by_hand', reason: the audit's }\n")

    async def ignored() -> bool:
        return await daemon.findings(environment="production") == []

    await until(ignored, lambda: daemon.said)
    count = len(daemon.events("app.reloaded"))
    owners.write_text("* @dba\n")
    await until(lambda: daemon.events("app.reloaded")[count:], lambda: daemon.said)
    rules.write_text("ignore: 3\n")
    await came_out(daemon, 0)
    assert f"{rules}:1: ignore" in (await configuration(daemon))["refused"]["error"]
    await daemon.end()


# What one look at the files after another sees, and whether that is something to reload.

A, HALF, B = b"as it was", b"half written", b"as it will be"


@pytest.mark.parametrize(
    ("seen", "moves"),
    [
        ([A, A, A], 0),
        ([A, HALF, B], 0),
        ([A, HALF, B, B], 1),
        ([A, HALF, A, A], 0),
        ([A, b"", B, B], 1),
        ([A, b"", b""], 1),
        ([B, B], 1),
    ],
)
async def test_a_file_that_is_being_written_is_left_until_it_stays(
    seen: list[bytes], moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgdrift.yaml"
    file.write_text("log: { level: info }\n")
    configuration = Configuration(file)
    configuration._read = {file: A}
    looks: Iterator[bytes] = iter(seen)
    over = asyncio.Event()

    def contents(_: object) -> Mapping[Path, bytes]:
        found = next(looks, None)
        if found is None:
            over.set()
        return {file: found if found is not None else b"what is seen at the end"}

    monkeypatch.setattr(reload, "_contents", contents)
    monkeypatch.setattr(reload, "POLL_SECONDS", 0)
    moved: list[bool] = []
    task = asyncio.create_task(configuration.watch(lambda: moved.append(True), print))
    await over.wait()
    task.cancel()
    assert len(moved) == moves


async def test_what_was_read_is_what_is_compared_with(tmp_path: Path) -> None:
    """A file that is written while it is read is another one at the next look."""
    file = tmp_path / "pgdrift.yaml"
    file.write_text("log: { level: info }\n")
    configuration = Configuration(file)
    file.write_text("log: { level: debug }\n")
    assert configuration._read != reload._contents([file])
    assert configuration.reload()
    assert configuration._read == reload._contents([file])
    assert configuration.settings.log.level == "debug"


async def test_without_a_file_variables_configure_and_nothing_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGDRIFT_LOG__LEVEL", "error")
    configuration = Configuration(None)
    assert (configuration.settings.log.level, configuration._files()) == ("error", [])
    monkeypatch.setenv("PGDRIFT_STORE__URL", "sqlite:///elsewhere.db")
    assert not configuration.reload()
    assert "store.url cannot change while the daemon runs" in configuration.said.refused
