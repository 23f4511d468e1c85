"""A store as a release writes it, and what it says of it: kept as text, for the releases to come.

Whoever changes the tables runs `python -m tests.operate.release` once and commits both files. They
are named by the schema; what an older release wrote stays as that wrote it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from pgdrift.core.alerts.incident import State
from pgdrift.core.alerts.marks import Matcher, Order, Verb
from pgdrift.core.model import Against, Direction, Outcome, SyncPoint
from pgdrift.store import open_store
from tests.core.build import changed, finding, table_id
from tests.daemon.house import Json, pgdrift
from tests.store.nouns import MINUTE, NOW, incident, look, notice, tables

FOLDER = Path(__file__).with_name("releases")
DAY, YEAR = timedelta(days=1), timedelta(days=365)

ASKED = {
    "status": ("status", "--format", "json"),
    "incidents": ("incidents", "--all", "--format", "json"),
    "log": ("log", "prod", "--format", "json"),
    "sync points": ("sync", "list", "prod", "--format", "json"),
    "what was declared": ("snapshot", "prod@last-sync"),
    "what was seen": ("snapshot", "stage@last-look"),
}
"""What is asked of a store, and answered in JSON."""


async def fill(url: str) -> None:
    """Keep something in every table: looks, sync points, incidents, notices on their way, marks."""
    about = incident("i-stage", "stage", against="prod")
    found = finding(changed(table_id("t1"), owner=("a", "b")), direction=Direction.AHEAD)
    against = (Against("prod", Outcome.DRIFTED, (found,)), Against("sync", Outcome.IN_SYNC))
    async with open_store(url) as store:
        for k in (1, 2, 3):
            await store.save(look(k))
        step = replace(look(1, "stage"), against=against, incidents=(about,), based_on=None)
        await store.save(replace(step, notices=((notice(about), ("oncall", "dba")),)))
        point = SyncPoint("prod", NOW + 5 * MINUTE, "release 42", "ada")
        await store.declare(point, tables(40, t3="as it should be"))
        first, *_ = await store.due(NOW + DAY)
        begun = await store.begin(first, NOW + 6 * MINUTE)
        await store.done(begun, NOW + 7 * MINUTE, {"ts": "1.2", "channel": "C1"})
        second, *_ = await store.due(NOW + DAY)
        begun = await store.begin(second, NOW + 8 * MINUTE)
        await store.failed(begun, NOW + 9 * MINUTE, "refused", None)
        third, *_ = await store.due(NOW + DAY)
        await store.begin(third, NOW + 10 * MINUTE)  # and was killed
        for order in (
            Order(Verb.ACK, "ada", "on it", incident=about.id),
            Order(
                Verb.SILENCE, "bob", "audit", NOW + 10 * YEAR, matcher=Matcher("prod*", "index:*")
            ),
            Order(Verb.ACCEPT, "eve", "a hotfix", incident=about.id),
        ):
            await store.mark(order, NOW + 11 * MINUTE)
        gone = incident("gone", state=State.RESOLVED, resolved_at=NOW)
        await store.save(replace(look(2, "old"), incidents=(gone,), notices=(), based_on=None))


async def answers(folder: Path) -> Json:
    """Return what the command line says of the store in a folder."""
    config = folder / "pgdrift.yaml"
    environments = {
        name: {"dsn": f"postgresql://nowhere.invalid/{name}"} for name in ("prod", "old")
    }
    environments["stage"] = {"dsn": "postgresql://nowhere.invalid/stage", "follows": "prod"}
    store = {"url": f"sqlite:///{folder}/pgdrift.db"}
    config.write_text(yaml.safe_dump({"environments": environments, "store": store}))
    found: Json = {}
    for name, command in ASKED.items():
        said = await pgdrift(*command, "--config", config)
        # 2: what it says is not all; here, because policies were not read.
        assert said.code in (0, 2), (name, said.both)
        found[name] = json.loads(said.out)
        if "objects" in found[name]:
            # The root is a hash of all of them.
            found[name] = found[name]["pgdrift"] | {"objects": len(found[name]["objects"])}
    return found


def load(dump: Path, into: Path) -> None:
    """Make a store of a dump."""
    with closing(sqlite3.connect(into)) as store:
        store.executescript(dump.read_text(encoding="utf-8"))
        store.execute("PRAGMA journal_mode=WAL")


def schema(path: Path) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return str(store.execute("select version_num from alembic_version").fetchone()[0])


async def write() -> None:
    """Write what this release keeps and says into the folder."""
    with TemporaryDirectory() as name:
        path = Path(name) / "pgdrift.db"
        await fill(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as store:
            dump = "\n".join(store.iterdump()) + "\n"
        said = json.dumps(await answers(Path(name)), indent=1, ensure_ascii=False) + "\n"
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{schema(path)}.sql").write_text(dump, encoding="utf-8")
        (FOLDER / f"{schema(path)}.json").write_text(said, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(asyncio.run(write()))
