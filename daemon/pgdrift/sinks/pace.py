"""How fast a service can be told things."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """One delivery every so many seconds in the long run; `burst` of them may come at once."""

    seconds: float = 0.0
    burst: int = 1


UNPACED = Pace()
