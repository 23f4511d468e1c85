"""Files that stand for servers: read again when they change, and unknown while they are no use."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.snapshot_file import dump
from pgdrift.errors import SourceError
from pgdrift.sources.embedded import BIN_VARIABLE
from pgdrift.sources.files import FileSource, is_file
from pgdrift.sources.scratch import Scratch
from tests.conftest import MakeRole

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def snapshot(*schemas: str) -> Snapshot:
    objects = [Object(ObjectId("schema", (name,)), {"owner": "x"}) for name in schemas]
    return Snapshot({o.id: o for o in objects}, frozenset({"schema"}), 150004, AT, "shop")


async def unusable(source: FileSource, reason: str) -> str:
    with pytest.raises(SourceError) as caught:
        await source.read()
    assert caught.value.reason == reason
    return str(caught.value)


async def test_a_snapshot_file_is_read_as_a_server_is_and_says_its_age(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    taken = replace(snapshot("app"), unread={"policy": "permission denied"})
    file.write_text(dump(taken, {"cast": 2}))
    found = await FileSource(str(file), Scratch()).read()
    assert found.snapshot == taken
    assert found.not_compared == {"cast": 2}
    assert found.notes == (
        "as of 2026-01-02 03:04 UTC, when the snapshot file was taken",
        "policy not read: permission denied",
    )
    assert not found.histories
    assert found.ledger is None


async def test_a_file_is_read_anew_only_when_its_content_moves(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(dump(snapshot("app")))
    source = FileSource(str(file), Scratch())
    first = await source.read()
    os.utime(file)
    assert await source.read() is first
    file.write_text(dump(snapshot("app", "more")))
    second = await source.read()
    assert len(second.snapshot.objects) == 2
    assert second.gate != first.gate


async def test_what_is_no_snapshot_is_unknown_until_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    source = FileSource(str(file), Scratch())
    assert "No such file" in await unusable(source, "unreadable")
    text = dump(snapshot("app"))
    for broken in (text[:-20], "{}", text.replace("app", "apq"), "[" * 100_000):
        file.write_text(broken)
        assert f"cannot use {file} as a snapshot" in await unusable(source, "unreadable")
    file.write_bytes(b"\xff\xfe")
    assert f"cannot use {file} as a snapshot" in await unusable(source, "unreadable")
    file.write_text(text)
    assert (await source.read()).snapshot == snapshot("app")
    # And what was good before does not hide that it no longer is.
    file.write_text("")
    await unusable(source, "unreadable")


async def test_without_a_scratch_server_a_sql_file_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BIN_VARIABLE, str(tmp_path))
    file = tmp_path / "schema.sql"
    file.write_text("select 1;")
    said = await unusable(FileSource(str(file), Scratch()), "unreadable")
    assert "there is no scratch server" in said
    assert "scratch.dsn" in said


@pytest.mark.db
async def test_a_sql_file_is_loaded_when_it_changes_and_a_failure_is_kept_as_well(
    tmp_path: Path, database: str, make_role: MakeRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = await make_role(database, options="createdb")
    asked = []

    def scratch_dsn() -> str:
        asked.append(dsn)
        return dsn

    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1.sql").write_text("create table t (a int);")
    source = FileSource(str(folder), Scratch(scratch_dsn))
    first = await source.read()
    assert await source.read() is first
    assert len(asked) == 1

    (folder / "2.sql").write_text("create table u (a nix);")
    said = await unusable(source, "refused")
    assert '2.sql:1: create table u (a nix): type "nix" does not exist' in said
    assert (urlsplit(dsn).password or "?") not in said
    assert await unusable(source, "refused") == said
    assert len(asked) == 2
    # The server may have changed instead.
    monkeypatch.setattr("pgdrift.sources.files._RETRY_SECONDS", 0.0)
    assert await unusable(source, "refused") == said
    assert len(asked) == 3

    (folder / "2.sql").unlink()
    assert (await source.read()).snapshot.root == first.snapshot.root


async def test_a_server_that_is_away_is_asked_again_at_once(tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text("select 1;")
    asked = []

    def nowhere() -> str:
        asked.append(1)
        return "postgresql://u:geheim@127.0.0.1:1/d"

    source = FileSource(str(file), Scratch(nowhere))
    for _ in range(2):
        assert "geheim" not in await unusable(source, "unreachable")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("word", "file"),
    [
        ("production", False),
        ("schema.sql", True),
        ("shop.json", True),
        ("./migrations", True),
        ("db/migrations", True),
        ("migrations/", True),
        ("postgresql://h/d.sql", False),
        ("host=x dbname=y", False),
    ],
)
def test_a_path_is_told_by_its_look(word: str, *, file: bool) -> None:
    assert is_file(word) is file
