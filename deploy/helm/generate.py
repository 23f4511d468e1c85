"""Writes the chart's README and schema from what they describe: `make docs`.

The table of values in pgdrift/README.md comes from the comments of pgdrift/values.yaml, and
pgdrift/values.schema.json from values.schema.yaml, those comments and pgdrift's own settings.
`--check` only says whether both are current.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pgdrift.settings import Settings

Schema = dict[str, Any]

HERE = Path(__file__).parent
CHART = HERE / "pgdrift"
_BEGIN, _END = "<!-- values, by `make docs` -->\n", "<!-- end of values -->"
# What the chart itself gives, because it mounts and exposes what these name.
_GIVEN = (("StoreSettings", "url"), ("StoreSettings", "url_file"), ("WebSettings", "listen"))
# May stand in clear while it holds no password, which the templates see to.
_MAY_BE_CLEAR = "dsn"
# Exactly one of these says where an environment is read.
_ONE_OF = ("dsn", "dsn_file", "snapshot")
_LONGEST = 60
_SAYS_NOTHING = {"title", "default", "examples", "writeOnly"}
_NO_FORMATS = [("format", "password"), ("format", "path")]


@dataclass(frozen=True)
class Value:
    """One value of the chart: where it is, what its comment says, what it is by default.

    A section has no default of its own, and need not have a comment.
    """

    path: tuple[str, ...]
    comment: str
    default: object = None
    section: bool = False


def values() -> list[Value]:
    """Return every value of values.yaml in its order. Raises ValueError for one without comment."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml: its values are a mapping")
    return list(_values(root, (), text.splitlines()))


def _values(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        here, comment = (*path, key.value), _comment(key, lines)
        if isinstance(value, yaml.MappingNode) and _is_section(value, lines):
            yield Value(here, comment, section=True)
            yield from _values(value, here, lines)
        elif comment:
            yield Value(here, comment, _data(value))
        else:
            raise ValueError(f"values.yaml:{key.start_mark.line + 1}: say above what this is for")


def _is_section(node: yaml.MappingNode, lines: list[str]) -> bool:
    """Tell whether the keys of a mapping are values of their own: then they have comments."""
    return not node.flow_style and any(_comment(key, lines) for key, _ in node.value)


def _comment(key: yaml.Node, lines: list[str]) -> str:
    mark, found = key.start_mark, []
    for line in reversed(lines[: mark.line]):
        if not line.startswith(" " * mark.column + "# "):
            break
        found.append(line.strip("# "))
    return " ".join(reversed(found))


def _data(node: yaml.Node) -> object:
    return yaml.SafeLoader("").construct_document(node)


def readme() -> str:
    """Return README.md with the table of values as it is now."""
    head, _, rest = (CHART / "README.md").read_text(encoding="utf-8").partition(_BEGIN)
    rows = ["| value | default | meaning |\n|---|---|---|", *map(_row, values())]
    return f"{head}{_BEGIN}\n" + "\n".join(rows) + f"\n\n{_END}{rest.partition(_END)[2]}"


def _row(value: Value) -> str:
    name = ".".join(value.path)
    if value.section:
        return f"| **{name}** | | {value.comment} |"
    default = json.dumps(value.default, ensure_ascii=False)
    shown = f"`{default}`" if len(default) <= _LONGEST else "see values.yaml"
    return f"| `{name}` | {shown} | {value.comment.replace('|', chr(92) + '|')} |"


def schema() -> str:
    """Return values.schema.json."""
    whole = yaml.safe_load((HERE / "values.schema.yaml").read_text(encoding="utf-8"))
    settings = Settings.model_json_schema(by_alias=True)
    parts = settings.pop("$defs")
    for section, key in _GIVEN:
        del parts[section]["properties"][key]
    whole["properties"]["config"] = _own(settings)
    parts["EnvironmentSettings"]["oneOf"] = [{"required": [key]} for key in _ONE_OF]
    whole["definitions"] |= {f"config.{name}": _own(part) for name, part in parts.items()}
    for value in values():
        _describe(whole, value)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _describe(whole: Schema, value: Value) -> None:
    """Put a value's comment into its place, which has to be there."""
    here = whole
    for key in value.path:
        here = here["properties"][key]
        if key != value.path[-1] and "$ref" in here:
            return  # two values share this part, and each says its own
    if value.comment:
        here["description"] = value.comment


def _own(node: Any) -> Any:
    """Return a part of pydantic's schema as Helm tells its faults best, and without secrets."""
    if isinstance(node, list):
        return [_own(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = _without_null(node)
    if "discriminator" in node:
        return _by_tag(node["discriminator"])
    return dict(_kept(node))


def _kept(node: Schema) -> Iterator[tuple[str, Any]]:
    if "patternProperties" in node:
        yield "additionalProperties", False  # a key that does not fit is a fault to pydantic
    for key, value in node.items():
        if key in {"properties", "patternProperties"}:
            clear = {n: f for n, f in value.items() if n == _MAY_BE_CLEAR or not _is_secret(f)}
            yield key, {name: _own(field) for name, field in clear.items()}
        elif key == "description":
            yield key, re.sub(r"\s+", " ", value.partition("\n\n")[0])
        elif key == "$ref":
            yield key, _ref(value)
        elif key not in _SAYS_NOTHING and (key, value) not in _NO_FORMATS:
            yield key, _own(value)


def _without_null(node: Schema) -> Schema:
    """Return `X or nothing` as X: Helm takes away what is null."""
    several = [s for s in node.get("anyOf", ()) if s != {"type": "null"}]
    if not several or len(several) == len(node["anyOf"]):
        return node
    rest = {k: v for k, v in node.items() if k != "anyOf"}
    return {**rest, **several[0]} if len(several) == 1 else {**rest, "anyOf": several}


def _by_tag(discriminator: Schema) -> Schema:
    """Return a union that its tag tells apart as conditions: the fault is then the member's own."""
    tag, members = discriminator["propertyName"], discriminator["mapping"]
    conditions = [
        {"if": {"properties": {tag: {"const": name}}}, "then": {"$ref": _ref(to)}}
        for name, to in members.items()
    ]
    tags = {"type": "string", "enum": list(members)}
    return {"type": "object", "required": [tag], "properties": {tag: tags}, "allOf": conditions}


def _ref(to: str) -> str:
    return to.replace("#/$defs/", "#/definitions/config.")


def _is_secret(field: Schema) -> bool:
    return any(part.get("writeOnly") for part in (field, *field.get("anyOf", ())))


PAGES = {CHART / "values.schema.json": schema, CHART / "README.md": readme}


def main() -> int:
    """Write both; with `--check` say which are not current, and exit 1."""
    check, stale = "--check" in sys.argv[1:], 0
    for path, page in PAGES.items():
        text = page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"{path.relative_to(HERE)} is not current: make docs")  # noqa: T201
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
