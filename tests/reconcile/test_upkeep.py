"""A ledger over time: what was open at its install, who may read it, upgrades, rows that are kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from pgdrift.errors import ConfigError, ReconcileError
from pgdrift.reconcile.install import install, uninstall, upgrade
from pgdrift.reconcile.rows import kept_in, write_rows
from pgdrift.reconcile.scripts import LEDGER, NOTIFY, Script, way
from pgdrift.reconcile.settle import settle
from pgdrift.reconcile.verify import verify
from pgdrift.sources.connection import reading
from pgdrift.sources.reading import read_once
from tests.conftest import Execute, MakeRole
from tests.reconcile.places import target, traces

pytestmark = pytest.mark.db


async def test_what_was_open_at_the_install_is_put_on_record_when_it_has_ended(
    database: str,
) -> None:
    slow = await asyncpg.connect(database)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("create table late (id int primary key)")
        async with target(database) as place:
            await install(place, LEDGER)
            (note,) = await settle(place, patience=0.0)
            assert "still open" in note
            waiting = asyncio.create_task(settle(place, patience=30.0))
            await transaction.commit()
            (note,) = await waiting
            assert "are on record" in note
            assert await settle(place) == ()
            async with reading(place.session):
                assert (await verify(place, LEDGER)).faults == ()
    finally:
        await slow.close()


async def test_the_role_that_watches_may_read_the_ledger_and_no_text_of_statements(
    database: str, make_role: MakeRole
) -> None:
    watcher = await make_role(database, 'watch"er')
    async with target(database) as place:
        await install(place, LEDGER, reason="for the audit", reader='watch"er')
    reading_of = await read_once(watcher)
    assert reading_of.ledger is not None
    assert reading_of.ledger.incomplete is None
    (history,) = reading_of.histories
    assert [(m.version, m.applied) for m in history.migrations] == [("baseline", True)]
    async with target(watcher) as place, reading(place.session):
        assert (await verify(place, LEDGER)).faults == ()
    for column in ("history.sql_executed", "history.new_metadata"):
        table, _, name = column.partition(".")
        session = await asyncpg.connect(watcher)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await session.fetch(f"select {name} from gitversion.{table}")
        finally:
            await session.close()


def test_updates_are_chained_by_the_shortest_way() -> None:
    steps = {("1.0", "1.1"): "a", ("1.1", "1.2"): "b", ("1.2", "2.0"): "c", ("1.1", "2.0"): "d"}
    assert way(steps, "1.0", "2.0") == ("a", "d")
    assert way(steps, "2.0", "1.0") == ()
    assert LEDGER.way_from("0.1") == NOTIFY.way_from("0.1") == ()


async def test_an_upgrade_keeps_the_rows_and_proves_itself(
    database: str, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with target(database) as place:
        await install(place, LEDGER)
        assert (await upgrade(place, LEDGER)).version == "1.0"
        await execute(database, "create table t (id int)")
        newer = replace(LEDGER, version="1.1")
        before = await traces(database)
        with pytest.raises(ReconcileError, match=r"no way from pg_gitversion 1\.0 to 1\.1"):
            await upgrade(place, newer)
        moved = "comment on schema gitversion is 'pg_gitversion 1.1: newer'"
        for steps, reason in (
            ((f"{moved}; drop table public.t",), "unproved"),
            ((f"{moved}; update gitversion.objects set is_active = false",), "unproved"),
            (("select 1",), "refused"),
        ):
            monkeypatch.setattr(Script, "way_from", lambda *_, steps=steps: steps)
            with pytest.raises(ReconcileError) as found:
                await upgrade(place, newer)
            assert found.value.reason == reason
        assert await traces(database) == before
        monkeypatch.setattr(Script, "way_from", lambda *_: (moved,))
        assert (await upgrade(place, newer, dry_run=True)).recorded > 0
        assert await traces(database) == before
        assert (await upgrade(place, newer)).version == "1.0"
        assert (await upgrade(place, newer)).version == "1.1"


async def test_rows_are_kept_in_a_file_or_nothing_is_removed(
    database: str, execute: Execute, tmp_path: Path
) -> None:
    async with target(database) as place:
        await install(place, LEDGER)
        await execute(database, """create table "é\n" (id int); drop table "é\n" """)
        file = tmp_path / "rows.jsonl"

        async def keep(session: asyncpg.Connection) -> int:
            return await write_rows(session, LEDGER.schema, descriptor)

        await execute(database, "create view hangs as select id from gitversion.objects")
        with pytest.raises(ReconcileError), kept_in(file) as descriptor:
            await uninstall(place, LEDGER, keep=keep)
        assert not file.exists()
        await execute(database, "drop view hangs")
        with kept_in(file) as descriptor:
            done = await uninstall(place, LEDGER, keep=keep)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == done.rows > 0
    assert file.stat().st_mode & 0o777 == 0o600
    history = [line["row"] for line in lines if line["table"] == "history"]
    changes = [r["change_type"] for r in history if r["address_names"] == ["public", "é\n"]]
    assert changes == ["CREATE", "DROP"]
    with pytest.raises(ConfigError, match="cannot keep rows"), kept_in(file):
        pass
