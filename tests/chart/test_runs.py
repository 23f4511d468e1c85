"""What the chart installs, run here: its configuration, its arguments, and its `helm test`."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chart.rendering import Object, of_kind, one, parsed, rendered
from tests.daemon.hatched import hatch
from tests.daemon.house import Daemon, clean_environment, free_port

pytestmark = pytest.mark.db

VALUES = {
    "secrets": {"production": {"name": "pgdrift-databases", "key": "production"}},
    "config": {"environments": {"production": {"dsn_file": "/run/secrets/pgdrift/production"}}},
}


def container() -> Object:
    spec = one("StatefulSet", parsed(rendered(VALUES)))["spec"]["template"]["spec"]
    (found,) = spec["containers"]
    return dict(found)


def laid_out(folder: Path, dsn: str, port: int) -> dict[str, str]:
    """Lay out what the pod mounts, below a folder; return its variables.

    The ConfigMap is laid out as Kubernetes does it: files that lead through `..data`.
    """
    moved = {mount["mountPath"]: folder / mount["name"] for mount in container()["volumeMounts"]}
    for place in moved.values():
        place.mkdir()
    (moved["/run/secrets/pgdrift"] / "production").write_text(f"{dsn}\n", encoding="utf-8")
    (config,) = of_kind("ConfigMap", parsed(rendered(VALUES)))

    def here(text: str) -> str:
        return re.sub("|".join(moved), lambda found: str(moved[found[0]]), text)

    text = here(config["data"]["pgdrift.yaml"]).replace(" :8080", f" 127.0.0.1:{port}")
    version = moved["/etc/pgdrift"] / "..2026_01_01"
    version.mkdir()
    (version / "pgdrift.yaml").write_text(text, encoding="utf-8")
    (moved["/etc/pgdrift"] / "..data").symlink_to(version.name)
    (moved["/etc/pgdrift"] / "pgdrift.yaml").symlink_to("..data/pgdrift.yaml")
    return {variable["name"]: here(variable["value"]) for variable in container()["env"]}


@pytest.fixture
async def daemon(tmp_path: Path, database: str) -> AsyncIterator[Daemon]:
    port = free_port()
    environment = clean_environment() | laid_out(tmp_path, database, port)
    with (tmp_path / "log").open("wb") as log:
        process = await hatch(["-m", "pgdrift", *container()["args"]], log, log, env=environment)
    yield Daemon(process, tmp_path / "log", port)
    if process.returncode is None:
        process.kill()
        await process.wait()


async def helm_test(url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run what the pod of `helm test` runs, against another address."""
    (tester,) = one("Pod", parsed(rendered(VALUES)))["spec"]["containers"]
    assert tester["command"] == ["python3", "-c"]
    code, _, *environments = tester["args"]
    words = [sys.executable, "-c", code, url, *environments, *more]
    return await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, check=False
    )


async def test_it_runs_as_installed_and_helm_test_tells(daemon: Daemon, tmp_path: Path) -> None:
    await daemon.watching()
    good = await helm_test(daemon.url)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "watches {'production': 'in_sync'}\n"
    bad = await helm_test(daemon.url, "staging")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "does not watch staging" in bad.stderr
    assert (tmp_path / "data" / "pgdrift.db").exists()
    await daemon.end()
