"""The compose file is one, what it names is there, and its parts work as far as they can here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from pgdrift.sources.embedded import EmbeddedServer, find_binaries
from tests.conftest import drop_database, run_sql
from tests.daemon.house import ROOT, Json, pgdrift

FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"


def compose() -> Json:
    found: Json = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


SERVICES: dict[str, Any] = compose()["services"]


def mounts(service: str) -> dict[str, str]:
    """Return what is mounted where: by the place inside, the folder or file beside, or a volume."""
    return {v.split(":")[1]: v.split(":")[0] for v in SERVICES[service].get("volumes", ())}


def test_it_keeps_to_the_specification() -> None:
    # Merges are of YAML, and resolved by now.
    text = yaml.safe_dump(compose())
    read = PyCompose.from_yaml(text)
    assert set(read.service_names()) == set(SERVICES)
    read.validate()
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml(text.replace("ports:", "prots:", 1))


def test_every_image_is_pinned_by_a_tag_or_built_here() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert image, name
        assert re.fullmatch(r"v?\d+(\.\d+)+", tag) or (service["build"], tag) == (
            {"context": "../.."},
            "local",
        ), name


def test_what_is_mounted_is_there_and_read_only() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, _, *how = volume.split(":")
            if source.startswith("."):
                assert (FOLDER / source).exists(), f"{name}: {source}"
                assert how == ["ro"], f"{name}: {volume}"
            else:
                assert source in compose()["volumes"], f"{name}: {volume}"


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_daemon_runs_as_the_chart_runs_it() -> None:
    service = SERVICES["pgdrift"]
    assert service["user"] == "10001:10001"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(mounts("pgdrift")) == {
        "/etc/pgdrift",
        "/run/secrets/pgdrift",
        "/var/lib/pgdrift",
    }


@pytest.mark.db
async def test_its_databases_are_made_and_its_configuration_sees_what_drifted(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """The real script by the real psql, the real configuration by the real program."""
    psql = find_binaries() / "psql"
    text = (FOLDER / "databases.sql").read_text(encoding="utf-8")
    script = tmp_path / "databases.sql"
    script.write_text(text.replace("/demo/", f"{ROOT}/daemon/pgdrift/demo/"), encoding="utf-8")
    named = re.findall(r"(?m)^CREATE DATABASE (\w+)", text)
    try:
        made = subprocess.run(
            [psql, "--no-psqlrc", "--quiet", "--file", script, server.dsn()],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (made.returncode, made.stderr) == (0, "")
        await run_sql(server.dsn(), "alter role pgdrift password 'p'")
        config = (FOLDER / "pgdrift" / "pgdrift.yaml").read_text(encoding="utf-8")
        for name in named:
            config = config.replace(
                f"postgresql://pgdrift@databases/{name}", server.dsn(name, "pgdrift", "p")
            )
        assert "@databases/" not in config
        config = config.replace("/var/lib/pgdrift/", f"{tmp_path}/")
        (tmp_path / "pgdrift.yaml").write_text(config, encoding="utf-8")
        said = await pgdrift("check", "--format", "json", "--config", tmp_path / "pgdrift.yaml")
        assert said.code == 1, said.both
        assert "shop.orders_by_status_hotfix" in said.out
        assert "shop.orders.own_orders" in said.out
    finally:
        for name in named:
            await drop_database(server.dsn(), name)
        for role in (
            "pgdrift",
            "anna",
            "deploy",
            "shop_app",
            "shop_support",
            "shop_reporting",
            "shop_owner",
        ):
            await run_sql(server.dsn(), f"drop role if exists {role}")


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    rules = FOLDER / mounts("prometheus")["/etc/prometheus/rules/pgdrift.yaml"]
    assert rules.exists()
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    placed = tmp_path / "prometheus.yml"
    placed.write_text(text.replace("/etc/prometheus/rules/*.yaml", str(rules.resolve())))
    checked = subprocess.run(
        [tool("promtool"), "check", "config", str(placed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    data = yaml.safe_load(text)
    (scraped,) = data["scrape_configs"][0]["static_configs"][0]["targets"]
    (told,) = data["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    for target, port in ((scraped, 8080), (told, 9093)):
        host, _, number = target.partition(":")
        assert host in SERVICES
        assert int(number) == port


def test_alertmanager_takes_its_configuration() -> None:
    checked = subprocess.run(
        [tool("amtool"), "check-config", str(FOLDER / "alertmanager.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    provisioning = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert (host in SERVICES, port, source["type"]) == (True, "9090", "prometheus")
    (provider,) = yaml.safe_load((provisioning / "dashboards/pgdrift.yaml").read_text())[
        "providers"
    ]
    folder = FOLDER / mounts("grafana")[provider["options"]["path"]]
    assert [d for d in folder.glob("*.json") if json.loads(d.read_text(encoding="utf-8"))["title"]]
    assert mounts("grafana")["/etc/grafana/provisioning"] == "./grafana/provisioning"
