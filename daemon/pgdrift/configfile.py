"""A configuration's text in, its data and the line of each key out; and what is wrong with it.

Knows YAML and pydantic, and no setting: the models come as an argument. Shows no value, because
any value may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError

Path = tuple[str, ...]
Lines = Mapping[Path, int]

# No section lies deeper than six; who goes on is an alias that holds itself.
_DEEPEST = 20
# Aliases within aliases grow without bound, from a few lines.
_MOST_KEYS = 100_000
# No file, host or database can be named with these; YAML can write them, as "\0".
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_TOO_DEEP = "nested too deeply, or an alias that holds itself"
_QUOTED = re.compile(r"""(['"]).{2,}\1""", re.DOTALL)

SEE = "`pgdrift config schema` prints all keys; see also config/pgdrift.example.yaml"


def parse(text: str, where: str) -> tuple[dict[str, object], Lines]:
    """Return the data of a YAML text, and the line (from 1) of each key by its path.

    A key is the word that stands there, `on` and `1` too; a date stays text. Raises ConfigError
    (invalid) with the line for what is no mapping, or gives a key twice.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines = _all_lines(node, where)
        data = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _not_yaml(error, text, where) from None
    except RecursionError:
        raise ConfigError(f"{where}: {_TOO_DEEP}", reason="invalid", hint=SEE) from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(data, dict):
        msg = f"{where}:1: the configuration is a mapping of sections"
        raise ConfigError(msg, reason="invalid", hint=SEE)
    return data, lines


def refusal(error: ValidationError, root: type[BaseModel], lines: Lines, where: str) -> ConfigError:
    """Return what pydantic found wrong as one error: every fault, its line and a hint."""
    faults = [_fault(e, root, lines, where) for e in error.errors()]
    return ConfigError("\n".join(faults), reason="invalid", hint=SEE)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


class _Loader(yaml.SafeLoader):
    """YAML's safe values but dates, which have no line once they are refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012  a class attribute, as the loader's own is
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002
        """Refuse with its line what claims to be of a type (`0x_`, `!!bool x`) and is not."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError):
            msg = "a value is not of the type that it is written as"
            raise yaml.MarkedYAMLError(problem=msg, problem_mark=node.start_mark) from None


def _not_yaml(error: yaml.YAMLError, text: str, where: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    if isinstance(error, yaml.reader.ReaderError):
        line = f":{text.count(chr(10), 0, error.position) + 1}"
    # What it quotes is of the file: a password that begins with an asterisk is an alias to YAML.
    problem = _QUOTED.sub("…", getattr(error, "problem", None) or "not readable as text")
    msg = f"{where}{line}: this is not YAML: {one_line(problem)}"
    return ConfigError(msg, reason="invalid", hint="check indentation and quotes")


def _all_lines(root: yaml.Node, where: str) -> Lines:
    lines: dict[Path, int] = {}
    for path, line in _lines(root, (), where):
        lines[path] = line
        if len(lines) > _MOST_KEYS:
            msg = f"{where}:{line}: its aliases make this configuration too large"
            raise ConfigError(msg, reason="invalid", hint="write out what the aliases stand for")
    return lines


def _lines(node: yaml.Node, path: Path, where: str) -> Iterator[tuple[Path, int]]:
    if len(path) > _DEEPEST:
        msg = f"{where}:{node.start_mark.line + 1}: {_TOO_DEEP}"
        raise ConfigError(msg, reason="invalid", hint=SEE)
    if isinstance(node, yaml.ScalarNode) and _UNUSABLE.search(node.value):
        msg = f"{where}:{node.start_mark.line + 1}: a value holds a character that is none"
        raise ConfigError(msg, reason="invalid", hint="check what is written with a backslash")
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, str(number)), item.start_mark.line + 1
            yield from _lines(item, (*path, str(number)), where)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            _make_word(key, where)
            if key.value in seen:
                msg = f"{where}:{line}: {one_line('.'.join((*path, key.value)))} is given twice"
                raise ConfigError(msg, reason="invalid", hint="keep one of the two")
            seen.add(key.value)
            yield (*path, key.value), line
            yield from _lines(value, (*path, key.value), where)


def _make_word(key: yaml.Node, where: str) -> None:
    """Take a key as it is written, lest `on` be true and `1` a number; `<<` still merges."""
    if not isinstance(key, yaml.ScalarNode):
        msg = f"{where}:{key.start_mark.line + 1}: a key is one word"
        raise ConfigError(msg, reason="invalid", hint="check brackets and braces")
    if key.tag != "tag:yaml.org,2002:merge":
        key.tag = "tag:yaml.org,2002:str"


def _fault(error: ErrorDetails, root: type[BaseModel], lines: Lines, where: str) -> str:
    location = tuple(str(p) for p in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    absent = error["type"] in ("missing", "extra_forbidden")
    if error["type"] == "extra_forbidden":
        message = "unknown key" + did_you_mean(location[-1], _keys(root, location[:-1]))
    elif error["type"] == "missing":
        message = "this key is missing"
    elif error["type"] == "union_tag_invalid":
        message = f"type is one of {error['ctx']['expected_tags']}"
    path = _path(location, lines, keep_last=absent)
    line = _line(path, message, lines)
    if line and error["input"] is None:
        # `{token, …}`: a key without a value may be a value that has lost its key.
        path = path[:-1]
    dotted = f"{'.'.join(path)}: " if path else ""
    return f"{where}{f':{line}' if line else ''}: {one_line(dotted + message)}"


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
