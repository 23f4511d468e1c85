"""The real command line, whose SQLite store can take no more from SIGUSR1 on, until SIGUSR2.

SQLite itself says so: its file may not grow.
"""

import signal
import sys

from sqlalchemy import Connection

from pgdrift import cli
from pgdrift.store import engine

_LARGEST = 1_073_741_823
_begin = engine._begin
_pages = [_LARGEST]


def _bounded(connection: Connection) -> None:
    # Less than there are stands for as many as there are.
    connection.exec_driver_sql(f"PRAGMA max_page_count={_pages[0]}")
    _begin(connection)


def _turn(number: int, _: object) -> None:
    _pages[0] = 1 if number == signal.SIGUSR1 else _LARGEST


if __name__ == "__main__":
    engine._begin = _bounded
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _turn)
    cli.main(sys.argv[1:])
