"""How long ago that was made which a delivery tells as new, and by what that is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from pgdrift.core.alerts.incident import Delivery, Incident, Notice, Reason, State
from pgdrift.core.alerts.news import News, Since, news
from pgdrift.core.model import Blame, Confidence, Finding, Severity
from tests.core.build import NOW, after, changed, column, finding

EARLIER, EVEN_EARLIER, LATER = after(seconds=-5), after(seconds=-9), after(seconds=5)


def found(name: str, *, seen: datetime = NOW, **blame: datetime) -> Finding:
    """Return a finding that a look first saw at a time, made within the half minute before it."""
    window = Blame(Confidence.WINDOW, after=after(seconds=-30), until=NOW)
    made = finding(changed(column(name).id))
    blamed = replace(window, **blame)  # type: ignore[arg-type]
    return replace(made, first_seen=seen, blame=blamed)


def tells(*findings: Finding, new: tuple[str, ...] | None = None, **more: object) -> Delivery:
    first = NOW, NOW, NOW
    incident = Incident("i", "e", "sync", State.OPEN, Severity.INFO, *first, None, findings)
    keys = tuple(f.key for f in findings) if new is None else new
    delivery = Delivery("d", "oncall", Notice(incident, Reason.FIRST, NOW, keys))
    return replace(delivery, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blame", "made"),
    [
        ({"at": EARLIER, "heard_at": EVEN_EARLIER}, News(EARLIER, Since.RECORDED)),
        ({"heard_at": EARLIER}, News(EARLIER, Since.HEARD)),
        ({}, News(NOW, Since.SEEN)),
    ],
)
def test_what_is_on_record_goes_before_what_was_heard(
    blame: dict[str, datetime], made: News
) -> None:
    assert news(tells(found("a", **blame))) == made


@pytest.mark.parametrize("wrong", [after(hours=-8), after(hours=8)])
def test_a_server_whose_clock_is_wrong_says_no_more_than_the_looks(wrong: datetime) -> None:
    made = news(tells(found("a", at=wrong)))
    assert made is not None
    assert after(seconds=-30) <= made.at <= NOW


def test_what_waited_for_the_upstream_was_made_before_it_was_found() -> None:
    assert news(tells(found("a", until=EARLIER))) == News(EARLIER, Since.SEEN)


def test_of_several_the_one_that_waited_longest_counts() -> None:
    a, b = found("a", at=EARLIER), found("b", at=EVEN_EARLIER)
    assert news(tells(a, b)) == News(EVEN_EARLIER, Since.RECORDED)
    # But not what was told before.
    assert news(tells(a, b, new=(a.key,))) == News(EARLIER, Since.RECORDED)


def test_a_message_of_several_threads_has_the_news_of_all() -> None:
    a, b = tells(found("a", at=EARLIER)).notice, tells(found("b", at=EVEN_EARLIER)).notice
    assert news(tells(parts=(a, b))) == News(EVEN_EARLIER, Since.RECORDED)


@pytest.mark.parametrize(
    "delivery",
    [
        tells(found("a"), new=()),
        tells(),
        tells(found("a", seen=EARLIER)),
        tells(found("a"), not_before=LATER),
    ],
    ids=["told before", "nothing found", "seen by an earlier look", "quiet hours"],
)
def test_what_is_no_news_or_was_to_wait_is_not_measured(delivery: Delivery) -> None:
    assert news(delivery) is None


def test_a_wait_that_was_over_when_it_was_decided_is_none() -> None:
    assert news(tells(found("a"), not_before=EARLIER)) == News(NOW, Since.SEEN)
