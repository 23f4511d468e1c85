"""A real Prometheus that scrapes what it is told to, with the rules of the chart."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import yaml

from tests.daemon.house import PATIENCE, ROOT, free_port

RULES = ROOT / "deploy" / "helm" / "pgdrift" / "files" / "rules.yaml"


@dataclass(frozen=True)
class Prometheus:
    """One that runs. Times are in seconds since 1970."""

    url: str

    def get(self, path: str, **asked: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(asked)}", timeout=60) as answer:
            return json.loads(answer.read())["data"]

    def query(self, expr: str, at: float | None = None) -> list[Any]:
        """Return what an expression gives, now or at a time: pairs of labels and values."""
        when = {} if at is None else {"time": str(at)}
        found: list[Any] = self.get("query", query=expr, **when)["result"]
        return found

    def over(self, expr: str, start: float, end: float) -> list[Any]:
        """Return what an expression gave at each second of a time, by its labels."""
        asked = {"query": expr, "start": str(start), "end": str(end), "step": "1s"}
        found: list[Any] = self.get("query_range", **asked)["result"]
        return found

    def values(self, label: str, of: str) -> list[str]:
        """Return what a label holds in the series of a selector."""
        found: list[str] = self.get(f"label/{quote(label)}/values", **{"match[]": of})
        return found


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, str]) -> Iterator[Prometheus]:
    """Run one in this folder; `jobs` are names and the addresses that they are scraped at."""
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
                "rule_files": [str(RULES)],
                "scrape_configs": [
                    {"job_name": job, "static_configs": [{"targets": [address]}]}
                    for job, address in jobs.items()
                ],
            }
        )
    )
    port = free_port()
    running = Prometheus(f"http://127.0.0.1:{port}")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _ready(running):
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            assert time.monotonic() < deadline, (folder / "prometheus.log").read_text()
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait()


def _ready(running: Prometheus) -> bool:
    with suppress(OSError), urlopen(f"{running.url}/-/ready", timeout=10):
        return True
    return False
