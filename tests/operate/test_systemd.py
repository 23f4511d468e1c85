"""The unit is one that systemd takes, lets little in, and says what the program does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pgdrift.app import STOP_SECONDS
from pgdrift.cli import exits
from tests.daemon.house import ROOT, pgdrift

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "pgdrift.service"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")


def section(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    within = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            within = line.strip("[]")
        elif "=" in line and not line.startswith("#") and within == name:
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that is here; systemd looks whether there is one."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/pgdrift/bin", str(Path(sys.executable).parent)))
    return unit


@needs_systemd
def test_systemd_takes_it_without_a_word(installed: Path) -> None:
    verified = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    # It also speaks of units of this machine.
    about = [line for line in verified.stderr.splitlines() if "pgdrift" in line]
    assert (verified.returncode, about) == (0, [])


@needs_systemd
def test_systemd_would_say_what_is_wrong(installed: Path) -> None:
    installed.write_text(installed.read_text().replace("ProtectHome=yes", "ProtectHome=perhaps"))
    verified = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "protect home" in verified.stderr


@needs_systemd
def test_it_is_open_to_little(installed: Path) -> None:
    """systemd counts from 0 to 10; below 2 it says OK."""
    rated = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", "--threshold=15", str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


async def test_it_says_what_the_program_does(tmp_path: Path) -> None:
    service = section("Service")
    program, *arguments = service["ExecStart"][0].split()
    assert (Path(program).name, arguments) == ("pgdrift", ["serve"])
    # What is given up after its time is left before systemd kills; servers and page take two each.
    assert float(service["TimeoutStopSec"][0]) >= STOP_SECONDS + 5
    config = tmp_path / "pgdrift.yaml"
    config.write_text("enviroments: {}\n")
    said = await pgdrift("serve", "--config", config)
    assert str(said.code) == service["RestartPreventExitStatus"][0] == str(exits.USAGE)


def test_user_and_folders_are_those_that_the_other_files_make() -> None:
    service = section("Service")
    users = (FOLDER / "pgdrift.sysusers").read_text()
    assert f"\nu {service['User'][0]} " in users
    assert service["WorkingDirectory"][0] == f"/var/lib/{service['StateDirectory'][0]}"
    made = [
        line.split()
        for line in (FOLDER / "pgdrift.tmpfiles").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[dL]\+?", kind) for kind, *_ in made)
    assert ["L+", "/run/secrets/pgdrift", "-", "-", "-", "-", "/etc/pgdrift/secrets"] in made


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers here")
def test_systemd_makes_the_user(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "pgdrift.sysusers")],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode and "ermission" in made.stderr:
        pytest.skip("only root may make users, also in another folder")
    assert made.returncode == 0, made.stderr
    assert "\npgdrift:x:" in "\n" + (tmp_path / "etc" / "passwd").read_text()
