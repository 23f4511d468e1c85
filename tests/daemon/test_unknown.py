"""A catalog column and a kind that a release does not know show up wherever people look."""

from __future__ import annotations

import json

import pytest

from tests.conftest import MakeDatabase
from tests.daemon.forgetful import FORGOTTEN_COLUMN, FORGOTTEN_KIND
from tests.daemon.house import House, Said, pgdrift

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
TOLD = {"catalog_column": 1, FORGOTTEN_KIND: 2}


async def _forgetful(house: House, *arguments: str) -> Said:
    return await pgdrift(*arguments, cwd=house.folder, driver="forgetful.py")


async def test_what_a_release_does_not_know_shows_in_metric_page_status_and_diff(
    house: House, make_database: MakeDatabase
) -> None:
    there = await make_database(
        sql=f"{TABLE}; create policy p on account; create policy q on account"
    )
    none = await make_database(sql=TABLE)
    house.watch("production", there)
    daemon = await (await house.start("forgetful.py")).watching()

    metrics = await daemon.metrics("pgdrift_not_compared")
    assert metrics == {("production", kind): count for kind, count in TOLD.items()}
    environment = await daemon.environment("production")
    assert environment["not_compared"] == TOLD
    assert any(FORGOTTEN_COLUMN in note for note in environment["notes"])
    page = (await daemon.get("/environments/production"))[1]
    for words in ("1 × catalog column", "2 × policy", FORGOTTEN_COLUMN):
        assert words in page

    status = await _forgetful(house, "status", "--config", str(house.config))
    assert FORGOTTEN_COLUMN in status.out, status
    text = await _forgetful(house, "diff", none, there)
    assert "catalog column (1 in A, 1 in B)" in text.out, text
    assert "policy (0 in A, 2 in B)" in text.out, text
    told = json.loads((await _forgetful(house, "diff", none, there, "-f", "json")).out)
    assert told["not_compared"] == {"catalog_column": [1, 1], "policy": [0, 2]}


async def test_a_release_that_knows_all_says_so(house: House, make_database: MakeDatabase) -> None:
    house.watch("production", await make_database(sql=f"{TABLE}; create policy p on account"))
    daemon = await (await house.start()).watching()
    assert await daemon.metrics("pgdrift_not_compared") == {}
    assert "every object is compared" in (await daemon.get("/environments/production"))[1]
