"""A configuration's text in, its data and the line of each key out; and what is wrong with it.

Knows YAML and pydantic, and no setting: the models come as an argument. Shows no value, because
any value may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pgdrift.errors import ConfigError

Path = tuple[str, ...]
Lines = Mapping[Path, int]

_SEE = "`pgdrift config schema` prints all keys; see also config/pgdrift.example.yaml"


def parse(text: str, where: str) -> tuple[dict[str, object], Lines]:
    """Return the data of a YAML text, and the line (from 1) of each key by its path.

    Raises ConfigError (invalid) with the line for what is no mapping, or gives a key twice.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        msg = f"{where}{line}: this is not YAML: {problem}"
        raise ConfigError(msg, reason="invalid", hint="check indentation and quotes") from None
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        msg = f"{where}:1: the configuration is a mapping of sections"
        raise ConfigError(msg, reason="invalid", hint=_SEE)
    return data, dict(_lines(node, (), where))


def refusal(error: ValidationError, root: type[BaseModel], lines: Lines, where: str) -> ConfigError:
    """Return what pydantic found wrong as one error: every fault, its line and a hint."""
    faults = [_fault(e, root, lines, where) for e in error.errors(include_input=False)]
    return ConfigError("\n".join(faults), reason="invalid", hint=_SEE)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _lines(node: yaml.Node | None, path: Path, where: str) -> Iterator[tuple[Path, int]]:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, str(number)), item.start_mark.line + 1
            yield from _lines(item, (*path, str(number)), where)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                msg = f"{where}:{line}: {'.'.join((*path, key.value))} is given twice"
                raise ConfigError(msg, reason="invalid", hint="keep one of the two")
            seen.add(key.value)
            yield (*path, key.value), line
            yield from _lines(value, (*path, key.value), where)


def _fault(error: ErrorDetails, root: type[BaseModel], lines: Lines, where: str) -> str:
    location = tuple(str(p) for p in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    absent = error["type"] in ("missing", "extra_forbidden")
    if error["type"] == "extra_forbidden":
        message = "unknown key" + did_you_mean(location[-1], _keys(root, location[:-1]))
    elif error["type"] == "missing":
        message = "this key is missing"
    path = _path(location, lines, keep_last=absent)
    line = _line(path, message, lines)
    dotted = f"{'.'.join(path)}: " if path else ""
    return f"{where}{f':{line}' if line else ''}: {dotted}{message}"


def _path(location: Path, lines: Lines, *, keep_last: bool) -> Path:
    """Leave out what pydantic puts into a location beside the keys: the tags of unions."""
    if not lines:
        return location
    kept: Path = ()
    for number, part in enumerate(location):
        if (*kept, part) in lines or (keep_last and number == len(location) - 1):
            kept = (*kept, part)
    return kept


def _line(path: Path, message: str, lines: Lines) -> int | None:
    """Return the line of a key, of the nearest key above it, or of one that the message names."""
    named = re.match(r"([\w.\-]+)[: ]", message)
    if named and (inner := (*path, *named.group(1).split("."))) in lines:
        return lines[inner]
    above = (path[:length] for length in range(len(path), 0, -1))
    return next((lines[p] for p in above if p in lines), None)


def _keys(root: type[BaseModel], path: Path) -> Iterator[str]:
    """Give the keys that a section takes, found by walking the models along a location."""
    here: object = root
    for part in path:
        fields = getattr(here, "model_fields", {})
        here = _inner(fields[part].annotation) if part in fields else _member(here, part)
    yield from (f.alias or name for name, f in getattr(here, "model_fields", {}).items())


def _inner(annotation: object) -> object:
    """Return the model, or union of models, within a dict, a tuple or an Annotated."""
    if hasattr(annotation, "__metadata__"):
        return _inner(annotation.__origin__)  # type: ignore[attr-defined]
    within = [a for a in get_args(annotation) if a not in (str, Ellipsis)]
    return _inner(within[0]) if len(within) == 1 else annotation


def _member(union: object, tag: str) -> object:
    """Return the model of a union that a tag names; a name or a number is data: stay."""
    for model in get_args(union):
        fields = getattr(model, "model_fields", {})
        if "type" in fields and tag in get_args(fields["type"].annotation):
            return model
    return union
