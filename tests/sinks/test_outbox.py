import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import structlog

from pgdrift.core.alerts.incident import Delivery
from pgdrift.errors import SinkError, StoreError
from pgdrift.log import configure
from pgdrift.metrics import NOTIFIED
from pgdrift.sinks.outbox import GIVE_UP, Outbox, Send, deliver_due, next_attempt
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
        return Outbox(self.due, self.begin, self.done, self.failed, self.postpone)

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

    async def postpone(self, channel: str, until: datetime) -> None:
        self.log.append(("postpone", channel, until))


def waiting(id_: str, channel: str = "oncall", incident: str = "one") -> Delivery:
    notice = samples.night()
    notice = replace(notice, incident=replace(notice.incident, id=incident))
    return Delivery(id_, channel, notice)


async def tell(book: Book, send: Send) -> list[tuple[str, str]]:
    told = deliver_due(book.outbox(), send, now=lambda: NOW, jitter=lambda: 0.0)
    return [(t.delivery.id, t.outcome) async for t in told]


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
    at = NOW + timedelta(seconds=40)
    assert book.log[1:] == [("failed", "a", "rate_limited", at), ("postpone", "oncall", at)]


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
    book = Book(*(waiting(str(i), incident=str(i)) for i in range(9)))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        raise fault(reason)

    assert await tell(book, send) == [("0", reason)]
    assert ("begin", "1") not in book.log
    assert ("postpone", "oncall", NOW + timedelta(seconds=15)) in book.log


async def test_a_channel_that_is_not_to_be_had_is_asked_once_also_when_it_is_given_up() -> None:
    old = [replace(d, notice=replace(d.notice, at=NOW - GIVE_UP)) for d in map(waiting, "123")]
    book = Book(*(replace(d, id=f"{n}") for n, d in enumerate(old)))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        raise fault()

    assert await tell(book, send) == [("0", "unreachable")]
    assert book.log == [("begin", "0"), ("failed", "0", "unreachable", None)]


@pytest.fixture
def logging() -> Iterator[Callable[..., None]]:
    """Give what sets up logging; after the test it is as it was."""
    yield configure
    structlog.reset_defaults()


async def test_a_bug_ends_the_delivery_that_it_befell_and_no_other(
    logging: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    logging(fmt="json")
    book = Book(waiting("a"), waiting("b", incident="two"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        return {"ts": {"b": "1"}[delivery.id]}

    assert await tell(book, send) == [("a", "bug"), ("b", "delivered")]
    assert ("failed", "a", "bug", None) in book.log
    bug, given_up, _ = map(json.loads, capsys.readouterr().err.splitlines())
    assert (bug["event"], given_up["event"]) == ("notification.bug", "notification.given_up")
    assert "Traceback" in bug["exception"]
    assert "KeyError: 'a'" in bug["exception"]
    assert "bug" in NOTIFIED


async def test_what_the_store_cannot_keep_is_no_fault_of_the_delivery() -> None:
    book = Book(waiting("a"))

    async def send(delivery: Delivery) -> Mapping[str, str]:
        return {}

    async def done(delivery: Delivery, now: datetime, ref: Mapping[str, str]) -> None:
        raise StoreError("no space", reason="full")

    outbox = replace(book.outbox(), done=done)
    with pytest.raises(StoreError, match="no space"):
        [t async for t in deliver_due(outbox, send, now=lambda: NOW, jitter=lambda: 0.0)]
    assert book.log == [("begin", "a")]
