"""Passwords in the catalog: seen to change over days and between sides, and never to be found."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import pgdrift

pytestmark = pytest.mark.db

SCENE = """
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2');
"""
CHANGE = "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'hunter3')"
# Of each secret, its name and any part of its plain hash.
GIVEN_AWAY = [
    *("hunter2", "hunter3"),
    *(sha256(s).hexdigest()[:10] for s in (b"hunter2", b"hunter3")),
]


def given_away(text: str) -> list[str]:
    return [secret for secret in GIVEN_AWAY if secret in text]


async def test_a_password_that_changed_since_the_sync_point_is_told_by_another_process(
    make_database: MakeDatabase, execute: Execute, tmp_path: Path
) -> None:
    dsn = await make_database(sql=SCENE)
    settings = {
        "environments": {"prod": {"dsn": dsn}},
        "store": {"url": f"sqlite:///{tmp_path}/pgdrift.db"},
    }
    config = tmp_path / "pgdrift.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")

    synced = await pgdrift("sync", "prod", "--reason", "right", "--config", config)
    assert synced.code == 0, synced.both
    same = await pgdrift("check", "--config", config)
    assert same.code == 0, same.both

    await execute(dsn, CHANGE)
    changed = await pgdrift("check", "--config", config)
    assert changed.code == 1, changed.both
    assert "options" in changed.out
    assert "password=sealed:" in changed.out
    assert given_away(changed.both) == []
    assert given_away((tmp_path / "pgdrift.db").read_bytes().decode("latin-1")) == []


async def test_one_command_compares_passwords_and_files_of_two_do_not(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    a, b = await make_database(sql=SCENE), await make_database(sql=f"{SCENE};{CHANGE}")
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    told, *_ = await asyncio.gather(
        pgdrift("diff", a, b),
        pgdrift("snapshot", a, "-o", one),
        pgdrift("snapshot", b, "-o", other),
    )
    assert (told.code, given_away(told.both)) == (1, [])
    assert "password=sealed:" in told.out
    assert given_away(one.read_text() + other.read_text()) == []

    files = await pgdrift("diff", one, other)
    assert files.code == 0, files.both
    assert "sealed value (1 in A, 1 in B)" in files.out
