"""The configurations that come with pgdrift are taken as they stand, with their secrets mounted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pgdrift.core.snapshot_file import dump
from pgdrift.settings import load
from tests.daemon.house import ROOT, pgdrift
from tests.operate.kubelet import mount
from tests.store.nouns import tables

FOLDER = ROOT / "config"
FILES = sorted(p for p in FOLDER.glob("*.yaml") if p.name != "pgdrift.example.yaml")
MOUNTED = "/run/secrets/pgdrift/"
"""Where the chart, the compose file and the unit mount secrets."""


def placed(file: Path, tmp_path: Path) -> Path:
    """Return the configuration with its folders made real: secrets, snapshots, state."""
    text = file.read_text(encoding="utf-8")
    secrets = {word.removeprefix(MOUNTED) for word in text.split() if word.startswith(MOUNTED)}
    values = dict.fromkeys(secrets, "postgresql://pgdrift:p@db.example.org/shop")
    values |= {name: "xoxb-1-2" for name in secrets if name.startswith("slack")}
    values |= dict.fromkeys(secrets & {"webhook"}, "https://hooks.example.org/x")
    mount(tmp_path / "run", values)
    for name in ("srv", "var"):
        (tmp_path / name).mkdir()
    for name in ("release", "enclave"):
        (tmp_path / "srv" / f"{name}.json").write_text(dump(tables(2)), encoding="utf-8")
    (tmp_path / "var" / "ignore.yaml").write_text("ignore: []\n", encoding="utf-8")
    for said, real in ((MOUNTED, "run/"), ("/srv/pgdrift/", "srv/"), ("/var/lib/pgdrift/", "var/")):
        text = text.replace(said, f"{tmp_path}/{real}")
    placed = tmp_path / file.name
    placed.write_text(text, encoding="utf-8")
    return placed


def test_there_is_one_for_production_for_tenants_and_for_a_network_with_no_way_out() -> None:
    assert [p.stem for p in FILES] == ["airgapped", "production", "tenants"]


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
async def test_it_is_taken_as_it_stands_without_a_warning(file: Path, tmp_path: Path) -> None:
    config = placed(file, tmp_path)
    said = await pgdrift("config", "check", "--config", config)
    settings = load(config)
    good = f"good: {len(settings.environments)} environments, {len(settings.alerts.channels)} channels\n"
    lines = said.both.splitlines(keepends=True)
    # Sections are asked, and there is no such server.
    asked = [line for line in lines if "discover." in line]
    assert [
        line for line in asked if " 0 found now" in line or "cannot be reached" in line
    ] == asked
    assert len(asked) == 2 * len(settings.discover)
    assert (said.code, "".join(line for line in lines if line not in asked)) == (0, good)
    for environment in settings.environments.values():
        if environment.snapshot is None:
            assert environment.read_dsn() == "postgresql://pgdrift:p@db.example.org/shop"
    shown = await pgdrift("config", "show", "--config", config)
    assert shown.code == 0


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_no_secret_stands_in_it_and_each_is_a_file_where_all_mount_them(file: Path) -> None:
    data = yaml.safe_load(file.read_text(encoding="utf-8"))

    def secrets(value: object, key: str = "") -> list[tuple[str, object]]:
        if isinstance(value, dict):
            return [found for k, v in value.items() for found in secrets(v, str(k))]
        if isinstance(value, list):
            return [found for v in value for found in secrets(v)]
        names = ("dsn", "token", "password", "secret", "app_token", "url")
        return [(key, value)] if key.removesuffix("_file") in names else []

    found = secrets({k: v for k, v in data.items() if k != "store"})
    assert found
    assert [(k, v) for k, v in found if not str(v).startswith(MOUNTED)] == []
    assert [k for k, _ in found if not k.endswith("_file")] == []


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_it_is_told_of(file: Path) -> None:
    for page in ("README.md", "docs/install.md"):
        assert f"config/{file.name}" in (ROOT / page).read_text(encoding="utf-8"), page


async def test_a_secret_that_is_not_there_would_be_seen(tmp_path: Path) -> None:
    config = placed(FOLDER / "production.yaml", tmp_path)
    (tmp_path / "run" / "..data" / "slack").unlink()
    said = await pgdrift("config", "check", "--config", config)
    assert "warning: alerts.channels.oncall: token_file" in said.both
