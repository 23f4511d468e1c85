"""A running daemon and plans: made for its incidents, run under its eyes, cut off, taken up again."""

from __future__ import annotations

import filecmp
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.hatched import Hatched, hatch
from tests.daemon.house import Daemon, House, Json, all_text, clean_environment, until

pytestmark = pytest.mark.db

MARIA = "U0MARIA"
NAME = 'a"<b>`*x*`'
BASE = """
create table account (id int primary key, owner text);
insert into account select n, 'o' || n from generate_series(1, 100) n;
"""


async def plan_of(daemon: Daemon, environment: str, against: str) -> Json:
    """Return the incident that has a plan, once it has one."""

    async def made() -> Json | None:
        found = (await daemon.environment(environment)).get("incidents", [])
        return next((i for i in found if i["against"] == against and i["plan"]), None)

    incident: Json = await until(made, lambda: daemon.said)
    return incident


async def test_an_incident_has_its_plan_made_and_not_applied(  # noqa: PLR0915 - one story
    house: House, make_database: MakeDatabase, execute: Execute, tmp_path: Path
) -> None:
    staging, production = await make_database(sql=BASE), await make_database(sql=BASE)
    house.watch("staging", staging)
    house.watch("production", production, follows="staging", protected=True)
    house.data["defaults"]["plans"] = "auto"
    house.data["web"]["public_url"] = "https://pgdrift.example.org"
    (house.folder / "app").write_text(house.slack.app_token)
    channel = house.data["alerts"]["channels"]["oncall"]
    channel |= {"app_token_file": str(house.folder / "app"), "actors": [MARIA]}
    house.tell("oncall", "dba")
    daemon = await (await house.start()).watching()
    await daemon.look_again("production")

    quoted = '"' + NAME.replace('"', '""') + '"'
    await execute(production, f"create table {quoted} (id int, secret text default 'hunter2')")
    incident = await plan_of(daemon, "production", "staging")
    root = await until(
        lambda: next((m for m in house.roots() if incident["id"] in all_text(m)), None), house.told
    )

    # The page of the incident leads to the plan, which shows what it would do; nothing was done.
    status, page = await daemon.get(f"/incidents/{incident['id']}/plan")
    assert (status, "Make production as staging" in page) == (200, True), page
    assert "drop table" in page
    assert "loses" in page
    assert "a&#34;&#34;&lt;b&gt;" in page
    assert 'a""<b>' not in page
    _, own = await daemon.get("/environments/production")
    assert f"../plans/{incident['plan']}" in own
    # In Slack whoever asks is shown it, and nobody else.
    await until(house.slack.sockets.connected.is_set, house.told)
    await house.slack.click(MARIA, root["ts"], "plan")
    shown = await until(lambda: house.slack.private, house.told)
    said = json.dumps(shown[-1]["blocks"], ensure_ascii=False)
    assert f"pgdrift plans export {incident['plan']}" in said
    assert "1 × drop table" in said
    assert "*x*`" not in said
    # And the mail says where it will be.
    mails = await until(lambda: house.mail.mails, house.told)
    where = f"https://pgdrift.example.org/incidents/{incident['id']}/plan"
    assert any(where in m.get_body(("plain",)).get_content() for m in mails), mails[0]

    # It is a plan as any other: exported twice, byte for byte the same, and it can be proved.
    first, second = tmp_path / "one", tmp_path / "two"
    for folder in (first, second):
        out = await house.pgdrift("plans", "export", incident["plan"], "--to", folder)
        assert out.code == 0, out
    names = sorted(p.name for p in first.iterdir())
    assert "plan.yaml" in names
    assert filecmp.cmpfiles(first, second, names, shallow=False)[0] == names
    listed = await house.pgdrift("plans", "-f", "json")
    (row,) = [r for r in listed.json()["plans"] if r["id"] == incident["plan"]]
    assert row["kept"]["by"] == "pgdrift"
    assert row["kept"]["incident"] == incident["id"]

    # More was found: it is planned anew, and one is to be taken.
    await execute(production, "create index later on account (owner)")

    async def anew() -> bool:
        now = await plan_of(daemon, "production", "staging")
        return bool(now["plan"] != incident["plan"])

    await until(anew, lambda: daemon.said)
    listed = await house.pgdrift("plans", "-f", "json")
    mine = [r for r in listed.json()["plans"] if r["kept"]["incident"] == incident["id"]]
    assert len(mine) == 1
    assert (await daemon.get(f"/plans/{incident['plan']}"))[0] == 404
    assert (await daemon.metric("pgdrift_plans_made_total", "made") or 0) >= 2
    # What mends it for the own sync point leads to what is expected.
    against_sync = await plan_of(daemon, "production", "sync")
    _, page = await daemon.get(f"/plans/{against_sync['plan']}")
    assert "production@expected" in page
    await daemon.end()


