"""The real command line, whose wall clock jumps: SIGUSR1 a year ahead, SIGUSR2 a year behind.

As a machine's does whose clock was wrong: what only goes forward goes on, and nobody is told.
"""

import signal
import sys
import time
from datetime import timedelta

import time_machine

from pgdrift import cli

YEAR = timedelta(days=365).total_seconds()
# What the clock would show had it not jumped.
_AHEAD_OF_MONOTONIC = time.time() - time.monotonic()
_travels: list[time_machine.travel] = []


def _jump(number: int, _: object) -> None:
    while _travels:
        _travels.pop().stop()
    by = YEAR if number == signal.SIGUSR1 else -YEAR
    travel = time_machine.travel(time.monotonic() + _AHEAD_OF_MONOTONIC + by)
    travel.start()
    _travels.append(travel)


if __name__ == "__main__":
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _jump)
    cli.main(sys.argv[1:])
