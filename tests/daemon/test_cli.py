"""The commands as a shell sees them: what they print where, and how they exit."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from pgdrift import __version__
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import PATIENCE, TOKEN, House, clean_environment, pgdrift

pytestmark = pytest.mark.db

A = "create table account (id int primary key, owner varchar(20) not null);"
B = """
create table account (id int primary key, owner varchar(40) not null);
create index account_owner on account (owner);
"""


@pytest.fixture
async def sides(make_database: MakeDatabase) -> tuple[str, str]:
    return await make_database(sql=A), await make_database(sql=B)


async def test_diff_tells_what_b_has_made_of_a_in_three_forms(sides: tuple[str, str]) -> None:
    a, b = sides
    as_json, text, markdown, back, equal = await asyncio.gather(
        pgdrift("diff", a, b, "--format", "json"),
        pgdrift("diff", a, b),
        pgdrift("diff", a, b, "-f", "markdown"),
        pgdrift("diff", b, a, "--format", "json"),
        pgdrift("diff", a, a, "--format", "json"),
    )
    assert [s.code for s in (as_json, text, markdown, back, equal)] == [1, 1, 1, 1, 0]
    assert {s.err for s in (as_json, text, markdown, back, equal)} == {""}

    findings = {(f["kind"], f["name"]): f for f in as_json.json()["findings"]}
    assert findings.keys() == {
        ("column", "public.account.owner"),
        ("index", "public.account_owner"),
    }
    column = findings["column", "public.account.owner"]
    assert column["change"] == "changed"
    assert column["attributes"]["type"] == ["character varying(20)", "character varying(40)"]
    index = findings["index", "public.account_owner"]
    assert index["change"] == "added"
    assert {before for before, _ in index["attributes"].values()} == {None}

    reverse = {(f["kind"], f["name"]): f for f in back.json()["findings"]}
    assert reverse["index", "public.account_owner"]["change"] == "removed"
    for name, (before, after) in column["attributes"].items():
        turned = reverse["column", "public.account.owner"]["attributes"]
        assert turned[name] == [after, before]
    assert equal.json()["findings"] == []

    assert "~ column public.account.owner changed" in text.out
    assert "    - type: character varying(20)\n    + type: character varying(40)" in text.out
    assert "2 differences" in text.out
    assert "2 differences" in markdown.out.splitlines()[0]
    assert "```diff" in markdown.out
    password = urlsplit(a).password or ""
    assert password not in text.out + markdown.out + as_json.out


async def test_a_snapshot_stands_for_its_database(tmp_path: Path, sides: tuple[str, str]) -> None:
    a, b = sides
    file = tmp_path / "a.json"
    written, printed = await asyncio.gather(
        pgdrift("snapshot", a, "-o", file), pgdrift("snapshot", a)
    )
    assert (written.code, written.both) == (0, "")
    assert json.loads(printed.out).keys() == json.loads(file.read_text()).keys()
    password = urlsplit(a).password or ""
    assert password not in file.read_text()
    same, other, nowhere = await asyncio.gather(
        pgdrift("diff", file, a),
        pgdrift("diff", file, b, "--format", "json"),
        pgdrift("snapshot", a, "-o", tmp_path / "no" / "folder.json"),
    )
    assert (same.code, other.code, nowhere.code) == (0, 1, 3), (same, other, nowhere)
    assert len(other.json()["findings"]) == 2
    assert "cannot write" in nowhere.err


async def test_a_snapshot_file_stays_as_it_is_until_the_schema_changes(
    tmp_path: Path, make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(
        sql="create foreign data wrapper w options (password 'sesame', host 'h')"
    )
    file = tmp_path / "a.json"
    assert (await pgdrift("snapshot", dsn, "-o", file)).both == ""
    before = file.read_bytes()
    assert b"sealed:" in before
    again = await pgdrift("snapshot", dsn, "-o", file)
    assert (again.code, again.out) == (0, "")
    assert f"{file} stays as it is" in again.err
    assert file.read_bytes() == before

    await execute(dsn, "create table t ()")
    assert (await pgdrift("snapshot", dsn, "-o", file)).both == ""
    assert file.read_bytes() != before


async def test_check_compares_databases_in_the_order_of_promotion(sides: tuple[str, str]) -> None:
    a, b = sides
    equal, apart, half = await asyncio.gather(
        pgdrift("check", a, a),
        pgdrift("check", a, b, "--format", "json"),
        pgdrift("check", a, "postgresql://nobody@127.0.0.1:1/none"),
    )
    assert (equal.code, apart.code, half.code) == (0, 1, 2), (equal, apart, half)
    found = apart.json()
    assert [e["outcome"] for e in found["environments"]] == ["in_sync", "drifted"]
    assert {f["kind"] for f in found["findings"]} == {"column", "index"}
    assert "unknown" in half.out


async def test_check_and_status_of_a_configuration(
    house: House, sides: tuple[str, str], execute: Execute
) -> None:
    a, _ = sides
    house.watch("production", a)
    before, status = await asyncio.gather(house.pgdrift("check"), house.pgdrift("status"))
    assert before.code == 0, before
    assert status.code == 3, "the daemon has not run here yet"
    assert "has not run here yet" in status.err
    assert not house.store.exists(), "check keeps nothing"

    daemon = await (await house.start()).watching()
    await execute(a, "alter table account add column hotfix int")
    await house.root("hotfix")
    await daemon.end()
    checked, status = await asyncio.gather(
        house.pgdrift("check", "-f", "json"), house.pgdrift("status", "-f", "json")
    )
    assert (checked.code, status.code) == (1, 0), (checked, status)
    for said in (checked, status):
        (finding,) = said.json()["findings"]
        assert (finding["environment"], finding["against"]) == ("production", "sync")
        assert finding["name"] == "public.account.hotfix"


async def test_the_configuration_is_shown_without_its_secrets(house: House, database: str) -> None:
    house.watch("production", database)
    house.data["alerts"]["channels"]["oncall"] |= {"token": TOKEN, "token_file": None}
    house.data["alerts"]["channels"]["hook"] = {
        "type": "slack_webhook",
        "url": "https://hooks.slack.com/services/T0/B0/s3cretHook",
    }
    house.data["alerts"]["channels"]["dba"] |= {"username": "u", "password": "s3cretMail"}
    good, shown, schema = await asyncio.gather(
        house.pgdrift("config", "check"),
        house.pgdrift("config", "show"),
        pgdrift("config", "schema"),
    )
    assert (good.code, shown.code, schema.code) == (0, 0, 0), (good, shown, schema)
    assert "1 environment" in good.out
    for secret in (urlsplit(database).password or "", TOKEN, "s3cretHook", "s3cretMail"):
        assert secret not in good.both + shown.both
    data = yaml.safe_load(shown.out)
    assert data["environments"]["production"]["dsn"] == "**********"
    assert data["defaults"]["interval"] == "200ms"
    assert "environments" in json.loads(schema.out)["properties"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["dif", "a", "b"],
        ["diff", "--frmat", "json"],
        ["diff", "only-one"],
        ["diff", "a", "b", "--format", "xml"],
        ["sync", "production"],
        ["check", "no-dsn"],
        ["diff", "no-such-environment", "neither"],
        ["diff", "missing.json", "missing.json"],
    ],
    ids=" ".join,
)
async def test_wrong_usage_exits_3_and_says_what_is_wrong(
    tmp_path: Path, arguments: list[str]
) -> None:
    said = await pgdrift(*arguments, cwd=tmp_path)
    assert said.code == 3, said
    assert said.out == ""
    assert said.err.strip()
    assert "Traceback" not in said.err


async def test_version_and_help() -> None:
    version, helped = await asyncio.gather(pgdrift("--version"), pgdrift("--help"))
    assert (version.code, helped.code) == (0, 0)
    assert re.search(re.escape(__version__), version.out)
    for command in ("serve", "check", "diff", "snapshot", "status", "sync", "config"):
        assert command in helped.out
    for group in (helped, await pgdrift("config", "--help")):
        assert "..." not in group.out.partition("Commands:")[2]


async def test_a_folder_without_a_configuration_is_not_called_good(tmp_path: Path) -> None:
    said = await pgdrift("config", "check", cwd=tmp_path)
    assert (said.code, said.out) == (3, "")
    assert "no configuration found; looked for ./pgdrift.yaml" in said.err


def test_a_reader_that_had_enough_sees_no_traceback(sides: tuple[str, str]) -> None:
    program = f'"{sys.executable}" -m pgdrift diff "$1" "$2" | head -n 1'
    for pipe in (program, program.replace("head -n 1", "true")):
        ended = subprocess.run(
            ["/bin/sh", "-c", pipe, "sh", *sides],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.stderr == ""


async def test_a_word_that_is_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    said = await pgdrift("diff", "a" * 300, "b", cwd=tmp_path)
    assert said.code == 3, said
    assert "is no connection URL, no file or folder, and no environment" in said.err
    assert "Traceback" not in said.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without a name")
def test_a_user_without_a_name_is_a_number() -> None:
    program = "import os; from pgdrift.cli.options import user; os.setuid(54321); print(user())"
    environment = {
        k: v for k, v in clean_environment().items() if k not in {"LOGNAME", "USER", "LNAME"}
    }
    environment.pop("USERNAME", None)
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, "uid 54321\n"), said.stderr
