"""A Slack and a mail server that run here, and speak the real protocols."""

from collections.abc import AsyncIterator

import pytest

from pgdrift.demo.slack import SlackDouble
from pgdrift.sinks import EmailChannel, SlackChannel, SlackWebhookChannel
from tests.sinks.mailserver import MailServer

TOKEN = "xoxb-1-secret"


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble(token=TOKEN, channels={"db-oncall": "C0DBONCALL"}) as double:
        yield double


@pytest.fixture
def oncall(slack: SlackDouble) -> SlackChannel:
    return SlackChannel(type="slack", token=TOKEN, channel="#db-oncall", base_url=slack.url)


@pytest.fixture
def hook(slack: SlackDouble) -> SlackWebhookChannel:
    return SlackWebhookChannel(type="slack_webhook", url=slack.webhook_url)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    mail_server = MailServer()
    await mail_server.start()
    yield mail_server
    await mail_server.stop()


@pytest.fixture
def dba(server: MailServer) -> EmailChannel:
    return server.channel()
