"""Writes the reference pages from what they describe: `python docs/generate.py`.

docs/metrics.md from the table of metrics, docs/configuration.md from the settings' models,
docs/cli.md from the commands. `--check` only says whether they are current.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pgdrift import cli as commands
from pgdrift import metrics
from pgdrift.settings import Settings, duration_text

DOCS = Path(__file__).parent

COMMANDS = (
    "serve check diff snapshot status sync demo config,check config,show config,schema".split()
)

_CLI_HEAD = """\
# Commands

Written by `python docs/generate.py` from the commands themselves.

Exit codes are a contract: **0** in sync, equal, done; **1** drift, a difference; **2** something
is unknown: it, or a part of it, could not be looked at; **3** wrong usage or configuration. When
several hold, the highest is given. An error that is somebody's fault is one message with a hint on
standard error, never a traceback.

What a role may not read is no equality: `diff` then tells what it found and what it could not read,
and exits 2; `snapshot` writes the file, which names what is missing, and exits 2; `sync` refuses,
for it would declare right what nobody saw.

`diff` and `check` need no configuration and no store: connection URLs are enough. Where a command
takes an environment, it reads the configuration named by `--config` or `PGDRIFT_CONFIG`, else
`./pgdrift.yaml`, else the environment variables alone.
"""

_DIFF_TAIL = """
`--format json` prints one object: `findings`, each with `kind`, `name` (dotted, quoted as SQL
would), `change` (`added` in B, `removed` from B, `changed`), `attributes` (name → [in A, in B])
and `contains` (what came or went with it: a table speaks for its columns); `not_compared`: kind →
[in A, in B], how many objects there are of kinds that are not compared; and `unread`: kind → [why
not in A, why not in B], which kinds the role may not read there, `null` where it could. With
anything unread the exit code is 2, differences or not: the rest may differ or be equal.
"""

_CONFIG_HEAD = """\
# Configuration

Written by `python docs/generate.py` from the settings. A commented file with every key is
[config/pgdrift.example.yaml](../config/pgdrift.example.yaml).

One YAML file, named by `--config` or `PGDRIFT_CONFIG`. Any key can also be given as a variable,
which wins over the file: `PGDRIFT_` and the path in capitals, joined by two underscores, as
`PGDRIFT_STORE__URL` or `PGDRIFT_ENVIRONMENTS__PRODUCTION__DSN`. Durations are numbers with a unit:
`500ms`, `30s`, `5m`, `24h`, `7d`, also `1h 30m`, and ten years at most. What ends in `_file` names
a file that is read whenever it is needed, so that a secret can be rotated without a restart.

A variable with two underscores whose first part is no section (`PGDRIFT_STOER__URL`) is refused, as
a mistyped key is. Others that begin with `PGDRIFT_` are let pass: for a Service named `pgdrift`
Kubernetes puts `PGDRIFT_SERVICE_HOST` and its like into every pod.

A configuration that cannot be meant is refused at the start, with the line and a hint. A running
daemon reads it again on SIGHUP: a bad one is refused and the old one runs on
(`pgdrift_config_last_reload_successful` is 0 then); `store` and `web` need a restart.
"""


def configuration() -> str:
    """Return docs/configuration.md."""
    parts = [_CONFIG_HEAD]
    for title, model in _sections():
        parts.append(f"## `{title}`\n\n{_summary(model)}\n")
        parts.append("| key | type | default | meaning |\n|---|---|---|---|")
        parts.extend(_row(name, field) for name, field in model.model_fields.items())
        parts.append("")
    return "\n".join(parts)


def cli() -> str:
    """Return docs/cli.md."""
    parts = [_CLI_HEAD]
    for command in COMMANDS:
        words = command.split(",")
        parts.append(f"## `pgdrift {' '.join(words)}`\n\n```text\n{_help(words)}\n```")
        if command == "diff":
            parts.append(_DIFF_TAIL.rstrip())
        parts.append("")
    return "\n".join(parts)


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        yield from _models(name, field.annotation)


def _models(path: str, annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("type")
        tag = f" (type: {get_args(kind.annotation)[0]})" if kind else ""
        yield path + tag, annotation
        for name, field in annotation.model_fields.items():
            yield from _models(f"{path}.{name}", field.annotation)
        return
    step = ".<name>" if get_origin(annotation) is dict else "[]"
    within = path + step if get_origin(annotation) in (dict, tuple, list) else path
    for argument in get_args(annotation):
        yield from _models(within, argument)


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().replace("\n    ", "\n")


def _row(name: str, field: FieldInfo) -> str:
    required = field.is_required()
    default = "required" if required else _default(field)
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{field.alias or name}` | {_type(field.annotation)} | {default} | {meaning} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value in (None, (), {}):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if hasattr(value, "total_seconds"):
        return f"`{duration_text(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(args[0])
    if origin is dict:
        return "map of sections"
    if origin in (tuple, list):
        return f"list of {_type(args[0])}"
    if origin is not None and str(origin).endswith("Literal"):
        return " \\| ".join(f"`{a}`" for a in args)
    if args:
        return " or ".join(_type(a) for a in args if a is not type(None))
    names = {"str": "text", "bool": "boolean", "int": "number", "Path": "path", "date": "date"}
    name = getattr(annotation, "__name__", str(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if name == "Severity":
        return "`info` \\| `warning` \\| `critical`"
    return {"timedelta": "duration", "SecretStr": "secret text"}.get(name, names.get(name, name))


def _help(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        commands.main([*words, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


PAGES = {
    "metrics.md": metrics.markdown,
    "configuration.md": configuration,
    "cli.md": cli,
}


def main() -> int:
    """Write the pages, or with --check say which are not current."""
    # Help is as wide as the terminal; the page is not.
    os.environ["COLUMNS"] = "90"
    stale = [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != page()
    ]
    if "--check" in sys.argv:
        sys.stdout.write("".join(f"not current: docs/{name}\n" for name in stale))
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
