"""What went wrong on the way, in: the one error that the outbox understands, out."""

from collections.abc import Mapping

import aiohttp

from pgdrift.errors import SinkError

NETWORK = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
"""What is raised when the other side could not be reached, or went away.

The resolver raises UnicodeError for what can be no host's name.
"""

_RETRY_AFTER = 30.0  # seconds, when a limit is told without saying for how long


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


def rate_limited(host: str, headers: Mapping[str, str]) -> SinkError:
    """Return the error for an answer 429, with the seconds that it asks to wait."""
    seconds = headers.get("Retry-After", "")
    wait = float(seconds) if seconds.isdecimal() else _RETRY_AFTER
    return SinkError(
        f"{host} limits the rate: not before {wait:g} s from now",
        reason="rate_limited",
        retry=True,
        retry_after=wait,
    )
