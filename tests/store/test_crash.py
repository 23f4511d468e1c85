"""Faults: kill -9 anywhere, two processes at once, a directory that may not be written."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path

from pgdrift.core.model import SyncPoint
from pgdrift.store import Store
from tests.store.nouns import NOW, look, tables

ROOT = Path(__file__).parents[2]
KINDS = ("sqlite",)
CRASHES = [sys.executable, "-m", "tests.store.crashes"]


def run(*arguments: str) -> str:
    command = [*CRASHES, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_look_is_kept_whole_or_not_at_all_wherever_it_is_killed(url: str) -> None:
    kills = int(run("steps", url))

    assert kills > 30  # each statement of a first and of a later look


def test_what_was_acknowledged_survives_a_kill_at_any_moment(url: str) -> None:
    assert int(run("moments", url)) >= 15


async def test_a_declaration_beside_a_running_daemon_is_never_overwritten(
    store: Store, url: str
) -> None:
    await store.save(look(1))
    daemon = await asyncio.create_subprocess_exec(
        *CRASHES, "looker", url, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert daemon.stdout is not None
    assert await daemon.stdout.readline() == b"looking\n"

    for n in range(10):
        await store.declare(SyncPoint("prod", NOW, f"n{n}", "ada"), tables(n + 1))
    out, _ = await daemon.communicate(b"enough\n")

    assert daemon.returncode == 0
    looks, stale = map(int, out.split())
    book = await store.load("prod")
    assert book.sync_point is not None
    assert book.sync_point.reason == "n9"
    assert book.expected == tables(10)
    events = (await store.timeline("prod", limit=99999))[::-1][3:]
    assert len(events) == 10 + looks - stale
    declared = 1
    for event in events:
        if event.verb == "synced":
            declared += 1
        else:
            assert event.text == f"{declared}"  # every look that was kept knew the latest


def test_a_store_that_may_not_be_written_says_which_and_what_to_do() -> None:
    # Not under tmp_path: that is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        opened, *refused = run("locked-out", folder).splitlines()

    assert opened == "opened"
    assert [line.split("\t")[0] for line in refused] == ["unwritable"] * 3
    assert f"{folder}/new.db" in refused[0]
    assert all(f"{folder}/pgdrift.db" in line for line in refused[1:])
