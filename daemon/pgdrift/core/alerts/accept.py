"""What somebody called right is no drift: findings in, parted by the marks that hold, out.

An acceptance is bound to the content of the change: when the object changes again, it is drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pgdrift.core.alerts.marks import Mark, Right, holding, right, rights
from pgdrift.core.book import Book
from pgdrift.core.model import Against, Finding, Outcome

_MOST = 3  # keys that are named


def of_book(book: Book, now: datetime) -> Mapping[Right, Mark]:
    """Return what was called right in an environment and holds now."""
    return rights(holding(book.marks, now), book.environment)


def parted(
    yardstick: str, findings: Iterable[Finding], known: Mapping[Right, Mark]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the findings that are drift, and those that were called right."""
    findings = tuple(findings)
    if not known:
        return findings, ()
    accepted = tuple(f for f in findings if right(f, yardstick) in known)
    return tuple(f for f in findings if f not in accepted), accepted


def still_there(gone: Iterable[Finding], against: str, known: Mapping[Right, Mark]) -> str:
    """Say which of what went from an incident was called right, by whom and why; empty for none.

    It is there all the same, and nobody is to think that it was put right.
    """
    said: dict[int, list[str]] = {}
    marks = {}
    for f in gone:
        if mark := known.get(right(f, against)):
            said.setdefault(mark.id, []).append(f.key)
            marks[mark.id] = mark
    return "; ".join(_accepted(marks[id_], keys) for id_, keys in said.items())


def _accepted(mark: Mark, keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _MOST} more" if len(keys) > _MOST else ""
    named = ", ".join(keys[:_MOST])
    return f"accepted by {mark.actor}, and still there: {named}{more} ({mark.reason})"


def with_rights(book: Book, now: datetime) -> Book:
    """Return the book as its last look would stand now, by what is called right now."""
    known = of_book(book, now)
    if not known and not any(a.accepted for a in book.against):
        return book
    return replace(book, against=tuple(_stands(a, known) for a in book.against))


def _stands(against: Against, known: Mapping[Right, Mark]) -> Against:
    every = (*against.findings, *against.accepted)
    findings, accepted = parted(against.yardstick, every, known)
    outcome = against.outcome
    if outcome is not Outcome.UNKNOWN:
        outcome = Outcome.DRIFTED if findings else Outcome.IN_SYNC
    return replace(against, outcome=outcome, findings=findings, accepted=accepted)
