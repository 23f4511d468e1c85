"""What people say on the command line: kept in the daemon's store, shown, and refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pgdrift.cli import main
from pgdrift.core.alerts.incident import State
from pgdrift.core.alerts.marks import Mark, Matcher
from pgdrift.core.book import Step
from pgdrift.core.model import Against, Outcome, Severity
from pgdrift.store import open_store
from tests.core.build import changed, finding, table_id
from tests.store.nouns import NOW, incident

ONE = finding(changed(table_id("one"), owner=("a", "b")))
TWO = finding(changed(table_id("two"), owner=("a", "b")))
CONFIG = """
environments:
  prod: { dsn: "postgresql://localhost/x" }
store: { url: "sqlite:///%s" }
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/pgdrift.db"


@pytest.fixture
def run(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    against = (Against("sync", Outcome.DRIFTED, (ONE, TWO)),)
    open_ = incident("0123456789ab", findings=(ONE, TWO))
    over = incident("fedcba987654", state=State.RESOLVED, resolved_at=NOW)
    step = Step("prod", NOW, Outcome.DRIFTED, against=against, incidents=(open_, over))

    async def begin() -> None:
        async with open_store(url) as store:
            await store.save(step)

    asyncio.run(begin())
    config = tmp_path / "pgdrift.yaml"
    config.write_text(CONFIG % (tmp_path / "pgdrift.db"))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--config", str(config)])
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out.strip(), said.err

    return run


def kept(url: str) -> tuple[Mark, ...]:
    async def marks() -> tuple[Mark, ...]:
        async with open_store(url) as store:
            return await store.marks()

    return asyncio.run(marks())


def test_an_incident_is_taken_on_by_how_its_id_begins(run: Run) -> None:
    code, out, _ = run("ack", "0123", "--reason", "on it", "--by", "ada")
    assert (code, out) == (0, "mark 1: acknowledged incident 0123456789ab in prod by ada: on it")
    _, listed, _ = run("incidents")
    first, _, said = listed.splitlines()
    assert first.startswith("0123456789ab  acknowledged  critical  2026-11-22 09:30 UTC  prod has")
    assert said == out
    _, everything, _ = run("incidents", "prod", "--all", "--format", "markdown")
    assert "| `fedcba987654` | resolved |" in everything


def test_a_silence_is_for_a_glob_or_an_incident_and_has_an_end(run: Run) -> None:
    code, out, _ = run("silence", "pro*", "table:*", "--severity", "warning", "--for", "2h")
    assert code == 0
    assert out.startswith("mark 1: silenced table:* in pro*, severity warning by ")
    run("silence", "0123", "--until", "2100-01-01")
    said = json.loads(run("incidents", "--format", "json")[1])
    assert said["incidents"][0]["standing"] == "silenced"
    by_incident, by_glob = said["marks"]
    assert (by_incident["incident"], by_glob["incident"]) == ("0123456789ab", None)
    assert by_incident["until"] == "2100-01-01T00:00:00+00:00"
    left = datetime.fromisoformat(by_glob["until"]) - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)


def test_a_silence_of_what_is_not_watched_says_so(run: Run, url: str) -> None:
    code, out, err = run("silence", "prodution", "--for", "2h")
    assert code == 0
    assert out.startswith("mark 1: silenced everything in prodution")
    assert err.startswith("warning: no environment that is watched is called 'prodution'")
    assert "did you mean 'prod'?" in err
    assert run("silence", "prod", "nothing:*")[2] == ""
    assert run("silence", "p*")[2] == ""
    assert len(kept(url)) == 3


def test_findings_are_accepted_and_taken_back(run: Run, url: str) -> None:
    assert run("accept", "prod", TWO.key, "--reason", "hotfix")[0] == 0
    assert run("accept", "0123")[0] == 0
    assert run("unsilence", "1", "--by", "bob")[0] == 0
    second, first = kept(url)
    assert ([f.key for f in first.findings], first.reason) == ([TWO.key], "hotfix")
    assert {f.key for f in second.findings} == {ONE.key, TWO.key}
    assert (first.ended_by, second.ended_at) == ("bob", None)
    assert run("incidents", "--all")[1].count("accepted") == 2


REFUSED = [
    (("ack", "zz"), "there is no incident 'zz'"),
    (("ack", "fedc"), "is resolved"),
    (("ack", "0123", "--reason", ""), "must say why"),
    (("ack", "0123", "--for", "soon"), "'soon' is no duration"),
    (("ack", "0123", "--until", "soon"), "'soon' names no time"),
    (("ack", "0123", "--until", "2000-01-01"), "over already"),
    (("ack", "0123", "--for", "1h", "--until", "2100-01-01"), "both given"),
    (("accept", "prod"), "names no finding"),
    (("accept", "prod", "table:public.on"), "did you mean table:public.one?"),
    (("unsilence", "7"), "nothing has the number 7"),
    (("incidents", "dev"), "nothing is kept of an environment 'dev'"),
]


def test_what_cannot_be_meant_is_refused_in_words(run: Run, url: str) -> None:
    for words, said in REFUSED:
        code, out, err = run(*words)
        assert (code, out) == (3, ""), words
        assert said in err
        assert "Traceback" not in err
    assert kept(url) == ()


def test_a_matcher_is_said_in_words() -> None:
    matcher = Matcher("prod*", severities=(Severity.INFO, Severity.WARNING))
    assert matcher.words == "everything in prod*, severity info/warning"
    assert replace(matcher, object="index:*").words.startswith("index:* in prod*")
