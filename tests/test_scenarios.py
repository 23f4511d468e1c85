"""Every folder of tests/scenarios: two schemas on a real server, and what differs, both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Change, ChangeType, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.scenario import CLUSTER, SCENARIOS, fits

# Secrets are sealed with it, so that drift.json can say what comes out.
KEY = b"scenarios"

_BACK = {"added": "removed", "removed": "added", "changed": "changed"}


async def _read(make_database: MakeDatabase, sql: Path) -> Snapshot:
    dsn = await make_database(sql=sql.read_text(encoding="utf-8").strip())
    async with connection(dsn) as session:
        return normalise(await snapshot(session, key=KEY), Options())


def _shown(change: Change) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": change.id.kind,
        "name": change.id.name,
        "change": change.change.value,
    }
    if change.change is ChangeType.CHANGED:
        shown["attributes"] = {name: list(pair) for name, pair in change.attributes.items()}
    return shown


def _turned(entry: dict[str, Any]) -> dict[str, Any]:
    turned = entry | {"change": _BACK[entry["change"]]}
    if "attributes" in entry:
        turned["attributes"] = {n: pair[::-1] for n, pair in entry["attributes"].items()}
    return turned


def _changes(before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    return _ordered([_shown(c) for c in compare(before, after).changes])


def _ordered(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda e: (e["kind"], e["name"]))


@pytest.mark.db
@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda p: p.name)
async def test_what_differs_is_what_drift_json_says_both_ways(
    folder: Path, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if not fits(folder, server.major):
        pytest.skip(f"PostgreSQL {server.major} cannot hold what {folder.name} is about")
    expected = json.loads((folder / "drift.json").read_text(encoding="utf-8"))
    before = await _read(make_database, folder / "a.sql")
    again = await _read(make_database, folder / "a.sql")
    after = await _read(make_database, folder / "b.sql")

    assert not before.unread
    assert before.root == again.root
    assert _ordered(expected) == _changes(before, after)
    assert _ordered([_turned(e) for e in expected]) == _changes(after, before)


def test_every_kind_has_a_scenario() -> None:
    folders = [*SCENARIOS, *CLUSTER]
    drift = [json.loads((p / "drift.json").read_text(encoding="utf-8")) for p in folders]
    assert {k.name for k in KINDS} <= {entry["kind"] for entries in drift for entry in entries}
