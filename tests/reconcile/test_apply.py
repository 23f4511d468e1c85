"""Plans run on real databases: rehearsed, applied, refused, taken back; and what a crash leaves.

All but the processes that are killed run in this one, as the command line does it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from pgdrift.cli import sides, work
from pgdrift.cli.place import place_of
from pgdrift.cli.plan import _plan
from pgdrift.cli.plans import _in_folder
from pgdrift.cli.reconcile import _rehearse, _rehearsed
from pgdrift.cli.running import carry, roll_back
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.errors import PgdriftError, ReconcileError
from pgdrift.reconcile import apply as apply_module
from pgdrift.reconcile import planfile
from pgdrift.reconcile.install import install
from pgdrift.reconcile.scripts import LEDGER
from pgdrift.reconcile.writing import hold
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.store import open_store
from tests.conftest import MakeDatabase, MakeRole, run_sql
from tests.daemon.house import pgdrift, through, until
from tests.daemon.proxy import Proxy
from tests.reconcile.dying import die_at, order
from tests.reconcile.places import target

pytestmark = pytest.mark.db

A = """
create table account (id int primary key, owner varchar(20), note text);
create view owners as select id, owner from account;
grant select on owners to public;
insert into account select n, 'o' || n, 'n' || n from generate_series(1, 100) n;
"""
B = """
create table account (id bigint primary key, owner text not null, born date);
create index account_owner on account (owner);
create view owners as select id, owner from account;
grant select on owners to public;
create table log (at timestamptz not null default now(), what text);
"""
# What --online cuts into several transactions, two of which are no transaction.
ONLINE = """
create table account (id int primary key, owner varchar(20), note text,
    constraint owned check (owner <> ''));
create index account_owner on account (owner);
create index account_note on account (note);
create view owners as select id, owner from account;
grant select on owners to public;
create table log (what text);
"""


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    try:
        yield opened
    finally:
        await opened.close()


async def value(dsn: str, sql: str) -> Any:
    async with session(dsn) as opened:
        return await opened.fetchval(sql)


async def seen(dsn: str) -> Snapshot:
    async with connection(dsn) as opened:
        return await snapshot(opened)


class Hands:
    """A plan in a folder, and what is done with it; `said` is what the commands told last."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder, self.config = folder, config
        self.said: list[str] = []

    async def plan(self, a: str, b: str, *, online: bool = False, proved: bool = True) -> None:
        reader = sides.Sides(self.config)
        made = await _plan((a, b), reader, online=online, proved=proved)
        assert made.plan.proved is proved, made.plan.proof
        planfile.write(self.folder, made.plan, made.of)

    async def rehearse(self, on: str, title: str = "up") -> str:
        place, limits = place_of(on, None, None, self.config), work.Limits(0.3, 60.0)
        found = await _rehearse(self.folder, place, limits, self.config, title)
        return "\n".join(_rehearsed(found))

    async def apply(self, on: str, **more: Any) -> None:
        self.said.clear()
        await carry(order(self.folder, self.config, on, **more), self.said.append)

    async def roll_back(self, on: str, **more: Any) -> None:
        self.said.clear()
        await roll_back(order(self.folder, self.config, on, **more), self.said.append)

    async def refused(self, doing: Awaitable[None]) -> PgdriftError:
        with pytest.raises(PgdriftError) as caught:
            await doing
        return caught.value

    @property
    def states(self) -> list[str]:
        places: Any = _in_folder(self.folder)["places"]
        (place,) = places
        return [s["state"] for s in place["statements"]]

    @property
    def journal(self) -> list[dict[str, Any]]:
        (file,) = (self.folder / "applied").glob("*.jsonl")
        return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def hands(server: EmbeddedServer, tmp_path: Path) -> Hands:
    config = tmp_path / "pgdrift.yaml"
    data = {
        "environments": {},
        "scratch": {"dsn": server.dsn()},
        "store": {"url": f"sqlite:///{tmp_path}/store.db"},
    }
    config.write_text(yaml.safe_dump(data))
    return Hands(tmp_path / "plans" / "1", config)


