import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pgdrift.core.incident import Delivery
from pgdrift.errors import SinkError
from pgdrift.sinks.outbox import Outbox, Send, deliver_due, next_attempt
from tests.sinks import samples
from tests.sinks.samples import NOW

MINUTE = timedelta(minutes=1)


def fault(
    reason: str = "unreachable", *, retry: bool = True, after: float | None = None
) -> SinkError:
    return SinkError("no", reason=reason, retry=retry, retry_after=after)


@pytest.mark.parametrize(
    ("attempts", "error", "age", "jitter", "seconds"),
    [
        (1, fault(), 0, 0.0, 15),
        (2, fault(), 0, 0.0, 30),
        (3, fault(), 0, 0.0, 60),
        (7, fault(), 0, 0.0, 900),
        (5000, fault(), 0, 0.0, 900),
        (7, fault(), 0, 1.0, 720),
        (1, fault(after=37), 0, 0.0, 37),
        (1, fault(after=37), 0, 1.0, 37),
        (1, fault(after=2), 0, 0.0, 15),
        (9, fault(after=3600), 0, 0.0, 3600),
        (1, fault(retry=False), 0, 0.0, None),
        (90, fault(), 23 * 60 + 59, 0.0, 900),
        (90, fault(), 24 * 60, 0.0, None),
    ],
)
def test_when_to_try_again(
    attempts: int, error: SinkError, age: int, jitter: float, seconds: float | None
) -> None:
    since = NOW - age * MINUTE
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert next_attempt(attempts, error, NOW, since=since, jitter=jitter) == expected


class Book:
    """What was asked of the store, in order."""

    def __init__(self, *queue: Delivery) -> None:
        self.queue = queue
        self.log: list[tuple[object, ...]] = []

    def outbox(self) -> Outbox:
        return Outbox(self.due, self.begin, self.done, self.failed)

    async def due(self, now: datetime) -> Sequence[Delivery]:
        return self.queue

    async def begin(self, delivery: Delivery, now: datetime) -> None:
        self.log.append(("begin", delivery.id))

    async def done(self, delivery: Delivery, now: datetime, ref: Mapping[str, str]) -> None:
        self.log.append(("done", delivery.id, dict(ref)))

    async def failed(
        self, delivery: Delivery, now: datetime, reason: str, again: datetime | None
    ) -> None:
        self.log.append(("failed", delivery.id, reason, again))


def waiting(id_: str, channel: str = "oncall", incident: str = "one") -> Delivery:
    notice = samples.night()
    notice = replace(notice, incident=replace(notice.incident, id=incident))
    return Delivery(id_, channel, notice)


async def tell(book: Book, send: Send) -> list[tuple[str, str]]:
    told = await deliver_due(book.outbox(), send, now=lambda: NOW, jitter=lambda: 0.0)
    return [(t.delivery.id, t.outcome) for t in told]


async def test_what_is_begun_is_kept_before_it_is_sent_and_its_end_after() -> None:
    book = Book(waiting("a"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        book.log.append(("send", delivery.id))
        return {"ts": "1"}

    assert await tell(book, send) == [("a", "delivered")]
    assert book.log == [("begin", "a"), ("send", "a"), ("done", "a", {"ts": "1"})]


async def test_a_failure_is_kept_with_when_to_try_again() -> None:
    book = Book(waiting("a"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        raise fault("rate_limited", after=40)

    assert await tell(book, send) == [("a", "rate_limited")]
    assert book.log[-1] == ("failed", "a", "rate_limited", NOW + timedelta(seconds=40))


async def test_a_slow_channel_holds_up_no_other() -> None:
    book = Book(waiting("slow", "email"), waiting("quick", "slack"))
    quick_is_done = asyncio.Event()

    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.id == "slow":
            await asyncio.wait_for(quick_is_done.wait(), 5)
        else:
            quick_is_done.set()
        return {}

    assert await tell(book, send) == [("slow", "delivered"), ("quick", "delivered")]


async def test_a_later_notice_of_an_incident_waits_for_the_earlier_one() -> None:
    book = Book(waiting("1"), waiting("2"), waiting("other", incident="two"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.id == "1":
            raise fault("refused")
        return {}

    assert await tell(book, send) == [("1", "refused"), ("other", "delivered")]


async def test_a_later_notice_goes_on_after_one_that_was_given_up() -> None:
    book = Book(waiting("1"), waiting("2"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.id == "1":
            raise fault("invalid", retry=False)
        return {}

    assert await tell(book, send) == [("1", "invalid"), ("2", "delivered")]
    assert ("failed", "1", "invalid", None) in book.log


async def test_a_later_notice_of_the_same_round_continues_the_thread() -> None:
    book = Book(waiting("1"), waiting("2"))
    threads: list[Mapping[str, str] | None] = []

    async def send(delivery: Delivery) -> Mapping[str, str]:
        threads.append(delivery.thread)
        return {"ts": "root"}

    await tell(book, send)
    assert threads == [None, {"ts": "root"}]


@pytest.mark.parametrize("reason", ["unreachable", "rate_limited"])
async def test_a_channel_that_is_not_to_be_had_is_asked_once_in_a_round(reason: str) -> None:
    book = Book(*(waiting(str(i), incident=str(i)) for i in range(9)), waiting("x", "email"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        if delivery.channel == "oncall":
            raise fault(reason)
        return {}

    assert await tell(book, send) == [("0", reason), ("x", "delivered")]
    assert ("begin", "1") not in book.log


async def test_a_bug_is_raised_and_leaves_the_delivery_begun() -> None:
    book = Book(waiting("a"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        await tell(book, send)
    assert book.log == [("begin", "a")]
