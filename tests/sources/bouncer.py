"""A real PgBouncer before a server, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@asynccontextmanager
async def bouncer(
    dsns: Iterable[str],
    *,
    mode: str = "transaction",
    size: int = 1,
    ignored: Iterable[str] = (),
) -> AsyncIterator[list[str]]:
    """Give the ways through a pool of so many server sessions for each of the DSNs.

    `ignored` are settings that it takes from a client, and does nothing with.
    """
    given = [urlsplit(dsn) for dsn in dsns]
    port = _free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgdrift-bouncer-"))
    users = "".join(f'"{u.username}" "{unquote(u.password or "")}"\n' for u in given)
    (folder / "users").write_text(users, encoding="utf-8")
    (folder / "ini").write_text(
        f"""[databases]
* = host=127.0.0.1 port={given[0].port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = {",".join(ignored)}
""",
        encoding="utf-8",
    )
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    for path in (folder, *folder.iterdir()):
        if nobody:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    assert PROGRAM
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "-q",
        str(folder / "ini"),
        user=nobody.pw_uid if nobody else None,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        ways = [u._replace(netloc=f"{u.netloc.rpartition(':')[0]}:{port}").geturl() for u in given]
        await _ready(ways[0], process)
        yield ways
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        shutil.rmtree(folder)


async def _ready(dsn: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(120):
        while True:
            assert process.returncode is None, "PgBouncer did not start"
            try:
                connection = await asyncpg.connect(dsn, statement_cache_size=0)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
