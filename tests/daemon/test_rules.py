"""The operator's rules as a shell and a running daemon see them: ignore, severity, names, presets."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import House, until

pytestmark = pytest.mark.db

BEFORE = """
create table orders (id int primary key, note text);
create function f() returns int language sql cost 10 as 'select 1';
"""
AFTER = """
create table orders (id int primary key, note text);
create index tmp_note on orders (note);
create function f() returns int language sql cost 20 as 'select 1';
create table "odd [*] name" (id int);
"""


@pytest.fixture
async def pair(house: House, make_database: MakeDatabase) -> tuple[House, str]:
    """Staging, and production, which has more."""
    house.watch("staging", await make_database(sql=BEFORE))
    dsn = await make_database(sql=AFTER)
    house.watch("production", dsn, follows="staging", protected=True)
    return house, dsn


def rules_of(text: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = yaml.safe_load(text)["ignore"]
    return found


async def test_what_is_found_becomes_rules_in_a_file_and_only_that(
    pair: tuple[House, str], execute: Execute
) -> None:
    house, dsn = pair
    file = house.folder / "ignore.yaml"
    file.write_text(
        "# by hand, and kept\nignore:\n- object: view:x  # why not\n  reason: mine\n",
        encoding="utf-8",
    )
    file.chmod(0o640)
    house.data["compare"] = {"ignore_file": str(file)}
    before = await house.pgdrift("check", "--format", "json")
    assert before.code == 1
    (unmatched,) = before.json()["ignore_rules"]
    assert (unmatched["object"], unmatched["state"]) == ("view:x", "unmatched")

    options = ("--from-findings", "--reason", "as it was found: [1]", "--until", "2999-12-31")
    made = await house.pgdrift("ignore", "production", *options)
    assert (made.code, made.err) == (0, ""), made
    assert f"3 rules added to {file}" in made.out
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# by hand, and kept\nignore:\n- object: view:x  # why not\n")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in house.folder.glob(".ignore*")] == []
    _, function, index, table = rules_of(text)
    assert function["object"] == "function:public.f()"
    assert function["attributes"] == ["cost"]
    assert "attributes" not in index
    assert table["object"] == 'table:public."odd [[][*]] name"'
    assert {str(r["until"]) for r in (function, index, table)} == {"2999-12-31"}
    assert all(r["environments"] == ["production"] for r in (function, index, table))

    after, again, shown = (
        await house.pgdrift("check"),
        await house.pgdrift("ignore", *options),
        await house.pgdrift("config", "show"),
    )
    assert after.code == 0, after
    assert "against staging: in sync, 3 ignored" in after.out
    assert "the ignore rule view:x leaves out nothing" in after.out
    assert "nothing is found" in again.out
    assert file.read_text(encoding="utf-8") == text
    assert "view:x" in shown.out

    # Another attribute of what is ignored, and another object of a name that is alike.
    await execute(dsn, 'alter function f() volatile security definer; create table "odd [ name" ()')
    found = (await house.pgdrift("check", "--format", "json")).json()["findings"]
    assert {(f["name"], *f["attributes"]) for f in found if f["change"] == "changed"} == {
        ("public.f()", "security_definer")
    }
    assert {f["name"] for f in found if f["change"] == "added"} == {'public."odd [ name"'}


async def test_rules_can_be_printed_and_what_cannot_be_meant_is_refused(
    pair: tuple[House, str],
) -> None:
    house, _ = pair
    printed = await house.pgdrift("ignore", "--from-findings", "--reason", "right")
    assert printed.code == 0
    assert len(rules_of(printed.out)) == 3

    house.data["compare"] = {"ignore_file": "/proc/none/ignore.yaml"}
    refused = [
        await house.pgdrift("ignore", "elsewhere", "--reason", "right"),
        await house.pgdrift("ignore", "--from-findings", "--reason", " "),
        await house.pgdrift("ignore", "--from-findings", "--reason", "x", "--until", "tomorrow"),
        await house.pgdrift("ignore", "--from-findings", "--reason", "right"),
    ]
    assert [r.code for r in refused] == [3] * 4, refused
    words = ["no environment 'elsewhere'", "empty", "tomorrow", "cannot write"]
    assert all(word in r.err for word, r in zip(words, refused, strict=True)), refused
    assert "Traceback" not in "".join(r.both for r in refused)
    onto_stdout = await house.pgdrift("ignore", "--reason", "x", "--stdout")
    assert len(rules_of(onto_stdout.out)) == 3


async def test_a_file_of_rules_that_is_none_is_refused_with_its_line(
    pair: tuple[House, str],
) -> None:
    house, _ = pair
    file = house.folder / "ignore.yaml"
    house.data["compare"] = {"ignore_file": str(file)}
    absent = await house.pgdrift("config", "check")
    assert absent.code == 0
    assert "is not there now" in absent.out
    file.write_text("ignore:\n- object: x\n  reasn: y\n", encoding="utf-8")
    refused = await house.pgdrift("config", "check")
    assert refused.code == 3
    assert f"{file}:3: ignore.0.reasn: unknown key; did you mean 'reason'?" in refused.err


async def test_what_cannot_be_looked_at_gives_no_rules_and_is_said(
    house: House, make_database: MakeDatabase
) -> None:
    house.watch("production", await make_database())
    house.watch("nowhere", "postgresql://u@127.0.0.1:1/x")
    made = await house.pgdrift("ignore", "--from-findings", "--reason", "right")
    assert (made.code, made.out.strip()) == (2, "# nothing is found")
    assert "warning: nowhere is unknown" in made.err


async def test_severity_is_what_the_first_rule_says(pair: tuple[House, str]) -> None:
    house, _ = pair
    house.data["compare"] = {
        "severity": [
            {"object": "index:*", "environments": ["elsewhere"], "severity": "critical"},
            {"object": "index:*", "severity": "info"},
            {"attributes": ["cost"], "environments": ["prod*"], "severity": "warning"},
            {"object": "*", "directions": ["behind"], "severity": "info"},
        ]
    }
    found = (await house.pgdrift("check", "--format", "json")).json()["findings"]
    assert {f["kind"]: f["severity"] for f in found} == {
        "index": "info",
        "function": "warning",
        "table": "warning",
    }


async def test_a_rule_that_ended_or_serves_nothing_is_on_page_and_metric(
    pair: tuple[House, str],
) -> None:
    house, _ = pair
    house.data["compare"] = {
        "ignore": [
            {"object": "index:*", "reason": "right"},
            {"object": "table:*", "reason": "was right", "until": "2020-01-01"},
            {"object": "view:<b>*", "reason": "never"},
        ]
    }
    daemon = await (await house.start()).watching()

    async def told() -> bool:
        states = await daemon.metrics("pgdrift_ignore_rules")
        assert sum(states.values()) == 3
        return states == {("active",): 1, ("expired",): 1, ("unmatched",): 1}

    await until(told, lambda: daemon.said)
    status = json.loads((await daemon.get("/api/v1/status"))[1])
    assert [r["state"] for r in status["ignore_rules"]] == ["active", "expired", "unmatched"]
    page = (await daemon.get("/"))[1]
    assert "the ignore rule table:* ended on 2020-01-01" in page
    assert "the ignore rule view:&lt;b&gt;* leaves out nothing" in page
    assert "index:*" not in page
    await daemon.end()
    status_text = await house.pgdrift("status")
    assert "note: the ignore rule table:* ended on 2020-01-01" in status_text.out


# The same under other names

TENANT = """
create schema {schema};
create table {schema}.orders (id serial primary key, total numeric, at timestamptz default now());
create view {schema}.totals as select o.id, o.total from {schema}.orders o where o.total > 0;
create function {schema}.sum_of() returns numeric language sql set search_path to {schema}, pg_temp
    as 'select sum(total) from {schema}.orders';
