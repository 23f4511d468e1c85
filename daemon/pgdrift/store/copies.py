"""The copy of a store, made before its tables are changed: the way back to the release before.

One is kept, beside the store: that of the latest change.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pgdrift.store.failures import store_error


def beside(path: str) -> Path:
    """Return where the copy of the store at this path lies, or would lie."""
    return Path(f"{path}.before-upgrade")


def keep(path: str) -> Path:
    """Copy what is committed in the store, whole or not at all; return the copy's path.

    Another connection may hold the write lock meanwhile. Raises StoreError (unwritable), and
    sqlite3.Error for what the database has against it: a full disk, a damaged file.
    """
    copy = beside(path)
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        # For this user alone, as the store is.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            with closing(sqlite3.connect(path)) as store:
                store.execute("VACUUM INTO ?", (str(part),))
            _to_disk(part)
            part.replace(copy)
            _to_disk(copy.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise store_error("unwritable", path, f"no copy beside it: {error.strerror}") from error
    return copy


def _to_disk(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