async def test_a_plan_is_rehearsed_applied_and_taken_back(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    await hands.plan(a, b)
    tried = await hands.rehearse(a)
    assert "ACCESS EXCLUSIVE on public.account, held for" in tried
    assert "what was run leads to what the plan says; rolled back" in tried
    assert not compare(before, await seen(a)).changes

    await hands.apply(a)
    assert any("100 rows of public.account, restored once" in line for line in hands.said)
    ahead = [line for line in hands.said if line.startswith("the way back may stop at")]
    assert any("change type of column public.account.owner, fails where" in line for line in ahead)
    assert set(hands.states) == {"done"}
    assert await value(a, "select count(*) from account where owner = 'o' || id") == 100
    (began,) = [e for e in hands.journal if e["event"] == "began"]
    assert (began["by"], began["approved_by"], began["reason"]) == ("ann", ["bob"], "ticket 7")
    reader = sides.Sides(hands.config)
    left = (await _plan((a, b), reader, online=False, proved=False)).plan.up
    assert not left.statements
    error = await hands.refused(hands.apply(a))
    assert (error.reason, "applied there already" in str(error)) == ("occupied", True)

    await hands.roll_back(a)
    assert not compare(before, await seen(a)).changes
    assert (await hands.refused(hands.roll_back(a))).reason == "absent"
    await hands.apply(a)


async def test_what_moved_between_plan_and_apply_is_refused_with_the_difference(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    await hands.plan(a, b)
    await run_sql(a, "alter table account add surprise int")
    error = await hands.refused(hands.apply(a))
    assert error.reason == "moved"
    assert "column public.account.surprise" in str(error)
    assert "nothing was changed" in str(error)
    await run_sql(a, "alter table account drop surprise")
    await hands.apply(a)
    await run_sql(a, "create index later on account (born)")
    error = await hands.refused(hands.roll_back(a))
    assert error.reason == "moved"
    assert "index public.later" in str(error)


async def test_what_moves_while_it_runs_undoes_the_transaction(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed by somebody else after all was checked: the look before COMMIT sees it."""
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    await hands.plan(a, b)
    run_one = apply_module._run

    async def meanwhile(work: Any, statement: Any) -> None:
        if statement.number == 1:
            await run_sql(a, "create table surprise ()")
        await run_one(work, statement)

    monkeypatch.setattr(apply_module, "_run", meanwhile)
    error = await hands.refused(hands.apply(a))
    assert error.reason == "unproved"
    assert "table public.surprise" in str(error)
    found = {c.id.name for c in compare(before, await seen(a)).changes}
    assert found == {"public.surprise"}


async def test_an_unproved_plan_is_refused_unless_it_is_named(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    await hands.plan(a, b, proved=False)
    error = await hands.refused(hands.apply(a))
    assert error.reason == "unproved"
    prefix = planfile.read(hands.folder)[0].binding[:12]
    assert prefix in str(error)
    assert (await hands.refused(hands.apply(a, unproved="0" * 12))).reason == "unproved"
    assert (await hands.refused(hands.apply(a, unproved=prefix[:1]))).reason == "unproved"
    await hands.apply(a, unproved=prefix)


async def test_two_are_never_at_work_at_once(make_database: MakeDatabase, hands: Hands) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    await hands.plan(a, b)
    place = place_of(a, None, None, hands.config)
    async with work.working(place, work.Limits(1.0, 60.0), "other") as other:
        await hold(other)
        error = await hands.refused(hands.apply(a))
    assert error.reason == "busy"
    assert "pgdrift other" in str(error)
    await hands.apply(a)


@asynccontextmanager
async def held(
    dsn: str, table: str = "account", mode: str = "access share"
) -> AsyncIterator[asyncpg.Connection]:
    async with session(dsn) as other, other.transaction():
        await other.execute(f"set application_name = 'busy'; lock table {table} in {mode} mode")
        yield other


async def test_a_lock_that_is_held_is_waited_for_and_named(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    await hands.plan(a, b)
    async with held(a):
        tried = await hands.rehearse(a)
        assert "(busy, idle in transaction) holds AccessShareLock on public.account" in tried
        error = await hands.refused(hands.apply(a, backs_up=False))
        assert (error.reason, "nothing was changed" in str(error)) == ("busy", True)
        assert "failed" in hands.states
        assert not compare(before, await seen(a)).changes
        patient = asyncio.create_task(hands.apply(a, backs_up=False, tries=20))
        await until(lambda: any("waits:" in line for line in hands.said), lambda: hands.said)
        assert any("(busy, idle in transaction)" in line for line in hands.said)
    await patient
    assert set(hands.states) == {"done"}


async def test_a_rehearsal_says_which_rows_and_rights_stand_against_it(
    make_database: MakeDatabase, make_role: MakeRole, hands: Hands
) -> None:
    a, b = (
        await make_database(sql=A),
        await make_database(
            sql=A + "truncate account; create unique index one_note on account (note);"
            "alter table account add constraint short check (length(owner) < 5),"
            " alter note set not null"
        ),
    )
    before = await seen(a)
    await hands.plan(a, b)
    await run_sql(a, "insert into account values (101, null, 'n1'), (102, 'o9102', null)")
    tried = await hands.rehearse(a)
    assert "Key (note)=(n1) is duplicated" in tried
    assert 'check constraint "short" of relation "account" is violated by some row' in tried
    assert 'column "note" of relation "account" contains null values' in tried
    assert "3 refused" in tried
    reader = await make_role(a)
    tried = await hands.rehearse(reader)
    assert "must be owner of table account" in tried
    assert (await hands.refused(hands.apply(reader))).reason == "permission"
    assert not compare(before, await seen(a)).changes


async def test_what_cannot_run_in_a_transaction_is_listed_and_not_rehearsed(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=ONLINE)
    await hands.plan(a, b, online=True)
    tried = await hands.rehearse(a)
    assert tried.count("not run: cannot run in a transaction") == 2
    assert "what was run leads to what the plan says" in tried


async def test_it_stops_at_the_first_failure_says_what_is_done_and_goes_on(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=ONLINE)
    before = await seen(a)
    await hands.plan(a, b, online=True)
    await run_sql(a, "insert into account values (101, '', null)")
    error = await hands.refused(hands.apply(a))
    assert error.reason == "stopped"
    assert 'check constraint "owned" of relation "account" is violated by some row' in str(error)
    states = hands.states
    assert states == ["done"] * states.index("failed") + ["failed"] + ["pending"] * (
        len(states) - states.index("failed") - 1
    )
    failed = states.index("failed")
    assert f"done: statements 1 to {failed}" in str(error).replace(
        "statements 1;", "statements 1 to 1;"
    )
    assert "--resume" in str(error)
    assert (await hands.refused(hands.apply(a))).reason == "occupied"
    assert (await hands.refused(hands.roll_back(a))).reason == "occupied"

    # The way back that the message names leads back.
    copy = await make_database(template=a.rpartition("/")[2])
    back = Hands(hands.folder.parent / "back", hands.config)
    await back.plan(copy, str(hands.folder / "target.json"))
    await back.apply(copy)
    assert not compare(before, await seen(copy)).changes

    await run_sql(a, "delete from account where id = 101")
    await hands.apply(a, resume=True)
    assert set(hands.states) == {"done"}
    assert (await hands.refused(hands.apply(a, resume=True))).reason == "absent"
    await hands.roll_back(a)
    assert not compare(before, await seen(a)).changes


async def test_what_was_done_by_hand_meanwhile_is_skipped_and_nothing_else_is(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=ONLINE)
    before, after = await seen(a), await seen(b)
    await hands.plan(a, b, online=True)
    await run_sql(a, "insert into account values (101, '', null)")
    assert (await hands.refused(hands.apply(a))).reason == "stopped"
    missing = [i for i in ("account_owner", "account_note") if not await _is_there(a, i)]
    assert missing, "nothing is left to be done by hand"
    await run_sql(a, "delete from account where id = 101")
    # Done otherwise than the plan says, it is no part of it.
    await run_sql(a, f"create index {missing[0]} on account (id)")
    error = await hands.refused(hands.apply(a, resume=True))
    assert (error.reason, missing[0] in str(error)) == ("moved", True)
    assert "skipped" not in hands.states
    column = missing[0].removeprefix("account_")
    await run_sql(a, f"drop index {missing[0]}; create index {missing[0]} on account ({column})")
    await hands.apply(a, resume=True)
    assert Counter(hands.states)["skipped"] == 1
    assert set(hands.states) == {"done", "skipped"}
    assert any("skipped, it is as wanted already" in line for line in hands.said)
    assert not told_alike(await seen(a), after)
    await hands.roll_back(a)
    assert not compare(before, await seen(a)).changes


async def _is_there(dsn: str, name: str) -> bool:
    return await value(dsn, f"select to_regclass('public.{name}')") is not None


async def test_an_index_that_was_left_by_half_is_taken_away(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = (
        await make_database(sql=A),
        await make_database(sql=A + "create unique index one_note on account (note)"),
    )
    before = await seen(a)
    await hands.plan(a, b, online=True)
    await run_sql(a, "insert into account values (101, null, 'n1')")
    error = await hands.refused(hands.apply(a))
    assert "Key (note)=(n1) is duplicated" in str(error)
    assert hands.states == ["failed"]
    assert not compare(before, await seen(a)).changes
    await run_sql(a, "delete from account where id = 101")
    await hands.apply(a)
    assert await value(a, "select indisvalid from pg_index where indexrelid = 'one_note'::regclass")


async def test_a_lost_connection_is_reported_as_what_it_is(
    make_database: MakeDatabase, server: EmbeddedServer, proxy: Proxy, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    before = await seen(a)
    way = through(a, await proxy.start(server.port))
    await hands.plan(a, b)
    async with held(a):
        running = asyncio.create_task(
            hands.apply(way, backs_up=False, limits=work.Limits(60.0, 60.0))
        )
        waits = "select count(*) from pg_locks where not granted"
        await until(lambda: value(a, waits), "nobody waits")
        await proxy.turn("reset")
        error = await hands.refused(running)
    assert error.reason == "interrupted"
    assert "its server undoes transaction 1" in str(error)
    assert "nothing was changed" in str(error)
    assert set(hands.states) == {"pending"}
    await proxy.turn("open")
    await _once_free(lambda: hands.apply(way, backs_up=False, resume=True))
    assert set(hands.states) == {"done"}
    await hands.roll_back(way)
    assert not compare(before, await seen(a)).changes


async def test_a_full_disk_while_rows_are_backed_up_changes_nothing(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    await run_sql(
        a,
        "update account set note = (select string_agg(md5(n::text || id), '') from generate_series(1, 100) n)",
    )
    before = await seen(a)
    await hands.plan(a, b)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limit[1]))
    try:
        error = await hands.refused(hands.apply(a))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "public.account could not be backed up" in str(error)
    assert "nothing was changed" in str(error)
    assert not list(hands.folder.glob("applied/*"))
    assert not compare(before, await seen(a)).changes
    await hands.apply(a)
    (dump,) = hands.folder.glob("applied/*.dump")
    assert dump.stat().st_size > 8192


async def test_a_backup_brings_back_what_the_way_back_cannot(
    make_database: MakeDatabase, server: EmbeddedServer, hands: Hands
) -> None:
    a = await make_database(
        sql="create table gone (id int, x text); insert into gone values (1, 'one')"
    )
    b = await make_database(sql="create table other ()")
    await hands.plan(a, b)
    await hands.apply(a)
    await hands.roll_back(a)
    assert await value(a, "select count(*) from gone") == 0
    dump = max(hands.folder.glob("applied/backup-up-*.dump"))
    subprocess.run(
        [server.bin / "pg_restore", "--data-only", "-d", a, dump], check=True, timeout=60
    )
    assert await value(a, "select x from gone where id = 1") == "one"


async def test_where_our_ledger_is_it_has_a_row_and_the_next_migration_nothing_of_it(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=ONLINE)
    async with target(a) as place:
        await install(place, LEDGER, dry_run=False)
    await hands.plan(a, b, online=True)
    await hands.apply(a)
    async with session(a) as opened:
        (row,) = await opened.fetch(
            "select * from gitversion.migrations where version like 'reconcile_%'"
        )
        assert row["version"].endswith(planfile.read(hands.folder)[0].binding[:8])
        assert (row["description"], row["applied_by"]) == ("ticket 7", "postgres")
        assert "CREATE INDEX CONCURRENTLY" in row["up_script"]
        assert "DROP INDEX CONCURRENTLY" in row["down_script"]
        assert row["applied_at"] is not None
        next_one = await opened.fetchval("select gitversion.generate_migration('next')")
        script = await opened.fetchval(
            "select up_script from gitversion.migrations where version = $1", next_one
        )
    assert "nothing was recorded" in script
    await hands.roll_back(a)
    assert (
        await value(a, "select count(*) from gitversion.migrations where version like '%_back'")
        == 1
    )


async def test_an_environment_is_declared_right_and_its_timeline_says_who_and_why(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    data = yaml.safe_load(hands.config.read_text())
    data["environments"] = {"production": {"dsn": a, "protected": True}, "staging": {"dsn": b}}
    hands.config.write_text(yaml.safe_dump(data))
    await pgdrift_sync(hands)
    await hands.plan("production", "staging")
    said = await pgdrift(
        *("apply", hands.folder, "--on", "production", "--reason", "x", "-c", hands.config)
    )
    assert (said.code, "production is protected" in said.err) == (3, True)
    said = await pgdrift(*("rehearse", hands.folder, "--on", "production", "-c", hands.config))
    assert (said.code, "say --protected" in said.err) == (3, True)
    await hands.apply("production")
    assert any(line.startswith("sync point 2 of production") for line in hands.said)
    async with open_store(f"sqlite:///{hands.config.parent}/store.db") as store:
        events = await store.timeline("production")
    (applied,) = [e for e in events if e.verb == "applied"]
    assert "ann: plan" in applied.text
    assert "approved by bob: ticket 7" in applied.text
    said = await pgdrift("check", "-c", hands.config)
    assert said.code == 0, said


async def pgdrift_sync(hands: Hands) -> None:
    said = await pgdrift("sync", "production", "--reason", "first", "-c", hands.config)
    assert said.code == 0, said


# Each way that a plan has to be done: in a transaction, in one of its own, in none.
SHORT = """
create table account (id int primary key, owner varchar(20), note text,
    constraint owned check (owner <> ''));
create index account_owner on account (owner);
create view owners as select id, owner from account;
grant select on owners to public;
create table log (what text);
"""


# Some thirty plans run three times over: on a machine that is shared, that takes its time.
@pytest.mark.timeout(1800)
async def test_killed_at_any_point_it_is_recognised_goes_on_and_can_be_taken_back(
    make_database: MakeDatabase, hands: Hands
) -> None:
    """kill -9 before, while and after every statement, COMMIT and line of the record."""
    a, b = await make_database(sql=A), await make_database(sql=SHORT)
    before, after = await seen(a), await seen(b)
    await hands.plan(a, b, online=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reconcile.dying"])
    turn, found = asyncio.Semaphore(4), Counter[str]()

    async def die(point: int) -> tuple[str, int | None]:
        copy = await make_database(template=a.rpartition("/")[2])
        process = context.Process(target=die_at, args=(point, hands.folder, hands.config, copy))
        process.start()
        await asyncio.to_thread(process.join)
        return copy, process.exitcode

    async def at(point: int) -> None:
        async with turn:
            copy, code = await die(point)
            assert code == -signal.SIGKILL, point
            run = work.journal_of(hands.folder, place_of(copy, None, None, hands.config)).run()
            assert run is not None
            doubt = run.open is not None
            found["ended" if run.ended else "open" if doubt else "between"] += 1
            if not run.ended:
                await _once_free(lambda: hands.apply(copy, resume=True))
            assert not told_alike(await seen(copy), after), point
            assert await value(copy, "select count(*) from account where owner = 'o' || id") == 100
            if point % 5 == 0:
                await _once_free(lambda: hands.roll_back(copy))
                assert not compare(before, await seen(copy)).changes, point

    _, points = await die(0)
    statements = planfile.read(hands.folder)[0].up.statements
    assert points is not None
    assert (len(statements) >= 4, points > 6 * len(statements)) == (True, True), points
    await asyncio.gather(*map(at, range(1, points + 1)))
    assert min(found["ended"], found["open"], found["between"]) > 0, found


async def _once_free(do: Callable[[], Awaitable[None]]) -> None:
    """Do it once the session of who was killed is gone: until then, all are refused."""
    while True:
        try:
            return await do()
        except ReconcileError as error:
            if error.reason != "busy":
                raise
            await asyncio.sleep(0.05)


def told_alike(one: Snapshot, other: Snapshot) -> Any:
    return compare(normalise(one, Options()), normalise(other, Options())).changes
