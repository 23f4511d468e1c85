"""What a snapshot is kept as: the same pages however its dependencies are held. No database."""

from __future__ import annotations

from array import array
from dataclasses import replace

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.model import Snapshot
from pgdrift.store.pages import Manifest, dependencies, lines, paginate
from tests.core.build import snap, table, table_id

# On both sides of a group's bounds, and more than one for one object.
NAMED = (("lines", "orders"), ("lines", "stock"), ("orders", "stock"), ("sums", "lines"))
TABLES = ("lines", "orders", "stock", "sums")


def by_name(*names: str) -> Snapshot:
    pairs = tuple((table_id(a), table_id(b)) for a, b in NAMED)
    return replace(snap(*map(table, names)), dependencies=pairs)


def by_place(of: Snapshot) -> Snapshot:
    place = {i: n for n, i in enumerate(of.objects)}
    ends = array("I", [place[i] for pair in of.dependencies for i in pair])
    return replace(of, dependencies=Dependencies(of.packed, ends))


def read_back(manifest: Manifest) -> object:
    objects = {o.digest: o for o in manifest.snapshot.objects.values()}
    told = [line for page in manifest.pages for line in lines(page.body)]
    return dependencies(objects, told, manifest.loose)


def test_dependencies_by_place_are_kept_as_those_by_name() -> None:
    named = by_name(*TABLES)
    placed = paginate(by_place(named))
    assert placed.pages == paginate(named).pages
    assert read_back(placed) == named.dependencies


def test_places_among_other_objects_are_not_taken_for_places_among_these() -> None:
    """What is expected keeps the dependencies of what was seen, and moves on without it."""
    seen = by_place(by_name(*TABLES))
    expected = replace(seen, objects=seen.packed.edited({table_id("orders"): None}))
    kept = paginate(expected)
    assert read_back(kept) == tuple(seen.dependencies)
    assert set(kept.loose) == {p for p in seen.dependencies if table_id("orders") in p}


def test_pages_made_for_one_are_not_taken_for_others_with_equal_places() -> None:
    """The very same objects and numbers, but the numbers are places among others."""
    seen = by_place(by_name(*TABLES))
    others = seen.packed.edited({table_id("orders"): None})
    first = replace(seen, objects=others)
    second = replace(first, dependencies=Dependencies(first.packed, array("I", [1, 0])))
    third = replace(first, dependencies=Dependencies(seen.packed, array("I", [1, 0])))
    told = [read_back(paginate(s)) for s in (second, third)]
    assert told == [tuple(second.dependencies), tuple(third.dependencies)]
    assert told[0] != told[1]
