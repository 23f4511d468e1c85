"""The channels: a delivery and the settings of one channel in, a message to people out.

A channel is one file: its settings beside its one `send`. A new one is named in `Channel` and in
`deliver`, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias, assert_never

from pydantic import Field

from pgdrift.core.alerts.incident import Delivery
from pgdrift.core.alerts.marks import Mark
from pgdrift.sinks import alertmanager, apprise, email, http, slack, webhook
from pgdrift.sinks.alertmanager import AlertmanagerChannel
from pgdrift.sinks.apprise import AppriseChannel
from pgdrift.sinks.email import EmailChannel
from pgdrift.sinks.http import WebhookChannel
from pgdrift.sinks.pace import UNPACED, Pace
from pgdrift.sinks.payload import NO_PLANS, Plans
from pgdrift.sinks.slack import SlackChannel
from pgdrift.sinks.webhook import SlackWebhookChannel

__all__ = [
    "AlertmanagerChannel",
    "AppriseChannel",
    "Channel",
    "EmailChannel",
    "SlackChannel",
    "SlackWebhookChannel",
    "WebhookChannel",
    "deliver",
    "missing",
    "pace",
]

Channel: TypeAlias = Annotated[
    SlackChannel
    | SlackWebhookChannel
    | EmailChannel
    | WebhookChannel
    | AlertmanagerChannel
    | AppriseChannel,
    Field(discriminator="type"),
]


async def deliver(
    channel: Channel,
    delivery: Delivery,
    *,
    link: str | None,
    marks: Sequence[Mark] = (),
    plans: Plans = NO_PLANS,
) -> Mapping[str, str]:
    """Tell one notice through one channel, in one try; return what to keep for the next notice.

    `link` is the address of the web page, if it has one that people can open; `marks` are what
    people said of the incident and holds, `plans` what is kept for incidents. What is returned
    comes back as `delivery.thread`. Raises SinkError.
    """
    match channel:
        case SlackChannel():
            return await slack.send(channel, delivery, link=link, marks=marks)
        case SlackWebhookChannel():
            return await webhook.send(channel, delivery, link=link)
        case EmailChannel():
            return await email.send(channel, delivery, link=link)
        case WebhookChannel():
            return await http.send(channel, delivery, link=link, plans=plans)
        case AlertmanagerChannel():
            return await alertmanager.send(channel, delivery, link=link)
        case AppriseChannel():
            return await apprise.send(channel, delivery, link=link)
    assert_never(channel)


def pace(channel: Channel) -> Pace:
    """Return how fast the channel's service bears deliveries."""
    match channel:
        case SlackChannel() | SlackWebhookChannel():
            return slack.PACE
        case _:
            return UNPACED


def missing(channel: Channel) -> str:
    """Say what a channel needs and is not installed; empty for nothing."""
    return apprise.missing() if isinstance(channel, AppriseChannel) else ""
