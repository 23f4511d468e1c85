"""When a look may be spared: a later one, over the same, would conclude the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgdrift.core.book import Book
from pgdrift.core.look import Conclusion, Upstream, Watched, seen
from pgdrift.core.model import Held, History, Reading
from pgdrift.core.still import Still, still
from tests.core.build import NOW, after, column, finding, snap, table
from tests.core.environment import keep

WATCHED = Watched("production", follows="staging")
SAME = snap(table())
UPSTREAM = Upstream("staging", SAME, watched=True)


def looked(
    *,
    upstream: Upstream | None = UPSTREAM,
    reading: Reading | None = None,
    book: Book | None = None,
) -> tuple[Book, Reading, Conclusion, Still | None]:
    """Look twice at the same; return the second look, and what it says of a third."""
    found, known = reading or Reading(SAME, "gate"), book or Book("production")
    first = seen(WATCHED, known, found, upstream, NOW)
    known = replace(keep(known, first.step), marks=known.marks)
    found = replace(found, snapshot=known.snapshot or found.snapshot)
    second = seen(WATCHED, known, found, upstream, after(minutes=1))
    of = still(known, found, upstream, second.step, second.standing)
    return known, found, second, of


def test_what_is_in_sync_and_settled_is_spared() -> None:
    book, reading, second, of = looked()
    assert of == Still("production", after(minutes=1), 1, UPSTREAM)
    # Whatever time passes.
    later = seen(WATCHED, keep(book, second.step), reading, UPSTREAM, after(days=900))
    assert (later.standing.against, later.step.notices) == (second.standing.against, ())


def test_a_first_look_is_followed_by_another() -> None:
    first = seen(WATCHED, Book("production"), Reading(SAME, "gate"), UPSTREAM, NOW)
    of = still(Book("production"), Reading(SAME, "gate"), UPSTREAM, first.step, first.standing)
    assert of is None


@pytest.mark.parametrize(
    ("upstream", "reading"),
    [
        (Upstream("staging", snap(table(), column("id"))), Reading(SAME, "gate")),
        (replace(UPSTREAM, snapshot=None, reason="staging cannot be looked at"), None),
        (UPSTREAM, Reading(SAME, "")),
        (UPSTREAM, Reading(snap(table(), unread={"policy": "no right"}), "gate")),
        (UPSTREAM, Reading(SAME, "gate", None, (History("flyway", "f", (), in_flight="yes"),))),
    ],
    ids=["it differs", "upstream unknown", "it kept moving", "not all was read", "in flight"],
)
def test_what_may_still_change_is_looked_at(upstream: Upstream, reading: Reading | None) -> None:
    assert looked(upstream=upstream, reading=reading)[3] is None


@pytest.mark.parametrize(
    "left", [{"ignored": 1}, {"accepted": (finding(),)}, {"held": (Held("table:x", NOW),)}], ids=str
)
def test_what_a_date_or_a_person_may_end_is_looked_at(left: dict[str, Any]) -> None:
    book, reading, second, _ = looked()
    against = tuple(replace(a, **left) for a in second.standing.against)
    standing = replace(second.standing, against=against)
    assert still(book, reading, UPSTREAM, second.step, standing) is None
