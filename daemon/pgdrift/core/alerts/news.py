"""How old the news is that a delivery tells: a delivery in, when that was made and by what, out.

News is what is told for the first time, by the look that first saw it: what people asked to wait
for, as the end of quiet hours or of a silence, says nothing of how quick pgdrift is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pgdrift.core.alerts.incident import Delivery, Notice
from pgdrift.core.model import Blame, Finding


class Since(StrEnum):
    """By what the time of a change is known: a record, a notification, or the look that saw it."""

    RECORDED = "recorded"
    HEARD = "heard"
    SEEN = "seen"


class News(NamedTuple):
    """When what is told was made, UTC by our clock, and by what that is known."""

    at: datetime
    since: Since


def news(delivery: Delivery) -> News | None:
    """Return the oldest that a delivery tells of as new; None where it tells nothing new."""
    notices = delivery.parts or (delivery.notice,)
    told = (_made(f) for notice in notices for f in _new(notice, delivery.not_before))
    return min(told, default=None)


def _new(notice: Notice, not_before: datetime | None) -> Iterator[Finding]:
    if not_before is None or not_before <= notice.at:
        for finding in notice.incident.findings:
            if finding.key in notice.new and finding.first_seen == notice.at:
                yield finding


def _made(finding: Finding) -> News:
    blame = finding.blame
    if blame.at is not None:
        return News(_by_our_clock(blame.at, blame), Since.RECORDED)
    if blame.heard_at is not None:
        return News(_by_our_clock(blame.heard_at, blame), Since.HEARD)
    # What waited for a look at the upstream was seen before it was found.
    return News(min(finding.first_seen, blame.until or finding.first_seen), Since.SEEN)


def _by_our_clock(at: datetime, blame: Blame) -> datetime:
    """Return a time that lies between the two looks, whatever the server's clock says."""
    after, until = blame.after or at, blame.until or at
    return max(after, min(at, until))
