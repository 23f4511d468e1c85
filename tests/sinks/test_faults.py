"""How long a service asks to be left in peace, and what an answer leaves in doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SinkError
from pgdrift.sinks import SlackChannel, SlackWebhookChannel, WebhookChannel, deliver
from pgdrift.sinks.faults import asked_to_wait
from pgdrift.sinks.outbox import next_attempt
from tests.sinks import samples
from tests.sinks.receiver import Receiver, receiver
from tests.sinks.samples import LINK, on_its_way

NOW = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "37"}, 37),
        ({"Retry-After": " 37 "}, 37),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Sun, 22 Nov 2026 02:02:00 GMT"}, 120),
        ({"Retry-After": "Sunday, 22-Nov-26 02:02:00 GMT"}, 120),
        ({"Retry-After": "Sun Nov 22 02:02:00 2026"}, 120),
        ({"Retry-After": "Sun, 22 Nov 2026 01:00:00 GMT"}, 0),
        # By the clock of whoever says so, where it is told.
        (
            {
                "Date": "Sun, 22 Nov 2026 05:00:00 GMT",
                "Retry-After": "Sun, 22 Nov 2026 05:01:00 GMT",
            },
            60,
        ),
        ({"Date": "soon", "Retry-After": "Sun, 22 Nov 2026 02:02:00 GMT"}, 120),
        # Longer than anything is worth telling: it is given up by then.
        ({"Retry-After": "9" * 400}, 86400),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86400),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Sun, 99 Nov 2026 02:02:00 GMT"}, None),
        ({"Retry-After": "Sun, 22 Nov 99999999999 02:02:00 GMT"}, None),
    ],
)
def test_how_long_it_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_to_wait(headers, NOW) == seconds


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as running:
        yield running


def hook_of(there: Receiver) -> WebhookChannel:
    return WebhookChannel(type="webhook", url=f"{there.url}/hook", secret="s")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_that_no_clock_can_hold_ends_nothing(there: Receiver, status: int) -> None:
    there.status, there.headers = status, {"Retry-After": "9" * 400}
    with pytest.raises(SinkError) as caught:
        await deliver(hook_of(there), on_its_way(samples.night()), link=LINK)
    assert caught.value.reason == "rate_limited"
    again = next_attempt(1, caught.value, NOW, since=NOW)
    assert again == NOW + timedelta(days=1)


async def test_a_service_that_is_away_for_a_while_is_left_in_peace(there: Receiver) -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    there.status, there.headers = 503, {"Retry-After": f"{at:%a, %d %b %Y %H:%M:%S} GMT"}
    with pytest.raises(SinkError) as caught:
        await deliver(hook_of(there), on_its_way(samples.night()), link=LINK)
    assert caught.value.reason == "rate_limited"
    assert 500 < (caught.value.retry_after or 0) <= 600


@pytest.mark.parametrize(
    ("status", "doubt"), [(500, True), (502, True), (503, False), (504, True), (400, False)]
)
async def test_a_server_that_broke_over_a_message_may_have_taken_it(
    there: Receiver, slack: SlackDouble, status: int, doubt: bool
) -> None:
    there.status = status
    slack.fail("rollup_error", status=status)
    hook = SlackWebhookChannel(type="slack_webhook", url=slack.webhook_url)
    for channel in (hook_of(there), hook):
        with pytest.raises(SinkError) as caught:
            await deliver(channel, on_its_way(samples.night()), link=LINK)
        assert caught.value.in_doubt is doubt


@pytest.mark.parametrize(
    ("said", "status", "doubt"),
    [
        # Slack says of these two that a part of it may have been done.
        ("internal_error", 200, True),
        ("fatal_error", 200, True),
        ("", 502, True),
        ("", 503, False),
        ("service_unavailable", 200, False),
        ("invalid_auth", 200, False),
    ],
)
async def test_what_slack_may_have_done_in_spite_of_its_answer_is_in_doubt(
    slack: SlackDouble, oncall: SlackChannel, said: str, status: int, doubt: bool
) -> None:
    slack.fail(said, status=status)
    with pytest.raises(SinkError) as caught:
        await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert caught.value.in_doubt is doubt
