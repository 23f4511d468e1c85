"""Opening: an empty file, an old one, a newer one, and files that are no store at all."""

from __future__ import annotations

import re
import sqlite3
import stat
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event

from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import Store, open_store
from pgdrift.store.tables import metadata
from tests.store.nouns import look

ROOT = Path(__file__).parents[2]
KINDS = ("sqlite",)


def schema(path: Path) -> list[Any]:
    with sqlite3.connect(path) as c:
        return c.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()


async def refusal(url: str, *, patience: float = 10.0, exclusive: bool = False) -> StoreError:
    with pytest.raises(StoreError) as caught:
        async with open_store(url, patience=patience, exclusive=exclusive):
            pass
    return caught.value


async def test_an_empty_file_gets_the_tables_that_the_code_names(store: Store, path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as c:
        assert compare_metadata(MigrationContext.configure(c), metadata) == []
    engine.dispose()


async def test_opening_again_changes_nothing(store: Store, path: Path, url: str) -> None:
    await store.save(look(1))
    before = schema(path)

    async with open_store(url) as again:
        assert (await again.load("prod")).failures == 1

    assert schema(path) == before


async def test_a_store_has_a_key_of_its_own_and_keeps_it(url: str, tmp_path: Path) -> None:
    async with open_store(url) as store, open_store(f"sqlite:///{tmp_path}/other") as other:
        key = (await store.load("prod")).key
        assert len(key) == 32
        assert key != (await other.load("prod")).key
        await store.save(look(1))
        assert key not in repr(await store.load("prod")).encode()
    async with open_store(url) as again:
        assert (await again.load("prod")).key == (await again.load("new")).key == key


async def test_a_new_file_is_for_its_owner_alone(store: Store, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_is_committed_survives_a_power_cut(store: Store) -> None:
    """As far as SQLite can promise: full synchronisation of its journal."""
    async with store._writing() as c:
        found = [
            (await c.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


async def test_a_path_with_odd_letters_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1 & more"
    folder.mkdir()
    async with open_store(f"sqlite:///{folder}/pgdrift.db") as store:
        await store.save(look(1))
    assert (folder / "pgdrift.db").exists()


async def test_a_store_of_a_newer_program_is_refused_and_left_alone(
    store: Store, path: Path, url: str
) -> None:
    with sqlite3.connect(path) as c:
        c.execute("UPDATE alembic_version SET version_num = '9999'")
    before = schema(path)

    error = await refusal(url)

    assert error.reason == "too_new"
    assert "9999" in str(error)
    assert schema(path) == before


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = await refusal(f"sqlite:///{tmp_path}/no/such/pgdrift.db")

    assert error.reason == "unwritable"
    assert f"{tmp_path}/no/such/pgdrift.db" in str(error)
    assert "No such file or directory" in str(error)


async def test_a_directory_is_no_store(tmp_path: Path) -> None:
    assert (await refusal(f"sqlite:///{tmp_path}")).reason == "unwritable"


async def test_a_file_of_something_else_is_refused_and_left_alone(path: Path, url: str) -> None:
    path.write_bytes(b"PostgreSQL database dump, complete\n" * 200)

    error = await refusal(url)

    assert error.reason == "damaged"
    assert str(path) in str(error)
    assert path.read_bytes().startswith(b"PostgreSQL database dump")


async def test_a_store_that_another_process_holds_is_waited_for_and_then_named(
    store: Store, path: Path, url: str
) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    error = await refusal(url, patience=0.1)
    holder.execute("ROLLBACK")
    holder.close()

    assert error.reason == "locked"
    await store.save(look(1))


async def test_a_store_has_one_daemon_at_a_time(tmp_path: Path, path: Path, url: str) -> None:
    link = tmp_path / "elsewhere.db"
    async with open_store(url, exclusive=True) as daemon:
        link.symlink_to(path)
        for same in (url, f"sqlite:///{link}"):
            error = await refusal(same, exclusive=True)
            assert "another pgdrift daemon works on" in str(error)
            assert (error.reason, f"{path}.lock" in error.hint) == ("locked", True)
        await daemon.save(look(1))
        async with open_store(url) as command:  # others may read, and declare
            await command.save(look(2))

    async with open_store(url, exclusive=True) as next_one:
        assert (await next_one.load("prod")).failures == 2


async def test_a_daemon_that_was_killed_holds_no_lock(path: Path, url: str) -> None:
    held = f"from pgdrift.store import lock\nwith lock.hold({str(path)!r}): print(1, flush=True), input()"
    command = [sys.executable, "-c", held]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert (await refusal(url, exclusive=True)).reason == "locked"
        other.kill()
    async with open_store(url, exclusive=True) as store:
        await store.save(look(1))


async def test_a_lock_that_cannot_be_made_is_named(path: Path, url: str) -> None:
    Path(f"{path}.lock").mkdir()
    assert (await refusal(url, exclusive=True)).reason == "unwritable"


async def test_reading_waits_for_no_writer(store: Store, path: Path) -> None:
    await store.save(look(1))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    assert (await store.load("prod")).failures == 1
    assert len(await store.due(look(1).at)) == 2
    holder.execute("ROLLBACK")
    holder.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://pgdrift:hunter2@db/store", "on mysql is not supported"),
        ("sqlite://", "would forget"),
        ("sqlite:///:memory:", "would forget"),
        ("hunter2", "cannot be read"),
    ],
)
async def test_a_url_that_cannot_be_meant_is_refused_and_not_repeated(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        await Store.open(url)

    assert "hunter2" not in str(caught.value)


async def test_a_full_disk_keeps_nothing_and_breaks_nothing(path: Path, url: str) -> None:
    async with open_store(url) as store:
        await store.save(look(1))
        before = await store.load("prod")
    with sqlite3.connect(path) as c:
        pages = c.execute("PRAGMA page_count").fetchone()[0]

    def limit(connection: Any, _: object) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
    try:
        async with open_store(url) as store:
            with pytest.raises(StoreError) as caught:
                await look_for_ever(store)
            assert caught.value.reason == "full"
            kept = await store.load("prod")
            assert kept.failures >= 1
    finally:
        event.remove(Engine, "connect", limit)

    async with open_store(url) as store:
        assert before.sync_point == kept.sync_point
        assert await store.load("prod") == kept
        await store.save(look(kept.failures + 1))


async def look_for_ever(store: Store) -> None:
    for k in count(2):
        await store.save(look(k))


def test_a_real_file_system_that_is_full_or_read_only(tmp_path: Path) -> None:
    """Needs a mount of its own: as root, or in a user namespace."""
    inside = (
        f"mount -t tmpfs -o size=600k none {tmp_path} && exec {sys.executable} -m tests.store.{{}}"
    )
    inside = inside.format("full_disk") + f" {tmp_path}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mount of its own is allowed here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "consistent", "unwritable"]


def test_from_replicas_on_a_migration_only_adds() -> None:
    """A release runs on the tables of the one after it, while pods are replaced one by one."""
    folder = ROOT / "daemon" / "pgdrift" / "store" / "migrations" / "versions"
    later = sorted(f for f in folder.glob("*.py") if f.name >= "0009")
    assert later
    allowed = {"create_table", "add_column", "create_index", "bulk_insert"}
    for file in later:
        called = set(re.findall(r"\bop\.(\w+)", file.read_text(encoding="utf-8")))
        assert called <= allowed, f"{file.name}: {called - allowed}"
        for column in re.findall(r"op\.add_column\((.*)\)", file.read_text(encoding="utf-8")):
            assert "nullable=True" in column or "server_default" in column, file.name
