"""Configurations and words that cannot be meant: exit code 3, the line, a hint, and no secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from tests.daemon.house import Said, pgdrift

SECRET = "s3cret-Pa55"
DSN = f"postgresql://watcher:{SECRET}@127.0.0.1:1/db"


def refused(said: Said) -> None:
    assert said.code == 3, said
    assert said.out == "", said
    assert "Traceback" not in said.err
    assert SECRET not in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            f"environments:\n  a: {{ dsn: '{DSN}', folows: b }}\n",
            ["config.yaml:2", "unknown key", "did you mean 'follows'"],
            id="unknown key",
        ),
        pytest.param(
            f"enviroments:\n  a: {{ dsn: '{DSN}' }}\n",
            ["config.yaml:1", "unknown key", "did you mean 'environments'"],
            id="unknown section",
        ),
        pytest.param(
            f"environments:\n  a:\n    dsn: '{DSN}'\n    dsn_file: /run/secrets/a\n",
            ["config.yaml:2", "two sources for one secret"],
            id="two secrets for one thing",
        ),
        pytest.param(
            "environments:\n  a: { follows: b }\n", ["config.yaml:2", "neither is given"], id="none"
        ),
        pytest.param(
            "alerts:\n  channels:\n    oncall: { type: slack, channel: '#x', token: "
            f"'{SECRET}', token_file: /t }}\n",
            ["config.yaml:3", "token"],
            id="two tokens",
        ),
        pytest.param(
            f"environments:\n  a: {{ dsn: '{DSN}', follows: b }}\n"
            f"  b: {{ dsn: '{DSN}', follows: c }}\n  c: {{ dsn: '{DSN}', follows: a }}\n",
            ["config.yaml:2", "a cycle", "a → b → c → a"],
            id="cycle",
        ),
        pytest.param(
            f"environments:\n  a: {{ dsn: '{DSN}', follows: a }}\n", ["a cycle"], id="own tail"
        ),
        pytest.param(
            f"environments:\n  prod: {{ dsn: '{DSN}' }}\n  b: {{ dsn: '{DSN}', follows: prd }}\n",
            ["config.yaml:3", "neither an environment nor", "did you mean 'prod'"],
            id="follows nobody",
        ),
        pytest.param(
            "alerts:\n  channels: {}\n  routes:\n    - { to: [oncall] }\n",
            ["config.yaml:4", "oncall", "does not exist"],
            id="route to nowhere",
        ),
        pytest.param(
            "defaults: { interval: 30 }\n", ["config.yaml:1", "with a unit"], id="no unit"
        ),
        pytest.param("defaults: { interval: -3s }\n", ["config.yaml:1", "unit"], id="negative"),
        pytest.param(
            f"environments:\n  a: {{ dsn: '{DSN}' }}\n  a: {{ dsn: '{DSN}' }}\n",
            ["config.yaml:3", "given twice"],
            id="twice",
        ),
        pytest.param("environments: [\n", ["this is not YAML"], id="no YAML"),
        pytest.param("- a\n- b\n", ["a mapping of sections"], id="no mapping"),
        pytest.param(
            f"environments:\n  sync: {{ dsn: '{DSN}' }}\n", ["'sync'", "is taken"], id="taken name"
        ),
    ],
)
async def test_a_configuration_that_cannot_be_meant(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    said = await pgdrift("config", "check", "-c", config)
    refused(said)
    assert "hint:" in said.err
    for word in words:
        assert word in said.err, said.err


@pytest.mark.parametrize(
    ("command", "dsn"),
    [
        ("diff", f"postgres//watcher:{SECRET}@127.0.0.1/db"),
        ("check", f"mysql://watcher:{SECRET}@127.0.0.1/db"),
        ("diff", f"postgresql://watcher:{SECRET}@127.0.0.1:54x2/db"),
        ("check", f"postgresql://watcher:{SECRET}@127.0.0.1:99999/db"),
        ("check", f"postgresql://watcher:{SECRET}@[::1/db"),
        ("diff", f"host=127.0.0.1 password='{SECRET} dbname=db"),
        ("check", f"postgresql://watcher:{SECRET}@127.0.0.1:1/db?sslmode=alwys"),
        ("check", f"postgresql://watcher:pass/{SECRET}@127.0.0.1:1/db"),
    ],
)
async def test_a_dsn_with_a_typo(tmp_path: Path, command: str, dsn: str) -> None:
    config = tmp_path / "pgdrift.yaml"
    config.write_text(yaml.safe_dump({"environments": {"a": {"dsn": dsn}}}))
    (tmp_path / "b.json").write_text("{}")
    arguments = [command, dsn, "b.json"] if command == "diff" else [command]
    said = await pgdrift(*arguments, cwd=tmp_path)
    refused(said)
    assert "hint:" in said.err, said.err


@pytest.mark.parametrize(
    "arguments", [["serve"], ["check"], ["status"], ["sync", "a", "--reason", "x"]]
)
async def test_every_command_refuses_a_bad_configuration_alike(
    tmp_path: Path, arguments: list[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"environments:\n  a: {{ dsn: '{DSN}', nonsense: 1 }}\n")
    said = await pgdrift(*arguments, "-c", config)
    refused(said)
    assert "unknown key" in said.err


async def test_what_serve_cannot_start_with_is_said(tmp_path: Path) -> None:
    missing, store, address = (tmp_path / f"{n}.yaml" for n in ("missing", "store", "address"))
    store.write_text(
        "store: { url: 'sqlite:////no/such/folder/x.db' }\nweb: { listen: 127.0.0.1:0 }\n"
    )
    address.write_text("store: { url: 'sqlite:///x.db' }\nweb: { listen: 'nowhere:xyz' }\n")
    runs = [pgdrift("serve", "-c", c, cwd=tmp_path) for c in (missing, store, address)]
    for said, code, words in zip(
        await asyncio.gather(*runs),
        (3, 2, 3),
        ("missing.yaml", "/no/such/folder", "web"),
        strict=True,
    ):
        assert said.code == code, said
        assert words in said.err
        assert "hint:" in said.err
        assert "Traceback" not in said.both
