"""What a plan that was run declares right: what it led to, and nothing that it left or took back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pgdrift.cli import running
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import pgdrift
from tests.reconcile.test_apply import Hands, hands, pgdrift_sync

pytestmark = pytest.mark.db
__all__ = ["hands"]  # a fixture: pytest finds it by its name

RIGHT = """
create table account (id int primary key, owner text);
create index account_owner on account (owner);
alter table account enable row level security;
"""
DRIFT = "drop index account_owner; alter table account disable row level security;"


async def _drifted(make_database: MakeDatabase, hands: Hands, *words: str) -> str:
    """Return production, which drifted from its sync point; a plan back is in the folder."""
    dsn = await make_database(sql=RIGHT)
    data = yaml.safe_load(hands.config.read_text())
    data["environments"] = {"production": {"dsn": dsn}}
    hands.config.write_text(yaml.safe_dump(data))
    await pgdrift_sync(hands)
    await run_sql(dsn, DRIFT)
    where = ("-o", hands.folder, "-c", hands.config)
    made = await pgdrift("plan", "production", "production@last-sync", "--prove", *words, *where)
    assert made.code == 1, made
    return dsn


async def _found(hands: Hands) -> set[str]:
    said = await pgdrift("check", "-f", "json", "-c", hands.config)
    return {f"{f['kind']}:{f['name']}" for f in said.json()["findings"]}


async def test_what_was_not_chosen_stays_drift(
    make_database: MakeDatabase,
    hands: Hands,
) -> None:
    await _drifted(make_database, hands, "--findings", "index:public.account_owner")
    await hands.apply("production")
    assert any(
        "no sync point of production: of what differs, 1 not chosen" in line for line in hands.said
    )
    assert await _found(hands) == {"table:public.account"}


async def test_a_way_back_takes_back_what_was_declared_and_declares_nothing(
    make_database: MakeDatabase,
    hands: Hands,
) -> None:
    await _drifted(make_database, hands)
    await hands.apply("production")
    assert any(line.startswith("sync point 2 of production") for line in hands.said)
    assert await _found(hands) == set()
    await hands.roll_back("production")
    assert any("sync point 2 of production is undone" in line for line in hands.said)
    assert await _found(hands) == {"table:public.account", "index:public.account_owner"}


async def test_what_moves_after_the_last_look_is_not_declared_right(
    make_database: MakeDatabase,
    hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dsn = await _drifted(make_database, hands)
    declare = running._sync

    async def late(*more: Any) -> None:
        await run_sql(dsn, "create index late on account (id)")
        await declare(*more)

    monkeypatch.setattr(running, "_sync", late)
    await hands.apply("production")
    (warning,) = [line for line in hands.said if "no sync point" in line]
    assert "not all as the plan left it: index:public.late" in warning
    assert await _found(hands) == {"index:public.late"}
