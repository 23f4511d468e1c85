"""The rules of alerting: each is tried, explained, and names what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from pgdrift.cli import app
from tests.daemon.house import ROOT
from tests.observe.named import ALERTS, RECORDED, SERVED, faults, names, rules
from tests.observe.prom import RULES

TESTS = Path(__file__).with_name("rules_test.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks"
CASES: list[Any] = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (Prometheus) is not installed"
)


def promtool(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    code, said = promtool("check", "rules", "--lint-fatal", RULES)
    assert code == 0, said
    assert f"{len(rules())} rules found" in said


@needs_promtool
def test_every_rule_does_what_its_tests_say() -> None:
    code, said = promtool("test", "rules", TESTS)
    assert code == 0, said


def broken(folder: Path, expr: str, *names: str) -> str:
    """Return what promtool says of the tests when the expression of these rules is another."""
    found = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in (r for group in found["groups"] for r in group["rules"]):
        if {rule.get("alert"), rule.get("record")} & {*names}:
            rule["expr"] = expr
    (folder / "rules.yaml").write_text(yaml.safe_dump(found), encoding="utf-8")
    kind = "alert_rule_test" if names[0] in ALERTS else "promql_expr_test"
    cases = [case for case in CASES if kind in case]
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    code, said = promtool("test", "rules", folder / "tests.yaml")
    assert code != 0, f"no test notices that {names} are {expr}"
    return said


@needs_promtool
@pytest.mark.parametrize("expr", ["absent(vector(1))", "vector(1)"], ids=["never", "always"])
def test_the_tests_notice_an_alert_that_never_or_always_fires(expr: str, tmp_path: Path) -> None:
    said = broken(tmp_path, expr, *ALERTS)
    assert set(re.findall(r"alertname: *(\w+)", said)) == set(ALERTS), said


@needs_promtool
@pytest.mark.parametrize("name", RECORDED)
def test_the_tests_notice_a_recording_rule_that_is_wrong(name: str, tmp_path: Path) -> None:
    assert "FAILED" in broken(tmp_path, "vector(0.123)", name)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_seen_before_it_fires_firing_and_over(name: str) -> None:
    seen = [
        bool(check["exp_alerts"])
        for case in CASES
        for check in case.get("alert_rule_test", ())
        if check["alertname"] == name
    ]
    assert seen[:3] == [False, True, False], name


@pytest.mark.parametrize("name", RECORDED)
def test_every_recording_rule_is_used_or_tried(name: str) -> None:
    tried = [c["expr"] for case in CASES for c in case.get("promql_expr_test", ())]
    used = [rule["expr"] for rule in rules() if rule.get("record") != name]
    assert any(name in expr for expr in (*tried, *used))


@pytest.mark.parametrize("rule", rules(), ids=lambda r: str(r.get("alert") or r.get("record")))
def test_a_rule_names_only_what_there_is(rule: Any) -> None:
    assert list(faults(rule["expr"])) == []


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("pgdrift_finding > 0", "there is no pgdrift_finding"),
        ('pgdrift_findings{env="a"}', "pgdrift_findings has no label env"),
        ("sum by (kind) (pgdrift_findings)", "no series here has a label kind"),
        ("rate(pgdrift_looks_total_count[5m])", "there is no pgdrift_looks_total_count"),
        ("environment:pgdrift_x:bool", "there is no environment:pgdrift_x:bool"),
    ],
)
def test_the_guard_of_names_can_fail(expr: str, wrong: str) -> None:
    assert list(faults(expr)) == [wrong]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_is_how_grave_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert name.startswith("Pgdrift")
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info", "{{ $labels.severity }}"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert len(rule["annotations"]["summary"]) < 80
    base = re.sub(r"[^/]+$", "", rule["annotations"]["runbook_url"])
    assert rule["annotations"]["runbook_url"] == f"{base}{name}.md"
    assert base.endswith("/docs/runbooks/")
    assert base in ALERTS["PgdriftAbsent"]["annotations"]["runbook_url"], "all lead to one place"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_runbook(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What it means",
        "What to look at",
        "What to do",
    ]
    assert "```sh\n" in text
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    severity = ALERTS[name]["labels"]["severity"]
    said = "as found" if severity.startswith("{{") else severity
    assert f"| [{name}]({name}.md) | {said} |" in index


def test_no_runbook_is_for_an_alert_that_there_is_not() -> None:
    assert {p.stem for p in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


PAGES = sorted([*RUNBOOKS.glob("*.md"), ROOT / "docs" / "grafana.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_names_only_what_there_is_and_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert names(text) - SERVED.keys() - {row.rsplit("_", 1)[0] for row in SERVED} == set()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


def commands() -> dict[tuple[str, ...], set[str]]:
    """Return every command with its options, short and long."""
    found: dict[tuple[str, ...], set[str]] = {}

    def walk(group: Any, words: tuple[str, ...]) -> None:
        for name, command in getattr(group, "commands", {}).items():
            walk(command, (*words, name))
        found[words] = {o for p in group.params for o in p.opts}

    walk(typer.main.get_command(app), ())
    return found


COMMANDS = commands()


def typed(page: Path) -> Iterator[list[str]]:
    """Give the words of each command of pgdrift's that a page has people type."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [w for w in re.findall(r"`(pgdrift [^`…]+)`", text) if "*" not in w]
    for line in lines:
        if found := re.search(r"(?:^ *|-- |(?:exec|-u) pgdrift )pgdrift ([a-z].*)", line):
            yield re.sub(r"\s#.*", "", found[1]).split()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_has_people_type_what_there_is(page: Path) -> None:
    for words in typed(page):
        known = [n for n in (2, 1) if tuple(words[:n]) in COMMANDS]
        assert known, f"{page.name}: pgdrift {' '.join(words)}"
        options = {w for w in words if w.startswith("--")}
        # `pgdrift sync ENV` is short for `pgdrift sync declare ENV`.
        command = tuple(words[: known[0]])
        command = ("sync", "declare") if command == ("sync",) else command
        assert options <= COMMANDS[command], f"{page.name}: pgdrift {' '.join(words)}"