create type {schema}.kind as enum ('a', 'b');
create table {schema}.items (order_id int references {schema}.orders, kind {schema}.kind
    default 'a'::{schema}.kind, check (kind <> 'b'::{schema}.kind));
create index items_kind on {schema}.items (kind);
create trigger touch before update on {schema}.orders for each row
    execute function suppress_redundant_updates_trigger();
alter table {schema}.orders enable row level security;
create policy own on {schema}.orders to {role} using (total > 0);
grant usage on schema {schema} to {role};
grant select, insert on {schema}.orders to {role};
alter default privileges in schema {schema} grant select on tables to {role};
alter table {schema}.items owner to {role};
"""


async def test_a_tenant_with_roles_of_its_own_is_the_same_under_its_own_names(
    house: House, make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    upstream, tenant = await make_database(), await make_database()
    await make_role(upstream, "app_of_stage")
    await make_role(tenant, 'App "42"')
    await execute(upstream, TENANT.format(schema="tenant", role="app_of_stage"))
    await execute(tenant, TENANT.format(schema='"Tenant 42"', role='"App ""42"""'))
    house.watch("stage", upstream, roles={"app_of_stage": "app"})
    house.watch("acme", tenant, follows="stage")
    unlike = await house.pgdrift("check")
    assert unlike.code == 1

    house.watch(
        "acme", tenant, follows="stage", roles={'App "42"': "app"}, schemas={"Tenant 42": "tenant"}
    )
    same, diff, back = (
        await house.pgdrift("check"),
        await house.pgdrift("diff", "stage", "acme"),
        await house.pgdrift("diff", "acme", "stage"),
    )
    assert (same.code, diff.code, back.code) == (0, 0, 0), (same.out, diff.out, back.out)

    # What really differs is told, under the name that it has here.
    await execute(tenant, 'grant delete on "Tenant 42".orders to "App ""42"""')
    differs = (await house.pgdrift("check", "--format", "json")).json()["findings"]
    assert [(f["kind"], f["name"], f["change"]) for f in differs] == [
        ("privilege", '"Tenant 42".orders."App ""42"""', "changed")
    ]


