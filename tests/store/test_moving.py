"""A store moved from a file to a server: all of it is there, or nothing, and the file is as it was."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pgdrift.core.alerts.marks import Order, Verb
from pgdrift.core.model import SyncPoint
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import LEAD, Store, open_store
from pgdrift.store.moving import move
from tests.conftest import run_sql
from tests.daemon.house import pgdrift
from tests.store.nouns import NOW, look, tables

KINDS = ("postgresql",)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A store with a past: looks, a sync point taken back, something said, a notice half told."""
    found = tmp_path / "old 50% & new.db"
    async with open_store(f"sqlite:///{found}") as store:
        for n in range(1, 4):
            await store.save(look(n))
        await store.declare(SyncPoint("prod", NOW, "good", "ada"), tables(5))
        await store.save(replace(look(1, "dev"), based_on=None))
        await store.mark(Order(Verb.ACK, "ada", "seen", incident="i-dev"), NOW)
        first = (await store.due(NOW))[0]
        await store.begin(first, NOW)
        await store.done(first, NOW, {"ts": "1"})
    return found


async def everything(store: Store) -> list[object]:
    names = await store.environments()
    return [
        names,
        store.key,
        [await store.load(name) for name in names],
        [await store.timeline(name, 999) for name in names],
        [await store.declarations(name) for name in names],
        await store.incidents(open_only=False),
        await store.marks(),
        await store.trays(),
        await store.due(NOW),
        await store.health(),
    ]


async def test_all_of_it_is_there_and_the_file_is_as_it_was(file: Path, url: str) -> None:
    before = sha256(file.read_bytes()).digest()
    async with open_store(f"sqlite:///{file}") as old:
        kept = await everything(old)
        points = [d.point.id or 0 for n in ("prod", "dev") for d in await old.declarations(n)]
    moved = {m.table: m.rows for m in await move(f"sqlite:///{file}", url)}

    async with open_store(url) as new:
        assert await everything(new) == kept
        # and what comes next has numbers of its own
        again = await new.declare(SyncPoint("prod", NOW, "again", "ada"), tables(6))
        assert again.id == 1 + max(points)
        mark = await new.mark(Order(Verb.ACK, "b", "c", incident="i-prod"), NOW)
        assert mark.id == 2
    assert moved["environment"] == 2
    assert moved["sync_point"] == len(points)
    assert sha256(file.read_bytes()).digest() == before


async def test_the_command_moves_a_path_to_the_server_that_the_configuration_names(
    file: Path, url: str, tmp_path: Path
) -> None:
    """As docs/kubernetes.md has it: the URL with its password is in a file of its own."""
    (tmp_path / "url").write_text(f"{url}\n")
    (tmp_path / "pgdrift.yaml").write_text(
        f"environments: {{prod: {{dsn: 'postgresql://prod'}}}}\nstore: {{url_file: {tmp_path}/url}}\n"
    )
    said = await pgdrift("store", "migrate", str(file), "--config", str(tmp_path / "pgdrift.yaml"))
    assert said.code == 0, said.both
    assert "all is there" in said.out
    async with open_store(f"sqlite:///{file}") as old, open_store(url) as new:
        assert await everything(new) == await everything(old)
    again = await pgdrift("store", "migrate", str(file), url)
    assert again.code != 0
    assert "is not empty" in again.both


async def test_what_is_not_empty_is_left_alone(file: Path, url: str) -> None:
    await move(f"sqlite:///{file}", url)
    async with open_store(url) as new:
        kept = await everything(new)
        with pytest.raises(ConfigError, match="is not empty"):
            await move(f"sqlite:///{file}", url)
        assert await everything(new) == kept


async def test_what_was_cut_off_leaves_nothing_and_can_be_done_again(file: Path, url: str) -> None:
    # The last of the tables takes no row.
    await run_sql(url, "alter table delivery add constraint none_now check (seq < 0)")
    with pytest.raises(StoreError, match="none_now"):
        await move(f"sqlite:///{file}", url)
    await run_sql(url, "alter table delivery drop constraint none_now")
    async with open_store(url) as new:
        assert await new.environments() == ()

    await move(f"sqlite:///{file}", url)


async def test_what_arrives_otherwise_than_it_left_is_not_kept(file: Path, url: str) -> None:
    await run_sql(
        url,
        "create function forge() returns trigger language plpgsql as"
        " $$ begin new.text := 'all is well'; return new; end $$;"
        " create trigger forged before insert on event for each row execute function forge()",
    )
    with pytest.raises(StoreError, match="what arrived in event is not what left") as caught:
        await move(f"sqlite:///{file}", url)
    await run_sql(url, "drop trigger forged on event; drop function forge()")
    assert caught.value.reason == "unproved"
    async with open_store(url) as new:
        assert await new.environments() == ()


async def test_nothing_is_moved_beneath_a_daemon(file: Path, url: str) -> None:
    async with open_store(f"sqlite:///{file}", exclusive=True):
        with pytest.raises(StoreError) as caught:
            await move(f"sqlite:///{file}", url)
        assert caught.value.reason == "locked"
    async with open_store(url, exclusive=True) as daemon:
        session = await daemon.join("a", 60.0)
        await session.take([LEAD])
        with pytest.raises(StoreError, match="a pgdrift daemon works on") as caught:
            await move(f"sqlite:///{file}", url)
        assert caught.value.reason == "locked"


async def test_what_is_no_such_way_is_refused(file: Path, url: str, tmp_path: Path) -> None:
    for source, target, words in (
        (url, url, "none in a file"),
        (f"sqlite:///{file}", f"sqlite:///{tmp_path}/x.db", "none on a PostgreSQL server"),
        (f"sqlite:///{tmp_path}/none.db", url, "there is no store at"),
    ):
        with pytest.raises(ConfigError, match=words):
            await move(source, target)
