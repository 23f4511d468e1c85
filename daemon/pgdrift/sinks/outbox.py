"""Takes what is due out of the store, tells it, and keeps what became of it.

What was begun is durable before anything is sent, and its end after: a crash in between leaves a
delivery "uncertain", which its channel tells as a repetition and never as new. Knows no channel
and no store; both come as arguments. When a round is due is `post`'s.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts.incident import Delivery
from pgdrift.errors import SinkError, StoreError
from pgdrift.log import get_logger
from pgdrift.retry import backoff_seconds

GIVE_UP = timedelta(hours=24)
"""How long after it was decided a notice is still worth telling."""

_BASE, _MOST = 15.0, 900.0  # seconds
_JITTER = 0.2  # of the wait, so that several replicas do not knock together

# The channel as a whole is not to be had: the rest of its deliveries wait as long as this one.
_CHANNEL_WIDE = frozenset({"unreachable", "rate_limited"})

log = get_logger("sinks.outbox")


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one try. `outcome` is `delivered` or the reason of a SinkError.

    `next_attempt_at` is None when it was delivered or given up.
    """

    delivery: Delivery
    outcome: str
    at: datetime
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outbox:
    """The store's side. All instants are aware and in UTC.

    `due` gives what to tell, in this order, and no delivery while an earlier one of the same
    channel and incident still waits. `failed` gets when to try again, or None when it was given up.
    `postpone` lets what else waits for a channel wait at least until then.
    """

    due: Callable[[datetime], Awaitable[Sequence[Delivery]]]
    begin: Callable[[Delivery, datetime], Awaitable[object]]
    done: Callable[[Delivery, datetime, Mapping[str, str]], Awaitable[object]]
    failed: Callable[[Delivery, datetime, str, datetime | None], Awaitable[object]]
    postpone: Callable[[str, datetime], Awaitable[object]]


Send = Callable[[Delivery], Awaitable[Mapping[str, str]]]
Clock = Callable[[], datetime]


def next_attempt(
    attempts: int, error: SinkError, now: datetime, *, since: datetime, jitter: float = 0.0
) -> datetime | None:
    """Return when to try again after `attempts` failed tries (1 or more), or None to give up.

    `since` is when the notice was decided; `jitter` between 0 and 1 shortens the wait by up to a
    fifth. A wait that the channel asked for is never shortened.
    """
    if not error.retry or now - since >= GIVE_UP:
        return None
    wait = backoff_seconds(attempts, base=_BASE, most=_MOST) * (1 - _JITTER * jitter)
    return now + timedelta(seconds=max(wait, error.retry_after or 0.0))


async def deliver_due(
    outbox: Outbox,
    send: Send,
    *,
    now: Clock,
    jitter: Callable[[], float],
    rest: Callable[[], Awaitable[bool]] | None = None,
) -> AsyncIterator[Told]:
    """Tell everything that is due of one channel, and give what became of each try.

    The order is the store's; a later delivery of an incident waits while an earlier one does.
    `rest` is awaited before each delivery, and False ends the round. A bug in the sending ends
    that one delivery; what the store raises is raised. `send` may raise StoreError before it sends.
    """
    threads: dict[tuple[str, str], Mapping[str, str]] = {}
    waiting: set[tuple[str, str]] = set()
    for delivery in await outbox.due(now()):
        mine = _threads(delivery)
        if not waiting.isdisjoint(mine):
            continue
        if rest is not None and not await rest():
            break
        # What an earlier delivery of this very round opened, a later one continues.
        thread = delivery.thread or threads.get(mine[0])
        result = await _tell(replace(delivery, thread=thread), outbox, send, now, jitter, threads)
        yield result
        if result.outcome in _CHANNEL_WIDE:
            if result.next_attempt_at is not None:
                await outbox.postpone(delivery.channel, result.next_attempt_at)
            break
        if result.next_attempt_at is not None:
            waiting.update(mine)


def _threads(delivery: Delivery) -> tuple[tuple[str, str], ...]:
    return delivery.threads or ((delivery.notice.incident.id, delivery.group),)


async def _tell(
    delivery: Delivery,
    outbox: Outbox,
    send: Send,
    now: Clock,
    jitter: Callable[[], float],
    threads: dict[tuple[str, str], Mapping[str, str]],
) -> Told:
    await outbox.begin(delivery, now())
    try:
        ref = await send(delivery)
        if delivery.parts:
            # It is the thread of several: none of them may edit it as its own.
            ref = {**ref, "digest": delivery.id}
    except SinkError as error:
        return await _failed(delivery, error, outbox, now(), jitter())
    except StoreError:
        # Nothing was sent: what is told beside it could not be read. It is no repetition then.
        await outbox.failed(delivery, now(), "", now())
        raise
    except Exception as error:
        # One delivery that cannot be told must not end the watching, nor come back at each start.
        log.exception("notification.bug", channel=delivery.channel, delivery=delivery.id)
        return await _failed(delivery, _bug(error), outbox, now(), jitter())
    at = now()
    await outbox.done(delivery, at, ref)
    threads |= dict.fromkeys(_threads(delivery), ref)
    log.info("notification.delivered", channel=delivery.channel, delivery=delivery.id)
    return Told(delivery, "delivered", at)


def _bug(error: Exception) -> SinkError:
    return SinkError(
        f"{type(error).__name__} while it was told: a bug of pgdrift",
        reason="bug",
        hint="report it with the traceback that is logged as notification.bug",
        retry=False,
        in_doubt=True,
    )


async def _failed(
    delivery: Delivery, error: SinkError, outbox: Outbox, at: datetime, jitter: float
) -> Told:
    attempts = delivery.attempts + 1
    again = next_attempt(attempts, error, at, since=delivery.since, jitter=jitter)
    uncertain = delivery.uncertain or error.in_doubt
    await outbox.failed(replace(delivery, uncertain=uncertain), at, error.reason, again)
    log.warning(
        "notification.failed" if again else "notification.given_up",
        channel=delivery.channel,
        delivery=delivery.id,
        reason=error.reason,
        error=str(error),
        attempts=attempts,
        next_attempt_at=again.isoformat() if again else None,
    )
    return Told(delivery, error.reason, at, again)
