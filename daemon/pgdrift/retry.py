"""The one retry policy: named errors only, bounded in tries and time, jittered, logged."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
import tenacity

from pgdrift.errors import SourceError

T = TypeVar("T")

# What another try a moment later may mend. A wrong password or a missing right stays wrong.
_TRANSIENT = frozenset({"unreachable", "timeout", "busy", "interrupted"})

log = structlog.get_logger(name="retry")


def _transient(error: BaseException) -> bool:
    return isinstance(error, SourceError) and error.reason in _TRANSIENT


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info(
        "retry.scheduled",
        attempt=state.attempt_number,
        wait_seconds=round(state.upcoming_sleep, 3),
        reason=getattr(error, "reason", None),
    )


async def retry_source(
    work: Callable[[], Awaitable[T]], *, tries: int = 3, within_seconds: float = 10.0
) -> T:
    """Return what `work` returns, tried again while a server is only briefly not to be had.

    Raises the last SourceError when the tries or the time are spent, any other error at once.
    """
    policy = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(_transient),
        stop=tenacity.stop_after_attempt(tries) | tenacity.stop_after_delay(within_seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        before_sleep=_log,
        reraise=True,
    )
    async for attempt in policy:
        with attempt:
            return await work()
    raise AssertionError("unreachable: the policy raises the last error")


def backoff_seconds(failures: int, *, base: float, most: float) -> float:
    """Return how long to wait after so many failures in a row (1 or more), without jitter."""
    return float(min(most, base * 2.0 ** min(failures - 1, 30)))
