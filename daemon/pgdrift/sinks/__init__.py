"""The channels: a delivery and the settings of one channel in, a message to people out.

A channel is one file: its settings beside its one `send`. A new one is named in `Channel` and in
`deliver`, and nowhere else.
"""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, assert_never

from pydantic import Field

from pgdrift.core.incident import Delivery
from pgdrift.sinks import email, slack, webhook
from pgdrift.sinks.email import EmailChannel
from pgdrift.sinks.slack import SlackChannel
from pgdrift.sinks.webhook import SlackWebhookChannel

__all__ = ["Channel", "EmailChannel", "SlackChannel", "SlackWebhookChannel", "deliver"]

Channel: TypeAlias = Annotated[
    SlackChannel | SlackWebhookChannel | EmailChannel, Field(discriminator="type")
]


async def deliver(channel: Channel, delivery: Delivery, *, link: str | None) -> Mapping[str, str]:
    """Tell one notice through one channel, in one try; return what to keep for the next notice.

    `link` is the address of the web page, if it has one that people can open. What is returned
    comes back as `delivery.thread`. Raises SinkError.
    """
    match channel:
        case SlackChannel():
            return await slack.send(channel, delivery, link=link)
        case SlackWebhookChannel():
            return await webhook.send(channel, delivery, link=link)
        case EmailChannel():
            return await email.send(channel, delivery, link=link)
    assert_never(channel)
