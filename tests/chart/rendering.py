"""The chart and its value sets in, Kubernetes objects out: by Helm's own engine, without a cluster.

`values/` holds the matrix: one file for each way to install pgdrift that the tests know.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

Object = dict[str, Any]
Values = dict[str, Any]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy" / "helm" / "pgdrift"
SETS = {path.stem: path for path in sorted((HERE / "values").glob("*.yaml"))}

RELEASE, NAMESPACE = "pgdrift", "watchers"


@cache
def chart(path: Path = CHART) -> helm.Chart:
    return helm.Chart.load(path)


@cache
def values(name: str) -> Values:
    """Return a value set as Helm reads it: other YAML than Python's, where `off` is false."""
    return helm.values_from_yaml(SETS[name].read_text(encoding="utf-8"))


def rendered(given: Mapping[str, Any], path: Path = CHART) -> dict[str, str]:
    """Return the text of every template by the name of its file."""
    texts = chart(path).render(dict(given), name=RELEASE, namespace=NAMESPACE)
    return {name.partition("/templates/")[2]: text for name, text in texts.items()}


class Strict(yaml.SafeLoader):
    """YAML that takes no key twice, as Kubernetes does not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found = super().construct_mapping(node, deep)
        assert len(found) == len(node.value), f"a key is given twice: {node.start_mark}"
        return found


def parsed(texts: Mapping[str, str]) -> list[Object]:
    return [
        found
        for name, text in texts.items()
        if name.endswith(".yaml")
        for found in yaml.load_all(text, Strict)
        if found
    ]


@cache
def objects(name: str) -> list[Object]:
    """Return what a value set installs; nobody changes it."""
    return parsed(rendered(values(name)))


def of_kind(kind: str, given: list[Object]) -> list[Object]:
    return [o for o in given if o["kind"] == kind]


def one(kind: str, given: list[Object]) -> Object:
    (found,) = of_kind(kind, given)
    return found


def called(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def pods(given: list[Object]) -> Iterator[tuple[str, Object]]:
    """Give the spec of every pod that these objects make, and whose it is."""
    for found in given:
        if found["kind"] == "Pod":
            yield called(found), found["spec"]
        elif "template" in found.get("spec", {}):
            yield called(found), found["spec"]["template"]["spec"]
