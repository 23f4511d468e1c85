"""A plan and its two snapshots as a folder that git likes, and back.

plan.yaml holds everything; up.sql, down.sql and review.md are for people and psql; target.json and
source.json are the snapshots that it was made of, so that it can be proved again without either.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from pgdrift.core import snapshot_file
from pgdrift.core.model import Snapshot
from pgdrift.core.plan import parsed
from pgdrift.core.plan.model import Plan
from pgdrift.core.plan.shown import plan_json, review, script
from pgdrift.errors import ConfigError

PLAN = "plan.yaml"
_SIDES = ("target.json", "source.json")
_FILES = (PLAN, "up.sql", "down.sql", "review.md", *_SIDES)


# What YAML takes for the end of a line, or leaves out, and SQL does not.
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as one that can be read."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  a list said twice is two lists
        return True


def _text(dumper: yaml.SafeDumper, said: str) -> yaml.ScalarNode:
    style = "|" if "\n" in said else None
    if _BREAKS.search(said):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", said, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(plan: Plan) -> str:
    """Return plan.yaml's text; the same plan gives the same text."""
    said = {**plan_json(plan), "scripts": {n: _seal(t) for n, t in _scripts(plan).items()}}
    return yaml.dump(said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _scripts(plan: Plan) -> dict[str, str]:
    return {"up.sql": script(plan, plan.up, "up"), "down.sql": script(plan, plan.down, "down")}


def _seal(text: str) -> str:
    """Return a digest of a script, however git ends its lines."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8")).hexdigest()


def from_yaml(text: str) -> Plan:
    """Return the plan of a text. Raises ValueError for what is none."""
    return parsed.parse(_loaded(text))


def _loaded(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is no YAML: {str(error).splitlines()[0]}") from error


def files(plan: Plan, sides: tuple[Snapshot, Snapshot]) -> dict[str, bytes]:
    """Return the files of a plan's folder, by name."""
    texts = {
        PLAN: to_yaml(plan),
        **_scripts(plan),
        "review.md": review(plan),
        **dict(zip(_SIDES, map(snapshot_file.dump, sides), strict=True)),
    }
    return {name: text.encode("utf-8") for name, text in texts.items()}


def write(folder: Path, plan: Plan, sides: tuple[Snapshot, Snapshot]) -> None:
    """Write a plan as a folder. Raises ConfigError."""
    put(folder, files(plan, sides))


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a plan into its folder, as they are. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (folder / name).write_bytes(body)
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}", reason="usage") from error


def read(folder: Path) -> tuple[Plan, tuple[Snapshot, Snapshot]]:
    """Return the plan in a folder, and target and source. Raises ConfigError."""
    try:
        said = _loaded((folder / PLAN).read_bytes().decode("utf-8"))
        plan = parsed.parse(said)
        changed = _changed(folder, said.get("scripts") if isinstance(said, dict) else None)
        texts = [(folder / name).read_bytes().decode("utf-8") for name in _SIDES]
        target, source = map(snapshot_file.parse, texts)
    except OSError as error:
        raise _no_plan(folder, str(error.strerror)) from error
    except ValueError as error:
        raise _no_plan(folder, str(error)) from error
    if (target.root, source.root) != (plan.target.root, plan.source.root):
        raise _no_plan(folder, "its snapshots are not those that it was made of")
    if changed:
        raise ConfigError(
            f"{folder / changed} is not as it was written with its plan: somebody changed it",
            reason="unreadable",
            hint="take it as it was, or plan anew; what is run is what plan.yaml says",
        )
    return plan, (target, source)


def taken(folder: Path) -> dict[str, bytes]:
    """Return the files of a plan's folder as they are, without its record. Raises ConfigError."""
    try:
        return {name: (folder / name).read_bytes() for name in _FILES}
    except OSError as error:
        raise _no_plan(folder, str(error.strerror)) from error


def _changed(folder: Path, seals: object) -> str:
    """Return the script that is not the plan's any more; none that is there: empty."""
    for name, seal in seals.items() if isinstance(seals, dict) else ():
        path = folder / str(name)
        if path.name == name and path.is_file() and _seal(path.read_bytes().decode()) != seal:
            return str(name)
    return ""


def _no_plan(folder: Path, why: str) -> ConfigError:
    return ConfigError(
        f"cannot use {folder} as a plan: {why}",
        reason="unreadable",
        hint="write one with `pgdrift plan TARGET SOURCE -o FOLDER`",
    )
