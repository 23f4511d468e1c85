"""One reading held against a full one of the same moment: all that it gives has to be equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.sources import gate
from pgdrift.sources.reading import Source

KEY = b"the same for all"


@contextmanager
def exactly() -> Iterator[None]:
    """Let no part of the catalog hold more than one OID: neighbours would hide what is missing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gate, "_SHIFT", 0)
        gate._sums.cache_clear()
        yield
    gate._sums.cache_clear()


def followed(dsn: str) -> Source:
    """Return what reads a database again and again, and so what moved alone."""
    return Source(lambda: dsn)


def left_by(found: Reading) -> Book:
    """Return what the next look knows, where nothing else is kept."""
    return Book("", snapshot=found.snapshot, gate=found.gate, key=KEY)


def assert_same(some: Reading, whole: Reading) -> None:
    """Fail where a reading is not in all as a full one is."""
    one, other = some.snapshot, whole.snapshot
    assert some.gate == whole.gate, "they were not of the same moment"
    for i in {**one.objects, **other.objects}:
        mine, theirs = one.objects.get(i), other.objects.get(i)
        assert mine == theirs, i
        assert mine is not None, i
        assert theirs is not None, i
        assert (mine.oid, mine.parent) == (theirs.oid, theirs.parent), i
    assert one.packed.groups == other.packed.groups
    assert one.packed.oids == other.packed.oids
    assert one.root == other.root
    assert list(one.dependencies) == list(other.dependencies)
    assert (one.kinds, one.unread, one.server_version, one.database) == (
        other.kinds,
        other.unread,
        other.server_version,
        other.database,
    )
    assert some.not_compared == whole.not_compared
    assert some.notes == whole.notes
