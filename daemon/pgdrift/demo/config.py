"""Where everything runs in; the configuration file out that the daemon is started with.

It is one that anybody could write: the demo starts pgdrift as an operator does.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from pgdrift.demo.databases import ENVIRONMENTS, Shop

DEV_CHANNEL = "#db-dev"
ONCALL_CHANNEL = "#db-oncall"
DBA_MAIL = "dba@example.org"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the daemon serves its page, and where it tells people."""

    web_port: int
    slack_url: str
    slack_token: str
    smtp_port: int


def write_config(folder: Path, shop: Shop, places: Places) -> Path:
    """Write the configuration and its secret files into the folder; return its path."""
    token = _secret(folder / "slack-token", places.slack_token)
    dsns = {name: _secret(folder / f"{name}.dsn", shop.dsn(name)) for name in ENVIRONMENTS}
    config = {
        "defaults": {"interval": "1s", "promotion_lag": "24h"},
        "environments": {
            "development": {"dsn_file": dsns["development"]},
            "staging": {"dsn_file": dsns["staging"], "follows": "development"},
            "production": {
                "dsn_file": dsns["production"],
                "follows": "staging",
                "protected": True,
            },
        },
        "alerts": _alerts(places, token),
        "store": {"url": f"sqlite:///{folder / 'pgdrift.db'}"},
        "web": {
            "listen": f"127.0.0.1:{places.web_port}",
            "public_url": f"http://127.0.0.1:{places.web_port}",
        },
        "log": {"level": "error"},
    }
    path = folder / "pgdrift.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def _alerts(places: Places, token: str) -> dict[str, object]:
    slack = {"type": "slack", "token_file": token, "base_url": places.slack_url}
    return {
        "channels": {
            "dev": {**slack, "channel": DEV_CHANNEL},
            "oncall": {**slack, "channel": ONCALL_CHANNEL},
            "dba": {
                "type": "email",
                "host": "127.0.0.1",
                "port": places.smtp_port,
                "starttls": "none",
                "from": "pgdrift@example.org",
                "to": [DBA_MAIL],
            },
        },
        "routes": [
            {
                "environment": "staging",
                "severity": ["info", "warning", "critical"],
                "to": ["dev"],
            },
            {
                "environment": "production",
                "severity": ["warning", "critical"],
                "to": ["oncall", "dba"],
                "repeat": "12h",
            },
        ],
    }


def _secret(path: Path, text: str) -> str:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    return str(path)
