"""A way of a plan in; out, the few lines that say what it does and what can go wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pgdrift.core.plan.model import Statement, Way
from pgdrift.core.plan.shown import headline
from pgdrift.core.plan.step import Lock


@dataclass(frozen=True, slots=True)
class Summed:
    """What a way does by category, the most frequent first, and its hazards in order.

    A hazard is the number of a statement, what it does, and why that is to be thought of.
    """

    categories: tuple[tuple[str, int], ...]
    hazards: tuple[tuple[int, str, str], ...]
    by_hand: int
    lock: Lock = Lock.NONE


def summed(way: Way) -> Summed:
    """Sum a way up."""
    hazards = [(s.number, headline(s), "; ".join(hazard(s))) for s in way.statements]
    locks = [s.step.lock for s in way.statements]
    return Summed(
        tuple(Counter(s.action for s in way.statements).most_common()),
        tuple(h for h in hazards if h[2]),
        len(way.by_hand),
        max(locks, key=lambda lock: lock.rank, default=Lock.NONE),
    )


def hazard(statement: Statement) -> list[str]:
    """Say what a statement can cost beside its lock; nothing for what is harmless."""
    step = statement.step
    said = [f"loses {step.loses}"] if step.loses else []
    said += [f"fails where {step.fails}"] if step.fails else []
    said += ["rewrites the table"] if step.rewrites else []
    said += ["reads the whole table"] if step.scans else []
    return said + (["cannot run in a transaction"] if step.alone else [])
