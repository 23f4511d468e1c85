"""How many connections each server gets, and what they are for: values in, values out.

A server's room is its own and does not move with what other servers do, so that one that hangs
delays none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Looks at one server at the same time. More of them make each slower, and the server busier, and
# none of them the sooner: one process takes in what they read.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """The most connections to one server, and to all of them together."""

    per_server: int = 20
    total: int = 200


@dataclass(frozen=True, slots=True)
class Share:
    """What one server's connections are for.

    `looks` may be made there at once; none: nothing can be read. `probe`: one connection stands
    for all of its databases. `keep`: each keeps its connection between looks. `listen`: each
    listens over one more.
    """

    looks: int
    probe: bool = False
    keep: bool = False
    listen: bool = False


def shares(wanted: Mapping[str, tuple[int, int]], budget: Budget) -> Mapping[str, Share]:
    """Return each server's share. `wanted`: how many databases, how many of them to listen to."""
    demands = {server: 1 + databases + ears for server, (databases, ears) in wanted.items()}
    rooms = allotted(demands, budget)
    return {server: _share(rooms[server], *wanted[server]) for server in wanted}


def allotted(demands: Mapping[str, int], budget: Budget) -> Mapping[str, int]:
    """Return what each gets: nobody more than asked, and who gets less no less than any other."""
    left, rooms = budget.total, {}
    smallest_first = sorted(demands, key=lambda server: demands[server])
    for number, server in enumerate(smallest_first):
        fair = left // (len(smallest_first) - number)
        rooms[server] = min(demands[server], budget.per_server, fair)
        left -= rooms[server]
    return rooms


def _share(room: int, databases: int, ears: int) -> Share:
    """Spend a server's room: a look, the probe, who listens, and then what is kept open."""
    # One database alone is its own probe.
    probe = room > 1 and databases > 1
    left = room - probe
    listen = 0 < ears < left
    if listen:
        left -= ears
    return Share(min(left, AT_ONCE, databases), probe, left >= databases, listen)


def given_up(asked: float, answered: float, now: float, patience: float) -> bool:
    """Tell whether to wait no longer for a turn: since then the server answered no look.

    Times are seconds of a clock that only goes forward; `answered` is when it last answered one,
    be it with a refusal.
    """
    return now - max(asked, answered) >= patience
