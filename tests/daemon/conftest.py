"""A house per test: a Slack and a mail server that run here, and daemons that are gone after it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pgdrift.demo.slack import SlackDouble
from tests.daemon.house import CHANNEL, TOKEN, House
from tests.sinks.mailserver import MailServer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    mail = MailServer()
    await mail.start()
    async with SlackDouble(token=TOKEN, channels={"db-oncall": CHANNEL}) as slack:
        made = House(tmp_path, slack, mail)
        yield made
        for daemon in made.daemons:
            if daemon.process.returncode is None:
                daemon.process.kill()
                await daemon.process.wait()
    await mail.stop()
