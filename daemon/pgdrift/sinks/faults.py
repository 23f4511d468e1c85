"""What went wrong on the way, in: the one error that the outbox understands, out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from pgdrift.errors import SinkError

NETWORK = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
"""What is raised when the other side could not be reached, or went away.

The resolver raises UnicodeError for what can be no host's name.
"""

_RETRY_AFTER = 30.0  # seconds, when a limit is told without saying for how long
_LONGEST = 86_400.0  # seconds: by then whatever waits is given up
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_NOT_TAKEN = 503  # the one answer of a broken server that says nothing was done


def unreachable(host: str, error: BaseException) -> SinkError:
    """Return the error for a host that did not answer.

    The message names only the type of the fault: its text may hold a URL that is a secret.
    """
    detail = getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
    return SinkError(
        f"{host} did not answer: {detail}",
        reason="unreachable",
        hint="check the network, a proxy (HTTPS_PROXY) and the certificate authorities",
        retry=True,
        in_doubt=not isinstance(error, aiohttp.ClientConnectorError | UnicodeError),
    )


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how many seconds an answer asks to be left in peace; None when it does not say.

    `Retry-After` is in seconds or a date. A date is by the clock of whoever says so, where the
    answer tells what that shows, else by ours (`now`, UTC).
    """
    asked = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return min(float(asked), _LONGEST)
    at = _moment(asked)
    if at is None:
        return None
    wait = at - (_moment(headers.get("Date", "")) or now)
    return min(max(wait.total_seconds(), 0.0), _LONGEST)


def broken(host: str, message: str, status: int, headers: Mapping[str, str]) -> SinkError:
    """Return the error for a server that broke over a message, and may have taken it before."""
    if asked_to_wait(headers, datetime.now(UTC)) is not None:
        return rate_limited(host, headers)
    return SinkError(message, reason="refused", retry=True, in_doubt=status != _NOT_TAKEN)


def rate_limited(host: str, headers: Mapping[str, str]) -> SinkError:
    """Return the error for a service that asks to wait, with the seconds that it asks for."""
    asked = asked_to_wait(headers, datetime.now(UTC))
    wait = _RETRY_AFTER if asked is None else asked
    return SinkError(
        f"{host} asks to wait: not before {wait:g} s from now",
        reason="rate_limited",
        retry=True,
        retry_after=wait,
    )


def _moment(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # Of the three ways in which HTTP writes a date, one has no zone: all are in GMT.
    return at if at.tzinfo else at.replace(tzinfo=UTC)
