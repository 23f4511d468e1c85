"""The commands that install, verify and remove, as a shell sees them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from pgdrift.core.look import Watched, seen
from pgdrift.core.model import SYNC, Finding
from pgdrift.sources.reading import Source
from pgdrift.store import open_store
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import pgdrift

pytestmark = pytest.mark.db


def config(folder: Path, dsn: str) -> Path:
    file = folder / "pgdrift.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "environments": {"production": {"dsn": dsn}},
                "store": {"url": f"sqlite:///{folder}/store.db"},
            }
        )
    )
    return file


async def test_the_wake_up_triggers_come_and_go_by_command(
    tmp_path: Path, database: str, execute: Execute, make_role: MakeRole
) -> None:
    watcher = await make_role(database)
    here = config(tmp_path, watcher)
    secret = tmp_path / "dsn"
    secret.write_text(f"{database}\n")
    said = [
        await pgdrift("ledger", "install", "production", "--notify-only", "-c", here),
        await pgdrift(
            *("ledger", "install", "production", "--notify-only", "--dry-run"),
            *("-c", here, "--dsn-file", secret),
        ),
        await pgdrift("ledger", "verify", "production", "--notify-only", "-c", here),
        await pgdrift(
            *("ledger", "install", "production", "--notify-only"),
            *("-c", here, "--dsn-file", secret),
        ),
        await pgdrift("ledger", "verify", "production", "--notify-only", "-c", here),
    ]
    assert [s.code for s in said] == [2, 0, 2, 0, 0], said
    assert "may not create a schema" in said[0].err
    assert "would be installed in" in said[1].out
    assert "not installed here" in said[2].err
    assert "is as it should be" in said[4].out

    await execute(database, "alter event trigger pgdrift_notify_drop_trigger disable")
    off = await pgdrift("ledger", "verify", database, "--notify-only")
    assert off.code == 1
    assert "- the event trigger pgdrift_notify_drop_trigger is disabled" in off.out
    unasked = await pgdrift("ledger", "uninstall", database, "--notify-only")
    assert unasked.code == 3
    assert "--yes" in unasked.err
    gone = await pgdrift("ledger", "uninstall", database, "--notify-only", "--yes")
    again = await pgdrift("ledger", "uninstall", database, "--notify-only", "--yes")
    assert (gone.code, again.code) == (0, 2), (gone, again)
    passwords = {urlsplit(d).password or "" for d in (database, watcher)}
    for each in (*said, off, unasked, gone, again):
        assert not any(p in each.both for p in passwords)
        assert "Traceback" not in each.both


async def first_look(store: Path, dsn: str) -> tuple[Finding, ...]:
    """Look as the daemon does; return what is found against the sync point."""
    source = Source(lambda: dsn)
    async with open_store(f"sqlite:///{store}") as kept:
        book = await kept.load("production")
        reading = await source.read(book)
        await source.close()
        now = datetime.now(UTC)
        standing = seen(Watched("production"), book, reading, None, now).standing
        return next(a.findings for a in standing.against if a.yardstick == SYNC)


async def test_what_is_no_place_to_write_to_is_refused_before_anything_is_done(
    tmp_path: Path, database: str, make_database: MakeDatabase
) -> None:
    here = config(tmp_path, database)
    other = await make_database()
    for words, part in {
        ("elsewhere",): "no connection URL, and no environment",
        ("production", "--dsn", other): "--dsn leads to",
        ("production", "--dsn", other, "--dsn-file", here): "both given",
        ("production", "--dsn-file", tmp_path / "none"): "cannot read --dsn-file",
    }.items():
        said = await pgdrift("ledger", "install", "--notify-only", *words, "-c", here)
        assert (said.code, said.out) == (3, ""), said
        assert part in said.err


async def test_the_ledger_comes_with_a_sync_point_and_goes_with_its_rows_kept(
    tmp_path: Path, database: str, execute: Execute, make_role: MakeRole
) -> None:
    """All commands in a row, each a process of its own: it takes some seconds."""
    watcher = await make_role(database)
    await execute(database, "create table t (id int primary key)")
    here = config(tmp_path, watcher)
    more = ("production", "-c", here, "--dsn", database)
    dry = await pgdrift("ledger", "install", *more, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert "rolled back, nothing was changed" in dry.out
    assert not (tmp_path / "store.db").exists()

    done = await pgdrift("ledger", "install", *more, "--reason", "it is right", "--actor", "ann")
    assert (done.code, done.err) == (0, "")
    assert "objects are on record, all that there are" in done.out
    assert "sync point 1 of production" in done.out
    row = sqlite3.connect(tmp_path / "store.db").execute("select actor, reason from sync_point")
    assert row.fetchall() == [("ann", "it is right")]
    # What the watcher reads is what was declared, and it reads the ledger.
    check = await pgdrift("check", "-c", here, "--format", "json")
    assert check.code == 0, check
    assert "ledger" not in check.out.split('"notes"')[-1]

    await execute(database, "alter table t add c text")
    verified = await pgdrift("ledger", "verify", "production", "-c", here)
    assert verified.code == 0, verified
    # What came before the daemon was ever started is known to the ledger, and so to its first look.
    found = await first_look(tmp_path / "store.db", watcher)
    assert {f.change.id.name: f.blame.confidence for f in found} == {"public.t.c": "exact"}
    file = tmp_path / "rows.jsonl"
    gone = await pgdrift("ledger", "uninstall", *more, "--yes", "--keep-rows", file)
    assert gone.code == 0, gone
    assert f"rows are kept in {file}" in gone.out
    assert "ALTER TABLE" in file.read_text()
    # What drifted meanwhile is not declared right by installing it anew.
    again = await pgdrift("ledger", "install", *more)
    assert again.code == 0
    assert "no new sync point of production: 1 objects are not as the last one says" in again.out
