"""A house whose configuration and secrets are mounted as kubelet does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from pgdrift.demo.slack import SlackDouble
from tests.daemon.house import CHANNEL, TOKEN, Daemon, House
from tests.operate.kubelet import mount
from tests.sinks.mailserver import MailServer

POLLS_OFTEN = str(Path(__file__).with_name("polls_often.py"))


@dataclass
class Mounted(House):
    """A house whose files change by the swap of a link, and in no other way."""

    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data["alerts"]["channels"]["oncall"]["token_file"] = self.secret("slack", TOKEN)

    @property
    def config(self) -> Path:
        return self.folder / "etc" / "pgdrift.yaml"

    def secret(self, name: str, text: str) -> str:
        """Mount a secret anew, with all others; return its file."""
        self.secrets[name] = text
        mount(self.folder / "run", self.secrets)
        return str(self.folder / "run" / name)

    def watch_by_file(self, name: str, dsn: str, **more: object) -> None:
        """Add an environment whose connection URL is in a file of its name."""
        file = self.secret(name, dsn)
        self.data["environments"][name] = {"dsn_file": file, **more}

    def write(self) -> Path:
        return self.write_text(yaml.safe_dump(self.data, sort_keys=False))

    def write_text(self, text: str) -> Path:
        mount(self.config.parent, {self.config.name: text})
        return self.config

    async def begin(self) -> Daemon:
        """Start a daemon that looks at its files often, and return once it watches."""
        return await (await self.start(POLLS_OFTEN)).watching()


@pytest.fixture
async def mounted(tmp_path: Path) -> AsyncIterator[Mounted]:
    mail = MailServer()
    await mail.start()
    async with SlackDouble(token=TOKEN, channels={"db-oncall": CHANNEL}) as slack:
        made = Mounted(tmp_path, slack, mail)
        yield made
        for daemon in made.daemons:
            if daemon.process.returncode is None:
                daemon.process.kill()
                await daemon.process.wait()
    await mail.stop()
