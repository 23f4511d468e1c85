"""What goes wrong while a plan is applied, each with what is said of it, and the way on or back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pgdrift.cli import running, work
from pgdrift.core.compare import compare
from pgdrift.errors import ReconcileError
from pgdrift.reconcile import apply as apply_module
from pgdrift.reconcile import planfile
from pgdrift.reconcile.backup import BIN_VARIABLE
from pgdrift.reconcile.journal import Journal
from pgdrift.sources.connection import Connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import through, until
from tests.daemon.proxy import Proxy
from tests.majors import binaries
from tests.reconcile.test_apply import (
    SHORT,
    A,
    B,
    Hands,
    _once_free,
    hands,
    held,
    seen,
    session,
    told_alike,
    value,
)

pytestmark = pytest.mark.db
__all__ = ["hands"]  # a fixture: pytest finds it by its name

_ROOT = Path(__file__).resolve().parents[2]


async def test_a_lock_in_the_middle_is_given_up_and_told_with_what_is_done(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=SHORT)
    after = await seen(b)
    await hands.plan(a, b, online=True)
    run_one, entered = apply_module._run, list[Any]()

    async def then_somebody_reads(work_: Any, statement: Any) -> None:
        await run_one(work_, statement)
        if statement.transaction == 1 and not entered:
            entered.append(held(a))
            await entered[0].__aenter__()

    monkeypatch.setattr(apply_module, "_run", then_somebody_reads)
    # Beside a lock that is held, nothing can be committed but what needs none.
    error = await hands.refused(hands.apply(a, backs_up=False, tries=2))
    await entered[0].__aexit__(None, None, None)
    assert error.reason in {"busy", "stopped"}
    assert "lock timeout" in str(error)
    assert sum("waits: " in line and "(busy, " in line for line in hands.said) == 1
    states = hands.states
    assert states[states.index("failed") + 1 :] == ["pending"] * (
        len(states) - states.index("failed") - 1
    )
    monkeypatch.setattr(apply_module, "_run", run_one)
    if "done" in states:
        assert "--resume" in str(error.hint)
        await hands.apply(a, backs_up=False, resume=True)
    else:
        assert "nothing was changed" in str(error)
        await hands.apply(a, backs_up=False)
    assert not told_alike(await seen(a), after)


@pytest.mark.parametrize("reached", [True, False], ids=["committed", "not committed"])
async def test_a_connection_that_is_cut_at_commit_is_in_doubt_until_somebody_looks(
    make_database: MakeDatabase,
    server: EmbeddedServer,
    proxy: Proxy,
    hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
    reached: bool,
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    before, after = await seen(a), await seen(b)
    way = through(a, await proxy.start(server.port))
    await hands.plan(a, b)
    execute = Connection.execute

    async def cut(self: Connection, sql: str, *arguments: Any, **how: Any) -> Any:
        if sql != "COMMIT" or proxy.mode == "reset":
            return await execute(self, sql, *arguments, **how)
        if reached:
            await execute(self, sql, *arguments, **how)
        await proxy.turn("reset")
        # Whoever is told nothing does not know which of the two it was.
        return await execute(self, sql if not reached else "SELECT 1", *arguments, **how)

    monkeypatch.setattr(Connection, "execute", cut)
    error = await hands.refused(hands.apply(way, backs_up=False))
    monkeypatch.setattr(Connection, "execute", execute)
    assert error.reason == "in_doubt"
    assert "whether transaction 1 is done nobody knows yet" in str(error)
    assert set(hands.states) == {"in doubt"}
    await proxy.turn("open")
    assert bool(compare(before, await seen(a)).changes) is reached
    assert (await hands.refused(hands.apply(way, backs_up=False))).reason in {"busy", "occupied"}
    await _once_free(lambda: hands.apply(way, backs_up=False, resume=True))
    (found,) = [e for e in hands.journal if e.get("found")]
    assert found["event"] == ("done" if reached else "not_done")
    assert not told_alike(await seen(a), after)
    await hands.roll_back(way)
    assert not compare(before, await seen(a)).changes


async def test_a_session_that_its_administrator_ends_leaves_nothing(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    await hands.plan(a, b)
    async with held(a):
        running_ = asyncio.create_task(
            hands.apply(a, backs_up=False, limits=work.Limits(60.0, 60.0))
        )
        waits = "select count(*) from pg_locks where not granted"
        await until(lambda: value(a, waits), "nobody waits")
        await value(a, "select pg_terminate_backend(pid) from pg_locks where not granted limit 1")
        error = await hands.refused(running_)
    assert (error.reason, "nothing was changed" in str(error)) == ("interrupted", True)
    assert not compare(before, await seen(a)).changes
    await _once_free(lambda: hands.apply(a, backs_up=False, resume=True))


async def test_what_others_do_in_a_transaction_before_the_last_undoes_that(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=SHORT)
    before = await seen(a)
    await hands.plan(a, b, online=True)
    first = planfile.read(hands.folder)[0].up.statements[0]
    assert not first.step.alone
    run_one = apply_module._run

    async def meanwhile(work_: Any, statement: Any) -> None:
        if statement == first:
            await run_sql(a, "create table surprise ()")
        await run_one(work_, statement)

    monkeypatch.setattr(apply_module, "_run", meanwhile)
    error = await hands.refused(hands.apply(a, backs_up=False))
    assert error.reason == "moved"
    assert "nothing was changed" in str(error)
    assert "table public.surprise" in str(error)
    assert {c.id.name for c in compare(before, await seen(a)).changes} == {"public.surprise"}


async def test_what_somebody_is_changing_is_not_dropped_unseen(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A + "create table legacy ();"), await make_database(sql=A)
    await hands.plan(a, b)
    async with session(a) as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("alter table legacy add note text")
        patient = work.Limits(60.0, 60.0)
        running_ = asyncio.create_task(hands.apply(a, backs_up=False, limits=patient))
        waits = "select count(*) from pg_locks where not granted"
        await until(lambda: value(a, waits), "nobody waits")
        await transaction.commit()
        error = await hands.refused(running_)
    assert error.reason == "moved"
    assert "column public.legacy.note" in str(error)
    assert "nothing was changed" in str(error)
    assert await value(a, "select count(note) from legacy") == 0


async def test_what_moves_between_two_transactions_stops_the_next(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=SHORT)
    after = await seen(b)
    await hands.plan(a, b, online=True)
    done = apply_module._is_done

    async def surprise() -> None:
        await run_sql(a, "create table surprise ()")

    def then(work_: Any, *more: Any) -> None:
        done(work_, *more)
        if len(work_.done) == 1:
            tasks.append(asyncio.ensure_future(surprise()))

    tasks: list[asyncio.Task[None]] = []
    together = apply_module._unmoved

    async def once_it_is_there(work_: Any) -> None:
        await asyncio.gather(*tasks)
        await together(work_)

    monkeypatch.setattr(apply_module, "_is_done", then)
    monkeypatch.setattr(apply_module, "_unmoved", once_it_is_there)
    error = await hands.refused(hands.apply(a, backs_up=False))
    assert error.reason == "moved"
    assert "table public.surprise" in str(error)
    assert "done: statements" in str(error)
    assert "done" in hands.states
    monkeypatch.setattr(apply_module, "_is_done", done)
    monkeypatch.setattr(apply_module, "_unmoved", together)
    assert (await hands.refused(hands.apply(a, backs_up=False, resume=True))).reason == "moved"
    await run_sql(a, "drop table surprise")
    await hands.apply(a, backs_up=False, resume=True)
    assert not told_alike(await seen(a), after)


async def test_a_connection_that_is_lost_at_the_last_look_is_told_as_that(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = await make_database(sql=A)
    b = await make_database(sql=A + "create index account_owner on account (owner)")
    await hands.plan(a, b, online=True)
    finish = apply_module._finish

    async def cut_off(work_: Any) -> None:
        pid = work_.session.get_server_pid()
        await value(a, f"select pg_terminate_backend({pid}, 60000)")
        await finish(work_)

    monkeypatch.setattr(apply_module, "_finish", cut_off)
    error = await hands.refused(hands.apply(a))
    monkeypatch.setattr(apply_module, "_finish", finish)
    assert error.reason == "interrupted"
    assert "lost at the last look" in str(error)
    assert "done: statements 1; not done: none" in str(error)
    assert "undoes" not in str(error)
    await _once_free(lambda: hands.apply(a, resume=True))
    assert hands.journal[-1]["event"] == "ended"


async def test_a_record_that_cannot_be_written_says_what_is_done(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=SHORT)
    after = await seen(b)
    await hands.plan(a, b, online=True)
    write, sync = Journal.write, os.fsync

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    def written(self: Journal, event: str, **more: object) -> None:
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full if event == "done" else sync)
            write(self, event, **more)

    monkeypatch.setattr(Journal, "write", written)
    error = await hands.refused(hands.apply(a, backs_up=False))
    monkeypatch.setattr(Journal, "write", write)
    assert "cannot be written down" in str(error)
    assert "; done: statements 1" in str(error)
    await _once_free(lambda: hands.apply(a, backs_up=False, resume=True))
    assert not told_alike(await seen(a), after)


async def test_what_comes_after_a_transaction_that_was_skipped_can_be_cut_off_again(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped as a whole, and nothing of the next one is there: the server knows, and says so."""
    a = await make_database(sql=A + "create table legacy ();")
    b = await make_database(sql=A + "create index account_note on account (note);")
    after = await seen(b)
    await hands.plan(a, b, online=True)
    statements = planfile.read(hands.folder)[0].up.statements
    (index,) = [s for s in statements if s.step.alone]
    assert index.transaction < statements[-1].transaction
    run_one, execute = apply_module._run, Connection.execute

    async def until_the_index(work_: Any, statement: Any) -> None:
        if statement == index:
            raise asyncpg.DataError("stopped here")
        await run_one(work_, statement)

    monkeypatch.setattr(apply_module, "_run", until_the_index)
    assert "stopped here" in str(await hands.refused(hands.apply(a, backs_up=False)))
    monkeypatch.setattr(apply_module, "_run", run_one)
    await run_sql(a, index.step.sql.replace("CONCURRENTLY ", ""))

    async def ended(self: Connection, sql: str, *arguments: Any, **how: Any) -> Any:
        if sql == "COMMIT":
            await value(a, f"select pg_terminate_backend({self.get_server_pid()}, 60000)")
        return await execute(self, sql, *arguments, **how)

    monkeypatch.setattr(Connection, "execute", ended)
    error = await hands.refused(hands.apply(a, backs_up=False, resume=True))
    assert error.reason == "in_doubt"
    monkeypatch.setattr(Connection, "execute", execute)
    await _once_free(lambda: hands.apply(a, backs_up=False, resume=True))
    assert hands.states[index.number - 1] == "skipped"
    assert set(hands.states) == {"done", "skipped"}
    assert not told_alike(await seen(a), after)


