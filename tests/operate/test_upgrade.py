"""Upgrades: a store of every release before opens and says the same; one of a release to come is
refused, named, and left as it is.
"""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import alembic.command
import pytest
from alembic.config import Config

from pgdrift import __version__
from pgdrift.errors import StoreError
from pgdrift.store import lock, migrate, open_store
from tests.daemon.house import pgdrift
from tests.operate.release import FOLDER, answers, load, schema

RELEASES = sorted(FOLDER.glob("*.sql"), key=lambda p: p.stem)
BEFORE, THIS = RELEASES[-2:]
HEAD = max(p.name[:4] for p in (migrate._SCRIPTS / "versions").glob("0*.py"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pgdrift.db"


def rows(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return store.execute(sql).fetchall()


def bytes_of(path: Path) -> tuple[str, bytes]:
    """Return what is in a store's file, and in the journal that goes with it."""
    journal = Path(f"{path}-wal")
    return sha256(path.read_bytes()).hexdigest(), journal.read_bytes() if journal.exists() else b""


def within(old: object, new: object, where: str = "") -> Iterator[str]:
    """Give the places where something that was said is not said any more."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            yield from within(value, new.get(key, "(gone)"), f"{where}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from within(*pair, f"{where}[{number}]")
    elif old != new:
        yield f"{where}: {old!r} is {new!r} now"


def test_this_release_has_left_a_store_for_those_to_come() -> None:
    """Whoever adds a migration writes one: `python -m tests.operate.release`."""
    assert THIS.stem == HEAD
    assert all(p.with_suffix(".json").exists() for p in RELEASES)


@pytest.mark.parametrize("release", RELEASES, ids=lambda p: p.stem)
async def test_a_store_of_every_release_opens_and_says_what_it_said(
    release: Path, path: Path, tmp_path: Path
) -> None:
    load(release, path)
    assert schema(path) == release.stem
    said = json.loads(release.with_suffix(".json").read_text(encoding="utf-8"))

    assert list(within(said, await answers(tmp_path))) == []

    assert schema(path) == HEAD
    assert rows(path, "pragma foreign_key_check") == []
    assert (__version__,) in rows(path, "select version from opened_by")
    async with open_store(f"sqlite:///{path}", exclusive=True) as store:
        assert await store.recover() == 1, "what was being told is uncertain, and not lost"
        assert {t.channel: (t.waiting, t.given_up) for t in await store.trays()} == {
            "dba": (3, 1),
            "oncall": (3, 0),
        }


async def test_before_a_migration_a_copy_is_kept_beside_the_store(path: Path) -> None:
    load(BEFORE, path)
    copy = Path(f"{path}.before-upgrade")
    copy.write_bytes(b"of an upgrade long ago")
    before = rows(path, "select * from content order by digest")

    async with open_store(f"sqlite:///{path}", exclusive=True):
        pass

    assert (schema(path), schema(copy)) == (HEAD, BEFORE.stem)
    assert rows(copy, "select * from content order by digest") == before
    assert rows(copy, "pragma integrity_check") == [("ok",)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(path.parent.glob("*.part")) == []

    # The way back: the copy in its place is the store that it was. And forth again.
    for journal in path.parent.glob("pgdrift.db-*"):
        journal.unlink()
    copy.replace(path)
    async with open_store(f"sqlite:///{path}", exclusive=True) as store:
        assert await store.environments() == ("old", "prod", "stage")
    assert schema(path) == HEAD


async def test_what_needs_no_migration_is_not_copied(path: Path) -> None:
    load(THIS, path)
    for _ in range(2):
        async with open_store(f"sqlite:///{path}"):
            pass
    assert not Path(f"{path}.before-upgrade").exists()


def newer(path: Path, version: str = "9.8.0") -> None:
    """Make the store one of a release to come."""
    load(THIS, path)
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("update alembic_version set version_num = '0999'")
        store.execute("insert into opened_by values (?, ?)", (version, 10**16))
        store.execute("create table of_the_future (id integer primary key)")


async def test_a_store_of_a_release_to_come_is_refused_named_and_left_as_it_is(
    path: Path, tmp_path: Path
) -> None:
    newer(path)
    before = bytes_of(path)
    config = tmp_path / "pgdrift.yaml"
    config.write_text(f"store: {{ url: 'sqlite:///{path}' }}\nweb: {{ listen: '127.0.0.1:0' }}\n")
    for command in ("serve", "status"):
        said = await pgdrift(command, "--config", config)
        assert said.code == 2, said.both
        for words in (
            "the store was written by pgdrift 9.8.0 (schema 0999)",
            f"a newer one than this, which is {__version__}",
            "hint: run that release or a later one",
        ):
            assert words in said.err
        assert "Traceback" not in said.both
        assert "before-upgrade" not in said.err, "there is no copy"
        assert bytes_of(path) == before

    Path(f"{path}.before-upgrade").touch()
    said = await pgdrift("serve", "--config", config)
    assert f"or put its copy {path}.before-upgrade in its place: docs/upgrade.md" in said.err


async def test_a_release_to_come_that_keeps_no_names_is_refused_all_the_same(path: Path) -> None:
    newer(path)
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("drop table opened_by")
    with pytest.raises(
        StoreError, match=r"by pgdrift of a later release \(schema 0999\)"
    ) as caught:
        async with open_store(f"sqlite:///{path}"):
            pass
    assert caught.value.reason == "too_new"


async def test_a_migration_that_fails_leaves_the_store_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(BEFORE, path)
    before = rows(path, "select name, sql from sqlite_schema order by name")
    whole = alembic.command.upgrade

    def halfway(config: Config, revision: str) -> None:
        whole(config, revision)
        raise RuntimeError("power cut")

    monkeypatch.setattr(alembic.command, "upgrade", halfway)
    with pytest.raises(RuntimeError, match="power cut"):
        async with open_store(f"sqlite:///{path}"):
            pass
    assert rows(path, "select name, sql from sqlite_schema order by name") == before
    assert schema(path) == BEFORE.stem
    monkeypatch.undo()
    async with open_store(f"sqlite:///{path}") as store:
        assert await store.environments() == ("old", "prod", "stage")


async def test_without_room_for_the_copy_nothing_is_changed(path: Path) -> None:
    load(BEFORE, path)
    Path(f"{path}.before-upgrade").mkdir()  # no file can be put there
    with pytest.raises(StoreError, match="no copy beside it") as caught:
        async with open_store(f"sqlite:///{path}"):
            pass
    assert caught.value.reason == "unwritable"
    assert schema(path) == BEFORE.stem
    assert list(path.parent.glob("*.part")) == []


async def test_a_command_changes_no_tables_beneath_a_daemon_of_the_release_before(
    path: Path,
) -> None:
    load(BEFORE, path)
    with lock.hold(str(path)):  # as a daemon of that release does
        with pytest.raises(StoreError, match="another pgdrift daemon works on") as caught:
            async with open_store(f"sqlite:///{path}"):
                pass
        assert caught.value.reason == "locked"
        assert schema(path) == BEFORE.stem
    async with open_store(f"sqlite:///{path}"):
        assert schema(path) == HEAD
