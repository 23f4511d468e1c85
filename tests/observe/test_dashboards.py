"""The dashboards: what the code writes, in Grafana's own schema, each panel explained and in its unit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards.__main__ import FOLDER as WRITTEN_TO
from deploy.dashboards.__main__ import written
from tests.observe.asked import DASHBOARDS, FOLDER, asked, panels
from tests.observe.named import RECORDED, faults

NAMES = sorted(DASHBOARDS)
# What Grafana's plugin for Prometheus reads of an annotation, and the schema does not know.
OF_THE_PLUGIN = {"titleFormat", "step", "useValueForTime"}

every_panel = pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel, id=f"{name}: {panel['title']}")
        for name in NAMES
        for panel in panels(DASHBOARDS[name])
    ],
)


def test_the_files_are_what_the_code_writes() -> None:
    """`make dashboards` writes them anew."""
    assert FOLDER == WRITTEN_TO
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert there == written()


def test_there_are_three_that_lead_to_each_other() -> None:
    assert NAMES == ["pgdrift-environment", "pgdrift-fleet", "pgdrift-itself"]
    for name, dashboard in DASHBOARDS.items():
        assert (dashboard["uid"], dashboard["tags"]) == (name, ["pgdrift"])
        assert dashboard["description"]
        assert {link["type"] for link in dashboard["links"]} == {"dashboards", "link"}
    leads_to = set(re.findall(r"/d/([\w-]+)", json.dumps(DASHBOARDS)))
    assert leads_to == {"pgdrift-environment"}


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_schema_takes_all_of_it(name: str) -> None:
    register_default_plugins()
    back = json.loads(json.dumps(Dashboard.from_json(DASHBOARDS[name]), cls=JSONEncoder))
    lost = {path for path, _ in differences(DASHBOARDS[name], back)}
    assert {path.rsplit(".", 1)[-1] for path in lost} <= OF_THE_PLUGIN, lost
    assert all(path.startswith(".annotations.list") for path in lost), lost


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{number}]")
    elif one != other:
        yield path, (one, other)


def test_the_check_of_the_schema_can_fail() -> None:
    broken = {**DASHBOARDS["pgdrift-fleet"], "tiltle": "a word that Grafana does not know"}
    back = json.loads(json.dumps(Dashboard.from_json(broken), cls=JSONEncoder))
    assert [path for path, _ in differences(broken, back)] == [".tiltle"]


@every_panel
def test_a_panel_says_what_it_shows_in_which_unit_from_where(panel: Any) -> None:
    assert panel["description"].endswith(".")
    assert len(panel["description"].split()) > 3
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["noValue"], "what there is none of is no failure"
    if panel["type"] in {"stat", "state-timeline"}:
        assert defaults["thresholds"]["steps"]
    for target in panel["targets"]:
        seconds = "_seconds" in target["expr"] and "_bucket" not in target["expr"]
        if panel["type"] in {"stat", "timeseries"} and seconds and "rate" not in target["expr"]:
            assert defaults["unit"] == "s"


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_lies_on_another_and_each_has_a_number(name: str) -> None:
    places: set[tuple[int, int]] = set()
    everything = DASHBOARDS[name]["panels"]
    assert [p["id"] for p in everything] == list(range(1, len(everything) + 1))
    for panel in everything:
        at = panel["gridPos"]
        mine = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in mine) < 24, panel["title"]
        assert places.isdisjoint(mine), panel["title"]
        places |= mine


@pytest.mark.parametrize("name", NAMES)
def test_every_question_names_only_what_there_is(name: str) -> None:
    questions = list(asked(name))
    assert len(questions) > 20
    assert [(q.where, *faults(q.expr)) for q in questions if list(faults(q.expr))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_question_can_be_asked_of_one_installation_alone(name: str) -> None:
    for question in asked(name):
        series = re.findall(
            r"(?:environment:)?(?:pgdrift|process)_[\w:]+(\{[^}]*\})?", question.expr
        )
        if not question.where.endswith("variable job"):
            assert all('job=~"$job"' in matchers for matchers in series), question.where


def test_every_recorded_objective_of_thirty_days_is_shown() -> None:
    shown = json.dumps(DASHBOARDS)
    assert {name for name in RECORDED if "30d" in name and name not in shown} == set()
