"""One daemon per store: a lock on a file beside it, which the system lifts when a process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pgdrift.errors import StoreError
from pgdrift.store.failures import store_error


@contextmanager
def hold(path: str) -> Iterator[None]:
    """Hold the lock of the store at this path for the time of a block.

    Raises StoreError: `locked` when another daemon holds it, `unwritable`.
    """
    try:
        # The same store by another name has the same lock.
        lock = f"{os.path.realpath(path)}.lock"
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        _take(file, path, lock)
        yield
    finally:
        # The file stays: were it removed, two could hold the lock of two files of that name.
        os.close(file)


def _take(file: int, path: str, lock: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"another pgdrift daemon works on the store {path}",
            reason="locked",
            hint=f"end it first, or give this one a store of its own; the other holds {lock}",
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str, error: OSError) -> StoreError:
    return store_error("unwritable", path, error.strerror or "no reason given")