async def test_a_rename_is_told_for_sure_within_an_environment_and_offered_across(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    house.watch("staging", await make_database(sql=BEFORE))
    dsn = await make_database(sql=BEFORE)
    house.watch("production", dsn, follows="staging")
    assert (await house.pgdrift("sync", "production", "--reason", "right")).code == 0
    await execute(dsn, "alter table orders rename to purchases; alter function f() rename to g")
    found = (await house.pgdrift("check", "--format", "json")).json()["findings"]
    renamed = {
        (f["against"], f["name"]): (f["renamed"]["name"], f["renamed"]["sure"])
        for f in found
        if f["change"] == "added"
    }
    assert renamed == {
        ("sync", "public.purchases"): ("public.orders", True),
        ("sync", "public.g()"): ("public.f()", True),
        ("staging", "public.purchases"): ("public.orders", False),
        ("staging", "public.g()"): ("public.f()", False),
    }
    text = (await house.pgdrift("check")).out
    assert "table public.orders: dropped since the sync point, renamed to public.purchases" in text
    assert "perhaps renamed from public.orders" in text
    across = await house.pgdrift("diff", "staging", "production", "-f", "markdown")
    assert "**added** table `public.purchases`, perhaps renamed from `public.orders`" in across.out


async def test_presets_leave_out_and_count(house: House, make_database: MakeDatabase) -> None:
    whole = "create table event (id int, at date) partition by range (at);"
    house.watch("staging", await make_database(sql=whole))
    made = """
    create table event_p20260101 partition of event for values from ('2026-01-01') to ('2026-02-01');
    create index on event_p20260101 (id);
    grant select on event_p20260101 to public;
    create table event_archive partition of event default;
    create table alembic_version (version_num varchar(32) primary key);
    """
    house.watch("production", await make_database(sql=whole + made), follows="staging")

    async def added(**compare: object) -> tuple[set[str], dict[str, int]]:
        house.data["compare"] = compare
        answer = (await house.pgdrift("check", "--format", "json")).json()
        left_out = answer["environments"][1]["not_compared"]
        counts = {k: n for k, n in left_out.items() if k.startswith("of_")}
        return {f["name"] for f in answer["findings"]}, counts

    every = {"public.event_p20260101", "public.event_archive", "public.alembic_version"}
    assert await added() == (every, {})
    names, counts = await added(partitions="generated", leave_out=["migration_tables"])
    assert names == {"public.event_archive"}
    assert counts["of_partitions"] >= 4
    assert counts["of_migration_tables"] >= 2
    names, _ = await added(partitions="parents", partition_names=["public.alembic*"])
    assert names == set()
