"""The walk over the checklist: no item without a scenario, no attribute that was never seen."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from pgdrift.core.alike.normalise import AS_INITDB, FROM_ITS_WHOLE, NAMED_AFTER
from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from tests.checklist import Item, items
from tests.scenario import CLUSTER, SCENARIOS

ROOT = Path(__file__).parent.parent
FOLDERS = {folder.name: folder for folder in (*SCENARIOS, *CLUSTER)}
ITEMS = tuple(items())

# Read to match objects of two sides by, and never compared.
ASIDE = {AS_INITDB, FROM_ITS_WHOLE, NAMED_AFTER}


@cache
def told(folder: str) -> frozenset[str]:
    """Return the kinds and `kind.attribute` that a scenario tells as a difference."""
    entries = json.loads((FOLDERS[folder] / "drift.json").read_text(encoding="utf-8"))
    kinds = {e["kind"] for e in entries}
    return frozenset(
        kinds | {f"{e['kind']}.{name}" for e in entries for name in e.get("attributes", ())}
    )


def elsewhere(name: str, file: str) -> bool:
    """Tell whether a test file names what cannot be shown by two scripts."""
    kind, _, attribute = name.partition(".")
    text = (ROOT / file).read_text(encoding="utf-8")
    return {"position": "column_order"}.get(attribute, attribute) in text and kind in text


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: f"{i.area}: {i.what}")
def test_every_item_is_shown(item: Item) -> None:
    assert item.shown
    for shown in item.shown:
        assert (ROOT / shown).is_file() if "/" in shown else shown in FOLDERS, shown
    folders = [shown for shown in item.shown if "/" not in shown]
    files = [shown for shown in item.shown if "/" in shown]
    seen = frozenset[str]().union(*map(told, folders))
    assert [n for n in item.told if n not in seen and not any(elsewhere(n, f) for f in files)] == []
    if not item.told:
        assert not seen, "must stay silent"


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: f"{i.area}: {i.what}")
def test_every_item_names_what_there_is(item: Item) -> None:
    known = {k.name for k in KINDS} | {f"{k.name}.{a.name}" for k in KINDS for a in k.attributes}
    assert set(item.told) <= known


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_every_attribute_differs_in_some_scenario(kind: Kind) -> None:
    seen = frozenset[str]().union(*map(told, FOLDERS))
    files = {(name, f) for i in ITEMS for name in i.told for f in i.shown if "/" in f}
    seen |= {name for name, file in files if elsewhere(name, file)}
    names = {f"{kind.name}.{a.name}" for a in kind.attributes if a.name not in ASIDE}
    assert kind.name in seen
    assert names - seen == set()
