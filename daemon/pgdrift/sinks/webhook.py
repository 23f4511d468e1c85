"""A Slack incoming webhook: it posts and nothing else.

It can neither edit nor thread nor search, so every notice is a message of its own that names its
incident, and one that may have arrived before says so.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, Field, model_validator

from pgdrift.core.alerts.incident import Delivery
from pgdrift.core.shown.render import one_line
from pgdrift.errors import SinkError
from pgdrift.sinks import blocks as layout
from pgdrift.sinks.faults import NETWORK, broken, rate_limited, unreachable
from pgdrift.sinks.mrkdwn import escape
from pgdrift.sinks.posting import SecretUrl, read_url
from pgdrift.sinks.secret import SETTINGS, check_one_source
from pgdrift.sinks.thread import own

_TIMEOUT = 15.0  # seconds
_GONE = frozenset({"no_service", "no_service_id", "no_team", "invalid_token", "action_prohibited"})


class SlackWebhookChannel(BaseModel):
    """Where to post. The address is a secret: who has it may write to the channel."""

    model_config = SETTINGS

    type: Literal["slack_webhook"]
    url: SecretUrl = Field(None, description="the webhook's whole address")
    url_file: Path | None = Field(None, description="file with it, read at each message")

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        check_one_source("url", self.url, self.url_file)
        return self


async def send(
    channel: SlackWebhookChannel, delivery: Delivery, *, link: str | None
) -> Mapping[str, str]:
    """Tell one notice; return the incident's id, which marks that it was told here before.

    Raises SinkError.
    """
    url = await read_url(channel.url, channel.url_file)
    await _post(url, _body(own(delivery, "incident"), link))
    return {"incident": delivery.notice.incident.id}


def _body(delivery: Delivery, link: str | None) -> dict[str, object]:
    first, repeated = delivery.thread is None or bool(delivery.parts), delivery.uncertain
    line, blocks = (
        (layout.headline, layout.standing) if first else (layout.reply_line, layout.alone)
    )
    return {
        "text": escape(line(delivery, repeated=repeated)),
        "blocks": blocks(delivery, link=link, repeated=repeated),
        "unfurl_links": False,
        "unfurl_media": False,
    }


async def _post(url: str, body: dict[str, object]) -> None:
    host = urlsplit(url).hostname or "the webhook"
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, json=body, allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(200)).decode("utf-8", "replace")
            status, headers = answer.status, answer.headers
    except NETWORK as error:
        raise unreachable(host, error) from None
    if status != 200:
        raise _refusal(host, status, one_line(said), headers)


def _refusal(host: str, status: int, said: str, headers: Mapping[str, str]) -> SinkError:
    if status == 429:
        return rate_limited(host, headers)
    message = f"{host} did not take the message: HTTP status {status}, {json.dumps(said)}"
    if status >= 500:
        return broken(host, message, status, headers)
    if status in {401, 403, 404, 410} or said in _GONE:
        hint = "the webhook was removed or its channel archived: make a new one in the Slack app"
        reason = "authentication" if status in {401, 403} else "invalid"
        return SinkError(message, reason=reason, hint=hint, retry=False)
    return SinkError(message, reason="refused", retry=False)
