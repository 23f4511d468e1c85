"""What explains a change, who moved, and what a sync point declares: seen from the outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, House, all_text, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key);"
LEDGER = (Path(__file__).parents[1] / "sources" / "ledger_core.sql").read_text(encoding="utf-8")
FLYWAY = """
create table flyway_schema_history (
    installed_rank int primary key, version varchar(50), description varchar(200), type varchar(20),
    script varchar(1000), checksum int, installed_by varchar(100),
    installed_on timestamp default now(), execution_time int, success boolean
);
insert into flyway_schema_history values (1, '1', 'init', 'SQL', 'V1.sql', 1, 'u', now(), 1, true);
"""
ALEMBIC = """
create table alembic_version (version_num varchar(32) primary key);
insert into alembic_version values ('a1');
"""
BY_TOOL = {
    "gitversion": """insert into gitversion.migrations (version, up_script, checksum, applied_at)
        values ('2', '…', 'c', now())""",
    "flyway": """insert into flyway_schema_history
        values (2, '2', 'more', 'SQL', 'V2.sql', 2, 'u', now(), 1, true)""",
    "alembic": "update alembic_version set version_num = 'b2'",
}


async def moved(daemon: Daemon, name: str, origin: str, count: int = 1) -> None:
    """Return once so many changes of this origin were seen."""

    async def seen() -> bool:
        return (await daemon.metric("pgdrift_schema_changes_total", name, origin) or 0) >= count

    await until(seen, lambda: daemon.said)


@pytest.mark.parametrize(
    ("tool", "sql"), [("gitversion", LEDGER), ("flyway", FLYWAY), ("alembic", ALEMBIC)]
)
async def test_a_migration_is_no_drift_and_what_nobody_recorded_is(
    house: House, database: str, execute: Execute, tool: str, sql: str
) -> None:
    await execute(database, sql + TABLE)
    house.watch("production", database)
    daemon = await (await house.start()).watching()

    migrate = f"begin; alter table account add column planned int; {BY_TOOL[tool]}; commit"
    await execute(database, migrate)
    await moved(daemon, "production", "migration")
    await daemon.look_again("production")
    assert await daemon.findings() == []
    assert house.deliveries() == []

    await execute(database, "alter table account add column hotfix int")
    root = await house.root("hotfix")
    assert "planned" not in all_text(root)
    (finding,) = await daemon.findings(against="sync")
    assert finding["name"] == "public.account.hotfix"
    assert finding["origin"] == ("tracked" if tool == "gitversion" else "untracked")
    assert finding["severity"] == "warning"

    await execute(database, migrate.replace("planned", "another").replace("'2'", "'3'")
        .replace("b2", "c3").replace("(2,", "(3,"))  # fmt: skip
    await moved(daemon, "production", "migration", 2)
    await daemon.look_again("production")
    assert [f["name"] for f in await daemon.findings()] == ["public.account.hotfix"]
    assert house.slack.replies(root["ts"]) == [], "a migration launders no drift"
    await daemon.end()


async def test_what_the_ledger_names_is_no_drift_and_who_did_it_is_known(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, LEDGER + TABLE)
    house.watch("tracked", database, explained_by=["migration", "tracked"])
    house.watch("strict", database, ledger="gitversion")
    daemon = await (await house.start()).watching()
    await execute(database, "alter table account add column hotfix int")
    await moved(daemon, "tracked", "tracked")
    await house.root("strict has drifted")
    (finding,) = await daemon.findings()
    assert finding["environment"] == "strict"
    assert finding["blame"]["who"] == "postgres"
    assert finding["blame"]["confidence"] == "exact"
    await daemon.end()


async def test_a_sync_point_declares_the_present_right(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    await execute(database, "alter table account add column hotfix int")
    root = await house.root("hotfix")
    before = await daemon.metric("pgdrift_sync_point_timestamp_seconds", "production")
    assert before

    said = await house.pgdrift(
        "sync", "production", "--reason", "CHG-7 <!channel>", "--actor", "dba"
    )
    assert said.code == 0, said
    await until(lambda: house.slack.replies(root["ts"]), house.told)
    await house.all_told(2)
    assert "is in sync with its sync point again" in root["text"]
    assert await daemon.findings() == []
    after = await daemon.metric("pgdrift_sync_point_timestamp_seconds", "production")
    assert after
    assert after > before
    point = (await daemon.environment("production"))["sync_point"]
    assert (point["reason"], point["actor"]) == ("CHG-7 <!channel>", "dba")
    assert "<!channel>" not in (await daemon.get("/environments/production"))[1]

    await execute(database, "alter table account drop column hotfix")
    (again,) = await until(lambda: house.slack.replies(root["ts"])[1:], house.told)
    assert "opened again" in again["text"]
    assert house.roots() == [root], "the same object, soon after: the same conversation"
    await daemon.end()


async def directions(daemon: Daemon, environment: str, against: str) -> dict[str, tuple[str, str]]:
    """Return direction and severity of what was found, by name."""
    found = await daemon.findings(environment=environment)
    return {
        f["name"].removeprefix("public.account."): (f["direction"], f["severity"])
        for f in found
        if f["against"] == against
    }


async def test_who_moved_is_seen_along_the_chain(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    names = ("development", "staging", "production")
    dsn = {name: await make_database(sql=TABLE) for name in names}
    house.watch("development", dsn["development"])
    house.watch("staging", dsn["staging"], follows="development")
    house.watch("production", dsn["production"], follows="staging", protected=True)
    daemon = await (await house.start()).watching()
    await until(lambda: _in_sync(daemon, *names[1:]), lambda: daemon.said)

    async def expect(found: dict[str, tuple[str, str]], environment: str, against: str) -> None:
        async def so() -> bool:
            return await directions(daemon, environment, against) == found

        await until(so, lambda: f"{house.told()} {found}")

    add = "alter table account add column {}"
    await execute(dsn["development"], add.format("feature int"))
    await expect({"feature": ("behind", "info")}, "staging", "development")
    await expect({}, "production", "staging")
    behind = await house.root("staging is behind development")
    assert "upstream: untracked, between " in all_text(behind), "who changed development, and when"

    await execute(dsn["production"], add.format("hotfix int"))
    await expect({"hotfix": ("ahead", "critical")}, "production", "staging")
    root = await house.root("production is ahead of staging")
    assert root["text"].startswith("🔴")

    await execute(dsn["staging"], add.format("feature text"))
    await expect({"feature": ("diverged", "warning")}, "staging", "development")
    await expect(
        {"feature": ("behind", "info"), "hotfix": ("ahead", "critical")}, "production", "staging"
    )

    await execute(dsn["staging"], "alter table account drop column feature")
    await execute(dsn["staging"], add.format("feature int"))
    await expect({}, "staging", "development")
    await execute(dsn["production"], "alter table account drop column hotfix")
    await execute(dsn["production"], add.format("feature int"))
    await expect({}, "production", "staging")
    assert await daemon.metric("pgdrift_in_sync", "staging", "production") == 1
    await daemon.end()


async def _in_sync(daemon: Daemon, *names: str) -> bool:
    """Tell whether environments that follow another one are in sync with all."""
    found = [await daemon.environment(name) for name in names]
    outcomes = [[a["outcome"] for a in one["against"]] for one in found]
    return all(o == ["in_sync", "in_sync"] for o in outcomes)


async def test_what_waits_too_long_for_promotion_is_late_and_told_as_worse(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    upstream = await make_database(sql=TABLE)
    house.watch("development", upstream)
    house.watch(
        "staging", await make_database(sql=TABLE), follows="development", promotion_lag="1500ms"
    )
    daemon = await (await house.start()).watching()
    await until(lambda: _in_sync(daemon, "staging"), lambda: daemon.said)
    await execute(upstream, "alter table account add column feature int")
    root = await house.root("staging is behind development")
    # What it said when it was new stands in its first version.
    first = root["edits"][0]["text"] if root["edits"] else root["text"]
    assert first.startswith("🔵")

    await until(lambda: root["text"].startswith("🟠"), house.told)
    (reply,) = await until(lambda: house.slack.replies(root["ts"]), house.told)
    assert "worse" in reply["text"]
    (finding,) = await daemon.findings(environment="staging")
    assert (finding["late"], finding["severity"]) == (True, "warning")
    assert "overdue for promotion" in all_text(root)
    await daemon.end()


async def test_an_environment_can_follow_a_snapshot_file(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    release = house.folder / "release.json"
    said = await house.pgdrift("snapshot", "production", "-o", str(release))
    assert said.code == 0, said
    house.watch("production", database, follows=str(release))
    daemon = await (await house.start()).watching()
    await until(lambda: _in_sync(daemon, "production"), lambda: daemon.said)
    await execute(database, "alter table account add column hotfix int")
    await house.root("production is ahead of")
    found = await directions(daemon, "production", str(release))
    assert found == {"hotfix": ("ahead", "warning")}
    await daemon.end()


async def test_how_histories_differ_is_shown_where_people_look(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    a, b = [await make_database(sql=FLYWAY + TABLE) for _ in range(2)]
    row = (
        "insert into flyway_schema_history values ({}, '{}', '', 'SQL', 'V', {}, 'u', now(), 1, {})"
    )
    await execute(a, row.format(2, 2, 20, "true") + ";" + row.format(3, 3, 30, "true"))
    await execute(b, row.format(2, 2, 21, "true") + ";" + row.format(3, 9, 90, "false"))

    said = await house.pgdrift("diff", a, b)
    assert said.code == 0, "the schemas are equal"
    assert "migrations of B, with A upstream: 1 edited, 1 missing" in said.out
    assert "migration 2 of flyway in public.flyway_schema_history is another" in said.out
    said = await house.pgdrift("check", a, b, "--format", "json")
    assert said.code == 1
    # What failed is a matter of the own past, which connection URLs have none of.
    assert [f["name"] for f in said.json()["findings"]] == ['public.flyway_schema_history."2"']
    (upstream,) = [
        against
        for environment in said.json()["environments"]
        for against in environment["against"]
        if against["migrations_missing"] is not None
    ]
    assert upstream["migrations_missing"] == 1
    assert [(f["version"], f["state"]) for f in upstream["histories"]] == [
        ("2", "edited"),
        ("3", "missing"),
    ]
