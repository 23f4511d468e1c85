"""A real Prometheus scrapes the real daemon while the demo's story plays: all that it was asked is there.

One daemon, one Prometheus and one story for all of these; see played.py.
"""

from __future__ import annotations

import asyncio
import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pgdrift.demo.databases import ENVIRONMENTS
from pgdrift.metrics import LABELS
from tests.daemon.house import PATIENCE, ROOT, free_port
from tests.observe.asked import DASHBOARDS, Asked, asked
from tests.observe.named import ALERTS, RECORDED
from tests.observe.played import ARCHIVE, JOB, TENANT, Played, play
from tests.observe.prom import prometheus

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("promtool")),
        reason="prometheus is not installed (Debian: prometheus)",
    ),
]

# Seen at some moment of the story, be it while they still wait to fire.
FIRES = {
    "PgdriftProtectedEnvironmentDrifted",
    "PgdriftSecurityFinding",
    "PgdriftUntrackedChange",
    "PgdriftEnvironmentUnknown",
    "PgdriftDeliveryFailing",
    "PgdriftChannelDead",
    "PgdriftAcceptanceEnding",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("played")
    port = free_port()
    with prometheus(folder, {JOB: f"127.0.0.1:{port}"}) as running:
        yield asyncio.run(play(folder, running, port))


# docs/metrics.md is /metrics

Family = tuple[str, str, str]
# The story has neither a group of databases that were found nor replicas: tests/web/test_groups.py
# and tests/test_metrics.py see these.
ELSEWHERE = re.compile(r"pgdrift_(group_|variant_|replica|environments_unwatched$)")


def documented() -> dict[Family, frozenset[str]]:
    """Return every metric that the page names, with its type and meaning, and its labels."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    return {
        (name, type_, meaning): frozenset(re.findall(r"`(\w+)`", labels))
        for name, type_, labels, meaning in rows
    }


@cache
def families(page: str) -> Mapping[Family, list[dict[str, str]]]:
    """Return every metric of a page of metrics, with the labels of its samples."""
    found: dict[Family, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(page):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = [{k: v for k, v in s.labels.items() if k != "le"} for s in family.samples]
        found[name, family.type, family.documentation] = labels
    return found


def test_the_page_of_metrics_is_what_is_scraped(played: Played) -> None:
    wanted = documented()
    assert len(wanted) > 40
    seen: dict[Family, set[frozenset[str]]] = {family: set() for family in wanted}
    for page in played.pages:
        there = families(page)
        assert there.keys() == wanted.keys(), "names, types and meanings"
        for family, samples in there.items():
            seen[family] |= {frozenset(labels) for labels in samples}
    absent = {family for family in wanted if ELSEWHERE.match(family[0])}
    assert seen == {f: set() if f in absent else {labels} for f, labels in wanted.items()}


def test_every_label_holds_what_is_documented_and_nothing_of_a_schema(played: Played) -> None:
    names = {*ENVIRONMENTS, TENANT, ARCHIVE}
    closed = {name: set(re.findall(r"`(\w+)`", holds)) for name, holds in LABELS.items()}
    closed["against"] |= names
    closed["follows"] = names | {""}
    closed["environment"] = names
    closed["channel"] = {"dev", "oncall", "dba", "dead"}
    closed["kind"] = {"user_mapping_options"}
    values: dict[str, set[str]] = {name: set() for name in LABELS}
    for page in played.pages:
        for (family, _, _), samples in families(page).items():
            for labels in samples if family.startswith("pgdrift_") else ():
                for label, value in labels.items():
                    values[label].add(value)
    for name in ("public_url", "version"):
        assert len(values.pop(name)) == 1
    strange = {name: found - closed[name] for name, found in values.items()}
    assert {name: found for name, found in strange.items() if found} == {}


def test_promtool_finds_nothing_wrong_with_what_is_scraped(played: Played) -> None:
    for page in (*played.pages[::20], played.pages[-1]):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=page.encode(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, b"")


# The story is in the metrics


def test_the_story_is_in_the_metrics(played: Played) -> None:
    def value(expr: str) -> float:
        (found,) = played.prometheus.query(expr, played.ended)
        return float(found["value"][1])

    assert value('pgdrift_migrations_total{environment="production"}') == 2
    assert value('pgdrift_environment_info{environment="production", protected="true"}') == 1
    closed = 'pgdrift_incident_duration_seconds_count{environment="production", against='
    assert value(f'{closed}"sync"}}') >= 1
    assert value(f'{closed}"staging"}}') >= 1
    # Who reads the ledger knows when it was; of the tenant's database only notifications tell.
    from_commit = "pgdrift_commit_to_delivery_seconds_count"
    assert value(f'{from_commit}{{channel="oncall", since="recorded"}}') >= 1
    assert value(f'{from_commit}{{channel="dba", since="recorded"}}') >= 1
    assert value(f'{from_commit}{{channel="dev", since="heard"}}') >= 1
    assert value(f'sum({from_commit}{{channel="dead"}})') == 0
    assert value("pgdrift_store_size_bytes") > 4096
    assert value("pgdrift_event_loop_lag_seconds_count") > 5
    assert value("pgdrift_store_save_duration_seconds_count") > 10
    agreed = f'pgdrift_next_acceptance_end_timestamp_seconds{{environment="{TENANT}"}} - time()'
    assert 2 * 86400 - 600 < value(agreed) < 2 * 86400


# Every question of every dashboard has an answer


def answers(played: Played, question: Asked) -> list[Any]:
    """Return what it was answered during the story: series with at least one number."""
    found = played.prometheus.over(question.expr, played.began, played.ended)
    return [s for s in found if any(not math.isnan(float(v)) for _, v in s["values"])]


def values_of_variables(played: Played, environment: str) -> Mapping[str, str]:
    """Return what Grafana puts in the place of variables: of many all, as `(a|b)`."""
    return {
        "job": f"({JOB})",
        "environment": environment,
        "instance": f"({played.instance})",
        "__rate_interval": "10s",
        "__range": f"{math.ceil(played.ended - played.began)}s",
    }


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_every_question_of_a_dashboard_is_answered(played: Played, name: str) -> None:
    one = name == "pgdrift-environment"
    everything = f"({'|'.join((*ENVIRONMENTS, TENANT, ARCHIVE))})"
    values = values_of_variables(played, "production" if one else everything)
    silent, unnamed = [], []
    columns: dict[str, set[str]] = {}
    for question in (q.with_values(values) for q in asked(name)):
        if question.label:
            if not played.prometheus.values(question.label, question.expr):
                silent.append(question.where)
            continue
        found = answers(played, question)
        if not found:
            silent.append(question.where)
        labels = {label for series in found for label in series["metric"]}
        unnamed += [
            f"{question.where}: no {label}"
            for label in re.findall(r"\{\{(\w+)\}\}", question.legend)
            if not all(series["metric"].get(label) for series in found)
        ]
        if question.columns:
            missing = columns.setdefault(question.where[:-2], set(question.columns))
            missing -= labels
    assert silent == []
    assert unnamed == []
    assert {where: missing for where, missing in columns.items() if missing} == {}


def test_the_check_of_answers_can_fail(played: Played) -> None:
    assert (
        answers(played, Asked("", 'pgdrift_findings{class="cosmetic", severity="critical"}')) == []
    )
    assert answers(played, Asked("", "0 * pgdrift_objects / 0")) == []
    assert played.prometheus.values("public_url", "pgdrift_objects") == []


def test_sync_points_and_migrations_are_marked_when_they_were(played: Played) -> None:
    values = values_of_variables(played, "production")
    questions = [q.with_values(values) for q in asked("pgdrift-environment")]
    migrations, points = (
        next(q for q in questions if q.where.endswith(f"annotation {name}"))
        for name in ("Migrations", "Sync points")
    )
    assert answers(played, migrations)
    # The first look, and the declaration at the end of the story: in milliseconds, as Grafana reads.
    (found,) = answers(played, points)
    marked = {float(v) / 1000 for _, v in found["values"]}
    assert len(marked) == 2
    assert all(played.began - PATIENCE < at < played.ended for at in marked)


# The rules, by the real thing


def test_prometheus_can_evaluate_every_rule(played: Played) -> None:
    groups = played.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == {*ALERTS, *RECORDED}
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_recorded_has_values(played: Played, name: str) -> None:
    found = answers(played, Asked(name, name))
    assert found
    # Nothing that a restart changes is left.
    assert {label for s in found for label in s["metric"]} == {"__name__", "environment", "job"}


def test_alerts_come_with_the_story_and_end_with_it(played: Played) -> None:
    found = played.prometheus.over("ALERTS", played.began, played.ended)
    # It was absent until it was there.
    assert {s["metric"]["alertname"] for s in found} - {"PgdriftAbsent"} == FIRES
    left = {
        (s["metric"]["alertname"], s["metric"].get("environment", s["metric"].get("channel")))
        for s in played.prometheus.query("ALERTS", played.ended)
    }
    assert left == {
        ("PgdriftEnvironmentUnknown", ARCHIVE),
        ("PgdriftAcceptanceEnding", TENANT),
        ("PgdriftDeliveryFailing", "dead"),
        ("PgdriftChannelDead", "dead"),
    }
