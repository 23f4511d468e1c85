"""Where the servers of other majors are, once `make servers` has fetched them, and what runs on each."""

from __future__ import annotations

import os
from pathlib import Path

MAJORS = (13, 14, 15, 16, 17, 18)

# What 13 tells as 18 does, and 16 as both, the others between them hardly tell otherwise.
COMPARED = MAJORS if os.environ.get("PGDRIFT_MAJORS") == "all" else (13, 16, 18)
"""The majors that are compared pair by pair: a few of them, where not all are asked for."""

# No server's version makes a difference to these, or they bring all of them: `make test` runs them,
# `make test-matrix` does not again. What is not named here runs on every major.
ONCE = """
    chart core observe operate sinks store web
    test_bench.py test_checklist.py test_demo.py test_docs.py test_house.py test_ignore_file.py
    test_metrics.py test_run.py test_settings.py test_versions.py test_watch.py
    daemon/test_alertmanager.py daemon/test_bad_config.py daemon/test_bad_input.py
    daemon/test_buttons.py daemon/test_crash.py daemon/test_files.py daemon/test_killed_often.py
    daemon/test_metrics_page.py daemon/test_pipeline.py daemon/test_reach.py daemon/test_rules.py
    daemon/test_secrets.py daemon/test_signals.py daemon/test_sync_points.py
    daemon/test_takeover.py daemon/test_telling.py
""".split()
"""Files and folders of the tests that one run is enough for."""

_FETCHED = Path(__file__).resolve().parents[1] / ".cache" / "servers" / "node_modules"


def binaries(major: int) -> Path | None:
    """Return the folder with a major's `initdb` and `postgres`, None where it is not there."""
    found = _FETCHED / f"pg{major}" / "native" / "bin"
    return found if (found / "postgres").is_file() else None
