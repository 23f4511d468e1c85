"""Which metrics, with which labels, an expression in PromQL names: text in, what is wrong out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pgdrift.metrics import METRICS, PROCESS
from tests.observe.prom import RULES

ALL = {row.name: row for row in (*METRICS, *PROCESS)}
# What Prometheus adds to every series that it scrapes, by itself or as the operator configures it.
TARGET = {"job", "instance", "namespace", "pod", "container", "endpoint", "service"}
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}

_SERIES = re.compile(r"(?<![\w:$])((?:environment:)?(?:pgdrift|process|python)_[\w:]+)(\{[^}]*\})?")
_MATCHERS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|on|without|group_left|ignoring)\s*\(([^)]*)\)")


def rules() -> list[Any]:
    found = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


ALERTS: Mapping[str, Any] = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED: Mapping[str, Any] = {rule["record"]: rule for rule in rules() if "record" in rule}


def served() -> Iterator[tuple[str, frozenset[str]]]:
    """Give every name that can be asked for, with its labels."""
    for row in ALL.values():
        labels = frozenset(row.labels)
        for part in _PARTS.get(row.type, ("",)):
            yield row.name + part, labels | {"le"} if part == "_bucket" else labels
    # Of what is recorded only the environment is left.
    yield from ((name, frozenset({"environment"})) for name in RECORDED)


SERVED: Mapping[str, frozenset[str]] = dict(served())


def faults(expr: str) -> Iterator[str]:
    """Give what an expression names that there is not."""
    known: set[str] = set(TARGET)
    for name, matchers in _SERIES.findall(expr):
        if name not in SERVED:
            yield f"there is no {name}"
            continue
        known |= SERVED[name]
        for label in _MATCHERS.findall(re.sub(r'"[^"]*"', '""', matchers)):
            if label not in SERVED[name] | TARGET:
                yield f"{name} has no label {label}"
    for labels in _GROUPED.findall(expr):
        for label in filter(None, (word.strip() for word in labels.split(","))):
            if label not in known:
                yield f"no series here has a label {label}"


def names(text: str) -> set[str]:
    """Return every name of a metric of ours that a text mentions."""
    return set(re.findall(r"(?:environment:)?pgdrift_[a-z0-9_]+(?::\w+)?", text))
