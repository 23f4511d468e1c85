"""A PostgreSQL server of the test's own that can be stopped, killed and started with its data."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pgdrift.sources.embedded import EmbeddedServer
from tests.daemon.house import PATIENCE, free_port


@dataclass
class Restartable:
    """Runs beside the suite's server, with the same programs, in a folder of it."""

    programs: Path
    folder: Path
    port: int
    password: str
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, server: EmbeddedServer) -> Restartable:
        """Make a cluster and start it."""
        name = f"restartable-{secrets.token_hex(4)}"
        made = cls(server.bin, server.folder(name), free_port(), secrets.token_hex(8))
        made._run("initdb", "-U", "postgres", "-A", "password", f"--pwfile={made._password_file()}")
        made.start()
        return made

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def stand_by(self) -> None:
        """Start as a standby of nobody, which it is until it is promoted."""
        self.stop()
        (self.folder / "data" / "standby.signal").touch()
        self.start()

    def start(self) -> None:
        """Start, and return when it takes connections."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "fsync=off"]
        self.process = self._popen("postgres", *options)
        ready = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + PATIENCE
        while not (ready.exists() and ready.read_text().rstrip().endswith(("ready", "standby"))):
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it does not get ready"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop as an operator does, with a word to those who are connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop as a crash does; the sessions end with it."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _password_file(self) -> Path:
        file = self.folder / "password"
        file.write_text(self.password)
        file.chmod(0o644)  # its folder is closed
        return file

    def _run(self, program: str, *arguments: str) -> None:
        process = self._popen(program, "--no-sync", "--no-locale", "-E", "UTF8", *arguments)
        assert process.wait(PATIENCE) == 0

    def _popen(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        root = os.geteuid() == 0
        return subprocess.Popen(
            [self.programs / program, "-D", self.folder / "data", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user="nobody" if root else None,
            group=self.folder.stat().st_gid if root else None,
            extra_groups=[] if root else None,
        )
