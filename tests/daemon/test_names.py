"""Hostile names, on their whole way: from the server into Slack, mail, page, metrics and terminal."""

from __future__ import annotations

import json

import pytest

from pgdrift.core.names import quote_ident
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import House, all_text, pgdrift, until

pytestmark = pytest.mark.db

NAMES = (
    'dou"ble',
    "dotted.name",
    "spa ce",
    "sing'le",
    "smile😀",
    "<b>bold</b>",
    "<!channel>",
    "<script>alert(1)</script>",
    "back`tick*star_",
    "new\nline",
    "esc\x1b[31mape",
    "right\u202eleft",
    "select",
)


async def test_names_arrive_as_they_are_and_do_nothing_on_their_way(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    name = 'da"ta <!here> .b'
    dsn, other = await make_database(name), await make_database()
    house.watch('<b>prod</b> & "co"', dsn)
    house.tell("oncall", "dba")
    daemon = await (await house.start()).watching()
    statements = [f"create table {quote_ident(n)} ({quote_ident(n)} int)" for n in NAMES]
    await execute(dsn, "; ".join(statements))
    await house.all_told(2)

    # What is too long for it goes along as a file, in its thread.
    (message,) = house.roots()
    told = all_text(message)
    for mention in ("<!channel>", "<!here>", "<b>", "<script>"):
        assert mention not in told
    assert "&lt;!channel&gt;" in told
    assert "\x1b" not in json.loads(json.dumps(told))

    (mail,) = house.mail.mails
    part = mail.get_body(("html",))
    assert part
    html = part.get_content()
    assert "<script>" not in html
    assert "<b>bold" not in html
    assert "\x1b" not in mail.as_string()
    assert "\n" not in mail["Subject"]

    found = {f["name"]: f for f in await daemon.findings()}
    assert len(found) == len(NAMES)
    for path in ("/", "/environments/%3Cb%3Eprod%3C%2Fb%3E%20%26%20%22co%22"):
        status, page = await daemon.get(path)
        assert status == 200
        assert "<script>alert" not in page
        assert "<b>prod" not in page
        assert "<b>bold" not in page
        assert "\x1b" not in page
        assert "&lt;!channel&gt;" in page or path == "/"
    await daemon.end()

    for form in ("text", "markdown"):
        said = await pgdrift("diff", other, dsn, "--format", form)
        assert said.code == 1, said
        assert "\x1b" not in said.out
        assert "\u202e" not in said.out
        assert "smile😀" in said.out
    said = await pgdrift("diff", other, dsn, "--format", "json")
    kinds = [f for f in said.json()["findings"] if f["kind"] == "table"]
    assert len(kinds) == len(NAMES)
    assert {f["change"] for f in kinds} == {"added"}


async def test_a_snapshot_keeps_hostile_names(
    make_database: MakeDatabase, execute: Execute, house: House
) -> None:
    dsn = await make_database()
    statements = [f"create table {quote_ident(n)} ({quote_ident(n)} int)" for n in NAMES]
    await execute(dsn, "; ".join(statements))
    file = house.folder / "names.json"
    assert (await pgdrift("snapshot", dsn, "-o", file)).code == 0
    said = await pgdrift("diff", file, dsn)
    assert said.code == 0, said


async def test_what_was_dropped_is_told_by_its_hostile_name(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, 'create table "<!channel>" (id int)')
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    await execute(database, 'drop table "<!channel>"')
    root = await until(house.roots, house.told)
    assert "&lt;!channel&gt;" in all_text(root[0])
    assert "<!channel>" not in all_text(root[0])
    await daemon.end()
