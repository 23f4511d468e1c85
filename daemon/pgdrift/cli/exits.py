"""What the shell is told: outcome → exit code. These numbers are a contract."""

from pgdrift.core.model import Outcome

IN_SYNC = 0
DRIFTED = 1
UNKNOWN = 2
USAGE = 3
# Of `plan`: all of it is planned; part of it is left by hand.
PLANNED = 1
BY_HAND = 4

_CODES = {Outcome.IN_SYNC: IN_SYNC, Outcome.DRIFTED: DRIFTED, Outcome.UNKNOWN: UNKNOWN}


def of(*outcomes: Outcome) -> int:
    """Return the code for several outcomes: unknown outweighs drift, drift outweighs in sync."""
    return max((_CODES[o] for o in outcomes), default=IN_SYNC)
