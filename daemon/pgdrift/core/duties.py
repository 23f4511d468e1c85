"""Who does what of that which one replica does at a time: everyone decides for itself, alike.

In: who is there and holds what. Out: what to take, and what to give up. No clock and no I/O; that
two never hold the same is the store's to see to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Muster:
    """The members by their numbers with their names, and which of them holds each duty."""

    members: Mapping[int, str] = field(default_factory=dict)
    holders: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replicas:
    """Who shares the environments, by name: this one, all, who watches each, and who leads.

    `watched_by` has None for what nobody watches now.
    """

    this: str
    members: tuple[str, ...]
    watched_by: Mapping[str, str | None]
    leader: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What to take, if it can still be had, and what to give up."""

    take: tuple[str, ...] = ()
    give: tuple[str, ...] = ()


def share(count: int, members: Collection[int], me: int) -> int:
    """Return how many of so many duties are this member's: those longest there have one more."""
    rank = sorted(members).index(me)
    each, over = divmod(count, len(members))
    return each + (rank < over)


def orders(muster: Muster, duties: Collection[str], me: int) -> Orders:
    """Return what a member does to come to its share of these duties.

    What it holds beyond them it gives up. Raises ValueError when it is no member.
    """
    wanted = sorted(duties)
    fair = share(len(wanted), muster.members, me)
    mine = [d for d in wanted if muster.holders.get(d) == me]
    free = [d for d in wanted if d not in muster.holders]
    # Each begins with others, so that they do not all reach for the same.
    rank, many = sorted(muster.members).index(me), len(muster.members)
    reach = [*free[rank::many], *(d for n, d in enumerate(free) if n % many != rank)]
    return Orders(tuple(reach[: max(0, fair - len(mine))]), tuple(mine[fair:]))