def _key(row: Json) -> str:
    return f"{row['object_type']}:{'.'.join(row['object_path'])}"


# What Python runs first wherever it finds it: no plan can be made of anything any more.
BROKEN = """
from pgdrift.core.plan import making

def make_plan(*_, **__):
    raise RuntimeError("a fault of postgresql://eve:hunter2@db/app")

making.make_plan = make_plan
"""


async def test_a_plan_for_an_incident_is_of_what_that_tells_and_one_that_fails_says_so(
    house: House, make_database: MakeDatabase, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = house.folder / "faults"
    faults.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(faults))
    production = await make_database(sql=BASE + "create index tmp_kept on account (owner);")
    house.watch("production", production, protected=True)
    house.data["defaults"]["plans"] = "auto"
    house.data["compare"] = {
        "ignore": [
            {"object": "index:public.tmp_*", "reason": "for the audit"},
            {
                "object": "column:public.account.*",
                "attributes": ["statistics"],
                "reason": "by hand",
            },
        ]
    }
    daemon = await (await house.start()).watching()
    await execute(
        production,
        "drop index tmp_kept; create index tmp_new on account (id, owner);"
        "alter table account alter owner type varchar(20), alter owner set statistics 500;"
        "create table hotfix (id int)",
    )
    incident = await plan_of(daemon, "production", "sync")

    shown = await house.pgdrift("plans", "show", incident["plan"], "-f", "json")
    plan = shown.json()
    assert {_key(s) for s in plan["up"]["statements"]} == {
        "table:public.hotfix",
        "column:public.account.owner",
    }, shown
    assert not any("STATISTICS" in s["sql"] for s in plan["up"]["statements"])
    assert {(_key(left), *left.get("attributes", ())) for left in plan["not_chosen"]} == {
        ("index:public.tmp_new",),
        ("index:public.tmp_kept",),
        ("column:public.account.owner", "statistics"),
    }
    status, page = await daemon.get(f"/incidents/{incident['id']}/plan")
    assert (status, "production@expected, in part" in page) == (200, True), page
    assert await daemon.metric("pgdrift_plans_made_total", "made") == 1

    # A process that ends in a fault of its own exits as one that has planned all.
    (faults / "sitecustomize.py").write_text(BROKEN)
    await execute(production, "create table later (id int)")
    await until(lambda: daemon.events("ready.plan")[1:], lambda: daemon.said)
    told = daemon.events("ready.plan")[1]
    assert (told["level"], told["outcome"]) == ("warning", "failed"), told
    assert "RuntimeError: a fault of" in told["said"]
    assert "hunter2" not in daemon.said
    assert await daemon.metric("pgdrift_plans_made_total", "made") == 1
    assert await daemon.metric("pgdrift_plans_made_total", "failed") == 1
    _, page = await daemon.get(f"/plans/{incident['plan']}")
    assert "more was found since it was made, and RuntimeError" in page
    await daemon.end()


