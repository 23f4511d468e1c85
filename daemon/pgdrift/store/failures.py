"""The database's errors as ours, translated once, at the edge; and the one error of our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from pgdrift.errors import StoreError

_REASONS = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_PERM: "unwritable",
    sqlite3.SQLITE_IOERR: "unwritable",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CONSTRAINT: "conflict",
}

_WORDS = {
    "locked": (
        "the store {path} is held by another process",
        "end the other pgdrift command that writes to it, or wait for it",
    ),
    "full": ("no space is left for the store {path}", "free space on that disk"),
    "unreachable": (
        "the store {path} cannot be reached ({detail})",
        "see that its server runs and can be reached from here; pgdrift tries again by itself",
    ),
    "authentication": (
        "the server of the store {path} does not let pgdrift in ({detail})",
        "check user and password in store.url, and the server's pg_hba.conf",
    ),
    "absent": (
        "the store {path} is not there ({detail})",
        "create the database; pgdrift makes its tables there by itself",
    ),
    "unwritable": (
        "the store {path} cannot be written ({detail})",
        (
            "let pgdrift's user write to it: a file and its directory on a healthy disk, or a"
            " schema of a database that is no standby"
        ),
    ),
    "damaged": (
        "the store {path} is damaged, or no store at all ({detail})",
        "restore it from its latest backup, or move it away to begin anew",
    ),
    "conflict": (
        "the store {path} holds already what was to be kept, or lacks what it is about ({detail})",
        "see that only one pgdrift daemon works on this store; if so, report it as a bug",
    ),
}


class Fenced(StoreError):  # noqa: N818 - a state of affairs, not a fault
    """What was to be kept is another replica's to keep by now; nothing of it was kept."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not held by this replica any more",
            reason="fenced",
            hint="nothing is to be done: another replica goes on, or this one when it is let in",
        )


class Stale(StoreError):  # noqa: N818 - a state of affairs, not a fault
    """A look was made before the environment was declared right anew; nothing of it was kept."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"{environment} was declared right by someone else during this look",
            reason="stale",
            hint="look again",
        )


def store_error(reason: str, path: str, detail: str = "") -> StoreError:
    """Return the error for a reason, with the words that go with it."""
    message, hint = _WORDS[reason]
    return StoreError(message.format(path=path, detail=detail), reason=reason, hint=hint)


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise what the database raises as StoreError; what has no translation is a bug of ours."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        orig = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(orig, "sqlite_errorcode", None)
        reason = None if code is None else _REASONS.get(code & 0xFF)
        if reason is None:
            raise
        raise store_error(reason, path, str(orig)) from error
