"""A Slack that runs here: real HTTP and websockets, as far as pgdrift speaks them, and its limits.

    async with SlackDouble(token="xoxb-demo") as slack:     # or await slack.start(host, port)
        … SlackChannel(type="slack", token="xoxb-demo", channel="#x", base_url=slack.url) …
        slack.messages                          # every message, replies too, the oldest first
        await slack.click("U0MARIA", ts, "ack")       # as a person does it, by Socket Mode

It checks tokens, scopes and blocks as Slack does, and can be told to fail: `limit`, `fail`, `lose`,
`hang`. Nothing of it is ever asked by pgdrift itself: the demo and the tests start it.
"""

from pgdrift.demo.slack.server import SlackDouble
from pgdrift.demo.slack.workspace import ALL_SCOPES

__all__ = ["ALL_SCOPES", "SlackDouble"]