async def test_a_plan_is_run_under_the_eyes_of_the_daemon(  # noqa: PLR0915 - one story
    house: House,
    make_database: MakeDatabase,
    make_role: MakeRole,
    execute: Execute,
    tmp_path: Path,
) -> None:
    """Held while it runs, also when it is killed; explained as that plan's; watched closely after."""
    staging = await make_database(
        sql=BASE + "create index account_owner on account (owner);"
        "alter table account add born date;"
    )
    production = await make_database(sql=BASE)
    house.watch("staging", staging)
    watcher = await make_role(production)
    house.watch("production", watcher, follows="staging", interval="2s")
    owner = tmp_path / "owner"
    owner.write_text(production)
    daemon = await (await house.start()).watching()
    folder = tmp_path / "plans" / "1"
    made = await house.pgdrift("plan", "production", "staging", "--online", "-o", folder, "--keep")
    assert made.code == 1, made
    listed = await house.pgdrift("plans")
    assert "2 statements pending" in listed.out, listed
    told = len(house.slack.messages)

    row, in_folder = (await house.pgdrift("plans", "-f", "json")).json()["plans"]
    assert (row["id"], bool(row["kept"])) == (in_folder["id"], True)
    words = ["apply", str(folder), "--on", "production", "--dsn-file", str(owner), "--no-sync"]
    words += ["--reason", "ticket 7", "--actor", "bob", "--approved-by", "eve"]
    words += ["--lock-timeout", "600", "--unproved", row["fingerprint"]]

    # The column is there at once; an index that is built CONCURRENTLY waits for older snapshots.
    async with _old_snapshot(production):
        running = await _start(house, *words)
        try:
            standing = await until(lambda: _at_work(daemon), lambda: daemon.said)
            assert "by bob, approved by eve: ticket 7" in standing["at_work"]
            assert await daemon.metric("pgdrift_plan_in_flight", "production") == 1
            _, page = await daemon.get("/environments/production")
            assert "A plan is being run here" in page
            await until(lambda: _states(folder, "done"), "nothing was done")
            await daemon.look_again("production")
            assert (await daemon.environment("production"))["at_work"]
        finally:
            running.kill()
            await running.wait()

    # Cut off: that is said, and what was done is no drift of anybody's.
    async def cut_off() -> bool:
        notes = (await daemon.environment("production")).get("notes", [])
        return any("cut off" in note and "--resume" in note for note in notes)

    await until(cut_off, lambda: daemon.said)
    assert await daemon.findings(environment="production", against="sync") == []
    log = await house.pgdrift("log", "production", "-f", "json")
    events = log.json()["events"]
    changed = {e["subject"]: e for e in events if e["verb"] == "changed"}
    assert set(changed) == {"column:public.account.born", "index:public.account_owner"}
    for event in changed.values():
        blame = event["blame"]
        assert (event["origin"], blame["confidence"], blame["who"]) == ("migration", "exact", "bob")
        assert "ticket 7" in blame["migration"]
    assert [e["verb"] for e in events if e["verb"] in {"began", "applied"}] == ["began"]

    resumed = await house.pgdrift(*words, "--resume")
    assert resumed.code == 0, resumed

    async def in_sync() -> bool:
        now = await daemon.environment("production")
        close = any("watched closely until" in note for note in now["notes"])
        return close and now["outcome"] == "in_sync" and not now["at_work"]

    await until(in_sync, lambda: daemon.said)
    assert await daemon.metric("pgdrift_plan_in_flight", "production") == 0
    events = (await house.pgdrift("log", "production", "-f", "json")).json()["events"]
    assert [e["verb"] for e in events if e["verb"] in {"began", "applied"}] == [
        "applied",
        "began",
        "began",
    ]
    # What was said meanwhile is that production waited for staging, and then that it does no more.
    assert not [m for m in house.slack.messages[told:] if "by nobody" in all_text(m)]
    for row in (await house.pgdrift("plans", "-f", "json")).json()["plans"]:
        (place,) = row["places"]
        assert (place["ended"], place["by"]) == (True, "bob")
        assert [s["state"] for s in place["statements"]] == ["done", "done"]
    await daemon.end()


async def _at_work(daemon: Daemon) -> Json | None:
    now = await daemon.environment("production")
    return now if now.get("at_work") else None


def _states(folder: Path, wanted: str) -> bool:
    lines = [line for f in folder.glob("applied/*.jsonl") for line in f.read_text().splitlines()]
    return any(json.loads(line)["event"] == wanted for line in lines)


@asynccontextmanager
async def _old_snapshot(dsn: str) -> AsyncIterator[None]:
    session = await asyncpg.connect(dsn)
    try:
        async with session.transaction(isolation="repeatable_read", readonly=True):
            await session.execute("select count(*) from pg_am")
            yield
    finally:
        await session.close()


async def _start(house: House, *words: str) -> Hatched:
    log = house.folder / "apply.log"
    program = ["-m", "pgdrift", *words, "--config", str(house.write())]
    with log.open("wb") as out:
        return await hatch(program, out, out, env=clean_environment(), cwd=house.folder)
