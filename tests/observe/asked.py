"""What a dashboard asks of Prometheus, as Grafana asks it: JSON in, expressions without variables out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.daemon.house import ROOT

FOLDER = ROOT / "deploy" / "helm" / "pgdrift" / "files" / "dashboards"
DASHBOARDS: Mapping[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
}

_LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)")


@dataclass(frozen=True)
class Asked:
    """One question, and where it stands.

    `label` is what a variable offers of the series, `legend` how an answer is called, `columns` are
    those of a table that this answer is one part of.
    """

    where: str
    expr: str
    label: str = ""
    legend: str = ""
    columns: tuple[str, ...] = ()

    def with_values(self, values: Mapping[str, str]) -> Asked:
        """Return it with each variable as its value; none may be left."""
        expr = re.sub(r"\$(\w+)", lambda found: values[found[1]], self.expr)
        assert "$" not in expr, f"{self.where}: {expr}"
        return replace(self, expr=expr)


def panels(dashboard: Any) -> Iterator[Any]:
    """Give all panels but the headlines."""
    yield from (p for p in dashboard["panels"] if p["type"] != "row")


def columns(panel: Any) -> Iterator[str]:
    """Give the labels that are columns of a table."""
    for step in panel.get("transformations", ()):
        options = step["options"]
        yield from (c for c in options.get("indexByName", ()) if not c.startswith("Value"))
        yield from (options[key] for key in ("rowField", "columnField") if key in options)


def asked(name: str) -> Iterator[Asked]:
    """Give all that a dashboard asks: in its panels, annotations and variables."""
    dashboard = DASHBOARDS[name]
    for panel in panels(dashboard):
        for target in panel["targets"]:
            where = f"{name}: {panel['title']} {target['refId']}"
            legend = target["legendFormat"] if target["legendFormat"] != "__auto" else ""
            yield Asked(where, target["expr"], legend=legend, columns=tuple(columns(panel)))
    for annotation in dashboard["annotations"].get("list", ()):
        yield Asked(f"{name}: annotation {annotation['name']}", annotation["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found, variable
            yield Asked(f"{name}: variable {variable['name']}", found[1], found[2])
