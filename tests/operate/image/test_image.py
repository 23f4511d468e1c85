"""What the image holds, started as the chart starts it: uid, mounts, read-only root, no shell."""

from __future__ import annotations

import json
import re
import time
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pgdrift import __version__
from pgdrift.web import WebSettings
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import free_port, through, until
from tests.daemon.proxy import Proxy
from tests.operate.image.conftest import ROOT, UID, Pod

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
# What the chart gives it; Kubernetes kills after that.
GRACE_SECONDS = 30
PORT = 8080


def configuration(port: int, *environments: str) -> str:
    named = "".join(
        f"  {name}: {{ dsn_file: /run/secrets/pgdrift/{name} }}\n" for name in environments
    )
    return (
        f"environments:\n{named}"
        "defaults: { interval: 1s }\n"
        'store: { url: "sqlite:////var/lib/pgdrift/pgdrift.db" }\n'
        f'web: {{ listen: "127.0.0.1:{port}" }}\n'
        "log: { level: debug }\n"
    )


async def test_it_starts_as_in_the_chart_answers_and_ends(
    pod: Pod, make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    database = await make_database(sql=TABLE)
    dsn = await make_role(database)
    port = free_port()
    pod.secret("production", dsn)
    pod.configure(configuration(port, "production"))
    for shell in ("sh", "bash", "dash"):
        (pod.root / "bin" / shell).unlink(missing_ok=True)
        (pod.root / "usr/bin" / shell).unlink(missing_ok=True)
    before = pod.files()
    daemon = await pod.serve(port)
    await daemon.watching()

    # The three addresses of the probes and of Prometheus.
    assert await daemon.get("/healthz") == (200, "live\n")
    assert await daemon.get("/readyz") == (200, "ready\n")
    status, text = await daemon.get("/metrics")
    assert status == 200
    assert {f.name for f in text_string_to_metric_families(text)} >= {"pgdrift_environment_up"}
    assert await daemon.metric("pgdrift_build_info", __version__) == 1

    # As whom, and with what rights, the system says.
    process = Path(f"/proc/{pod.processes[0].pid}")
    said = dict(
        line.split(":\t", 1)
        for line in (process / "status").read_text().splitlines()
        if ":\t" in line
    )
    assert said["Uid"].split() == said["Gid"].split() == [str(UID)] * 4
    assert said["NSpid"].split()[-1] == "1", "the first of its processes, as in a container"
    assert (said["NoNewPrivs"], int(said["CapEff"], 16), int(said["CapPrm"], 16)) == ("1", 0, 0)
    mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    root = [m for m in mounts if m[4] == "/"][-1]
    assert "ro" in root[5].split(",")
    assert (process / "cmdline").read_bytes().split(b"\0")[1:3] == [
        b"/opt/pgdrift/bin/pgdrift",
        b"serve",
    ]

    # A ConfigMap that changes, and drift, all the same.
    other = await make_database(sql=TABLE)
    pod.secret("staging", other)
    pod.configure(configuration(port, "production", "staging"))
    await until(lambda: daemon.metric("pgdrift_environment_up", "staging"), lambda: daemon.said)
    await execute(database, "create index by_hand on account (id)")
    await until(lambda: daemon.findings(environment="production"), lambda: daemon.said)

    began = time.monotonic()
    await daemon.end()
    assert time.monotonic() - began < GRACE_SECONDS
    assert daemon.events("app.stopped")
    assert pod.files() == before, "nothing is written but into what is mounted"
    store = pod.folder / "data" / "pgdrift.db"
    assert (store.stat().st_uid, store.stat().st_mode & 0o777) == (UID, 0o600)
    assert str(urlsplit(dsn).password) not in daemon.said


async def test_it_ends_within_the_grace_period_while_a_server_is_silent(
    pod: Pod, database: str, proxy: Proxy
) -> None:
    port = free_port()
    silent = await proxy.start(urlsplit(database).port or 0)
    await proxy.turn("silent")
    pod.secret("production", through(database, silent))
    pod.configure(configuration(port, "production"))
    daemon = await pod.serve(port)
    await until(lambda: proxy.taken, lambda: daemon.said)
    began = time.monotonic()
    await daemon.end()
    assert time.monotonic() - began < GRACE_SECONDS


async def test_the_command_line_needs_no_configuration(
    pod: Pod, make_database: MakeDatabase
) -> None:
    one, other = await make_database(sql=TABLE), await make_database()
    same = await pod.run("diff", one, one)
    assert same.code == 0, same.out
    differs = await pod.run("diff", one, other)
    assert (differs.code, "table public.account" in differs.out) == (1, True), differs.out
    version = await pod.run("--version")
    assert version.out.strip().endswith(__version__)


async def test_what_it_lacks_is_said(pod: Pod) -> None:
    demo = await pod.run("demo")
    assert demo.code not in (0, None)
    assert "the demo needs" in demo.out
    nowhere = await pod.run("serve", configured=True)
    assert "cannot read the configuration /etc/pgdrift/pgdrift.yaml" in nowhere.out
    assert "Traceback" not in demo.out + nowhere.out


def test_it_says_of_itself_what_the_chart_relies_on(pod: Pod) -> None:
    image = pod.image
    assert (image["Entrypoint"], image["Cmd"]) == (["pgdrift"], ["serve"])
    assert image["User"] == f"{UID}:{UID}"
    assert image["WorkingDir"] == "/var/lib/pgdrift"
    assert list(image["ExposedPorts"]) == [f"{PORT}/tcp"]
    assert WebSettings().listen == f"0.0.0.0:{PORT}"
    assert "Healthcheck" not in image
    assert "Volumes" not in image
    labels = {k.rpartition(".")[2]: v for k, v in image["Labels"].items() if "opencontainers" in k}
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}", labels["revision"])
    assert not [v for v in image["Env"] if v.startswith(("PIP_", "PGDRIFT_"))]


def test_it_holds_what_the_lock_says_and_nothing_to_install_with(pod: Pod) -> None:
    (packages,) = (pod.root / "opt/pgdrift/lib").glob("python3*/site-packages")
    found = {
        d.metadata["Name"].lower().replace("_", "-"): d.version
        for d in distributions(path=[str(packages)])
    }
    lock = (ROOT / "requirements-runtime.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    # Some are for other systems, or for other versions of Python.
    assert found.items() <= {*locked.items(), ("pgdrift", __version__)}
    assert {"pgdrift", "asyncpg", "apprise", "uvloop"} <= found.keys()
    scripts = {p.name for p in (pod.root / "opt/pgdrift/bin").iterdir() if not p.is_symlink()}
    assert scripts == {"pgdrift"}
    compiled = list(packages.rglob("*.pyc"))
    assert len(compiled) > 500
    # Without a time in it, and not checked against its source: PEP 552.
    assert {p.read_bytes()[4:8] for p in compiled} == {b"\x01\0\0\0"}
    assert not [p for p in (pod.root / "opt/pgdrift").rglob("*") if p.lstat().st_uid == UID]


def test_no_file_of_the_repository_is_in_it_by_accident(pod: Pod) -> None:
    for name in ("src", "build", "wheel", "tests", ".git"):
        assert not (pod.root / name).exists()
    assert json.dumps(pod.image).count("secret") == 0