@pytest.mark.parametrize("with_old", [False, True], ids=["none", "too old"])
async def test_without_a_pg_dump_of_the_servers_major_no_row_is_put_at_risk(
    make_database: MakeDatabase,
    hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    with_old: bool,
    server: EmbeddedServer,
) -> None:
    old = binaries(13)
    if with_old and (old is None or server.major == 13):
        pytest.skip("PostgreSQL 13 has not been fetched, or is the one that is tested")
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    await hands.plan(a, b)
    monkeypatch.setattr(running, "_own_programs", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(BIN_VARIABLE, str(old if with_old else tmp_path))
    error = await hands.refused(hands.apply(a))
    assert error.reason == "absent"
    assert f"there is no pg_dump of PostgreSQL {server.major} or newer" in str(error)
    assert BIN_VARIABLE in str(error.hint)
    assert not list(hands.folder.glob("applied/*"))
    assert not compare(before, await seen(a)).changes


async def test_a_backup_that_cannot_be_restored_is_none(
    make_database: MakeDatabase, hands: Hands
) -> None:
    """A row that a check forbids, which was there before the check, does not come back."""
    bad = A + "alter table account add constraint late check (id < 100) not valid;"
    good = B + "alter table account add constraint late check (id < 100) not valid;"
    a, b = await make_database(sql=bad), await make_database(sql=good)
    before = await seen(a)
    await hands.plan(a, b)
    error = await hands.refused(hands.apply(a))
    assert error.reason == "unproved"
    assert "could not be restored on the scratch server" in str(error)
    assert "late" in str(error)
    assert "nothing was changed" in str(error)
    assert not list(hands.folder.glob("applied/*.dump"))
    assert not compare(before, await seen(a)).changes
    await hands.apply(a, backs_up=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Give what mounts a file system of 600 kB, where that is allowed."""
    folder = tmp_path / "small"
    mounted = False

    def mount() -> Path:
        nonlocal mounted
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(folder)]
        try:
            mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            mounted = False
        if not mounted:
            pytest.skip("no mount of its own is allowed here")
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_file_system_that_is_full_changes_nothing(
    make_database: MakeDatabase, hands: Hands, small_disk: Callable[[], Path]
) -> None:
    """By the backup, or by the record: where either cannot be written, nothing is done."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has tmpfs")
    small = small_disk()
    a, b = await make_database(sql=A), await make_database(sql=B)
    many = "select string_agg(md5(n::text || id), '') from generate_series(1, 400) n"
    await run_sql(a, f"update account set note = ({many})")
    before = await seen(a)
    there = Hands(small / "plan", hands.config)
    await there.plan(a, b)
    error = await there.refused(there.apply(a))
    assert "public.account could not be backed up" in str(error)
    assert "nothing was changed" in str(error)
    assert not list(there.folder.glob("applied/*"))
    filler = small / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    error = await there.refused(there.apply(a, backs_up=False))
    assert isinstance(error, ReconcileError)
    assert "cannot be written down" in str(error)
    assert not compare(before, await seen(a)).changes
    filler.unlink()
    await there.apply(a, backs_up=False)
    async with session(a) as opened:
        assert await opened.fetchval("select count(*) from account") == 100
