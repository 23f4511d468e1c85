"""Hatches processes of the real command line: it is imported once, and each process is a fork.

In come, on a socket, a program and its arguments, folder and environment, with its three standard
files and a pipe; out go, on that pipe, its pid and then how it ended. A process of its own would
do the same, and take a second of a processor to begin.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence

# What the commands load late is loaded here, too.
_IMPORTED = (
    *("pgdrift.app", "pgdrift.cli", "pgdrift.rules", "pgdrift.sources.settle"),
    *("aiosqlite", "alembic.command", "rich.markup", "sqlalchemy.dialects.sqlite.aiosqlite"),
    "uvloop",
)


def serve(nest: socket.socket) -> list[str]:
    """Hatch whatever is asked for; return in each that was hatched, with its program."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has told of a child may go
    while True:
        head, files, _, _ = socket.recv_fds(nest, 4, 4)
        if not head:
            sys.exit()
        size, body = int.from_bytes(head, "big"), b""
        while len(body) < size:
            body += nest.recv(size - len(body))
        if not os.fork():
            nest.close()
            return _hatched(files, json.loads(body))
        for file in files:
            os.close(file)


def _hatched(files: Sequence[int], asked: dict[str, object]) -> list[str]:
    *standard, told = files
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        _tell(child, standard, told)
    os.close(told)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    return list(asked["program"])  # type: ignore[call-overload,no-any-return]


def _tell(child: int, standard: Sequence[int], told: int) -> None:
    """Tell of a child, from its pid to its end, and go."""
    for file in standard:
        os.close(file)
    os.write(told, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    for _name in _IMPORTED:
        importlib.import_module(_name)
    # Only who was hatched comes back: it runs the program as Python would from the start.
    sys.argv = serve(socket.socket(fileno=int(sys.argv[1])))
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
