"""The settings of a Slack channel in, a client that speaks to Slack as its app out.

Knows the token for as long as it is used, and keeps it out of every log.
"""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

import aiohttp
from pydantic import AfterValidator, BaseModel, Field, SecretStr, field_validator, model_validator
from slack_sdk.web.async_client import AsyncWebClient

from pgdrift.sinks.hosts import check_url
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret
from pgdrift.sinks.slack_errors import translated

TIMEOUT = 15.0  # seconds, for one call

USER = re.compile(r"[UW][A-Z0-9]{2,20}")
"""A user's id, as Slack writes it."""

ANYBODY = "*"
"""In `actors`: whoever can see the message."""

# The SDK writes requests to its logger at debug level; a level above keeps them out of any log.
_quiet = logging.getLogger("pgdrift.sinks.slack.sdk")
_quiet.setLevel(logging.CRITICAL)


def _base_url(url: str) -> str:
    return check_url(url if url.endswith("/") else f"{url}/")


class SlackChannel(BaseModel):
    """Where and with which bot token to write. `channel` is a name (`#db-oncall`) or an id.

    With the app's own token as well, messages have buttons, which the `actors` may press.
    """

    model_config = SETTINGS

    type: Literal["slack"]
    token: SecretStr | None = Field(None, description="bot token, xoxb-…")
    token_file: Path | None = Field(None, description="file with the token, read at each message")
    channel: str = Field(min_length=1, description="a name, #db-oncall, or the channel's id")
    app_token: SecretStr | None = Field(
        None, description="app-level token, xapp-…: messages get buttons, by Socket Mode"
    )
    app_token_file: Path | None = Field(
        None, description="file with it, read at each connection; without either no buttons"
    )
    actors: tuple[str, ...] = Field(
        (), description="who may press them and ask: Slack's user ids, U…, or * for everybody"
    )
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://slack.com/api/", description="another address only for a proxy or a test"
    )

    @field_validator("actors")
    @classmethod
    def _ids(cls, actors: tuple[str, ...]) -> tuple[str, ...]:
        for actor in actors:
            if actor != ANYBODY and not USER.fullmatch(actor):
                msg = (
                    f"{actor!r} is no user's id: copy it from the profile in Slack, U…, or write *"
                )
                raise ValueError(msg)
        return actors

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        check_one_source("token", self.token, self.token_file)
        if self.interactive:
            check_one_source("app_token", self.app_token, self.app_token_file)
        if self.interactive != bool(self.actors):
            msg = "app_token and actors belong together: buttons, and who may press them"
            raise ValueError(msg)
        return self

    @property
    def interactive(self) -> bool:
        """Whether its messages have buttons."""
        return self.app_token is not None or self.app_token_file is not None

    def allows(self, user: str) -> bool:
        """Tell whether somebody may press a button or ask."""
        return ANYBODY in self.actors or user in self.actors


@asynccontextmanager
async def client_of(channel: SlackChannel) -> AsyncIterator[AsyncWebClient]:
    """Give a client with the channel's bot token. What goes wrong inside is raised as SinkError."""
    token = await read_secret("token", channel.token, channel.token_file)
    rotates = channel.token_file is not None
    async with (
        translated(channel.base_url, channel.channel, rotates=rotates),
        bare_client(channel.base_url, token) as client,
    ):
        yield client


@asynccontextmanager
async def bare_client(base_url: str, token: str | None) -> AsyncIterator[AsyncWebClient]:
    """Give a client with a token, or with none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        # No handlers: the SDK's own retry after a lost connection would post a second message.
        client = AsyncWebClient(token, base_url, session=session, retry_handlers=[], logger=_quiet)
        # The SDK's proxy ignores NO_PROXY; the session (trust_env) honours it.
        client.proxy = None
        yield client
