"""Writes the reference pages from what they describe: `make docs`.

docs/metrics.md from the table of metrics, docs/configuration.md from the settings' models,
docs/cli.md from the commands, docs/coverage.md from kinds and catalogs, docs/histories.md from the
table of migration tools, docs/webhook.schema.json from the model of the generic webhook. `--check`
only says whether they are current.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pgdrift import cli as commands
from pgdrift import metrics
from pgdrift.core import kinds as kinds_package
from pgdrift.core.alike.normalise import AS_INITDB, NAMED_AFTER
from pgdrift.core.catalogs import CATALOGS, Catalog
from pgdrift.core.coverage import Column as CatalogColumn
from pgdrift.core.coverage import Fate, columns_of
from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds import KINDS
from pgdrift.section import duration_text
from pgdrift.settings import Settings
from pgdrift.sinks import payload
from pgdrift.sources import uncovered, unknown
from pgdrift.sources.histories import TOOLS, Tool

DOCS = Path(__file__).parent

COMMANDS = (
    "serve check diff snapshot plan prove rehearse apply rollback"
    " plans,list plans,show plans,export plans,keep plans,make"
    " show status variants log blame ignore drill demo"
    " incidents ack silence accept unsilence"
    " sync,declare sync,list sync,show sync,undo"
    " ledger,install ledger,verify ledger,upgrade ledger,uninstall"
    " alerts,test alerts,route store,migrate config,check config,show config,schema".split()
)

_CLI_HEAD = """\
# Commands

Written by `make docs` from the commands themselves.

Exit codes are a contract: **0** in sync, equal, done; **1** drift, a difference; **2** something
is unknown: it, or a part of it, could not be looked at, or what was to be done to a database was
not done; **3** wrong usage or configuration. When several hold, the highest is given. `plan` has
codes of its own: **1** planned, **4** planned but for what is left by hand. An error that is
somebody's fault is one message with a hint on standard error, never a traceback.

What a role may not read is no equality: `diff` then tells what it found and what it could not read,
and exits 2; `snapshot` writes the file, which names what is missing, and exits 2; `sync` refuses,
for it would declare right what nobody saw.

`diff` and `check` need no configuration and no store: connection URLs are enough. Where a command
takes an environment, it reads the configuration named by `--config` or `PGDRIFT_CONFIG`, else
`./pgdrift.yaml`, else the environment variables alone.
"""

_DIFF_TAIL = """
`--format json` prints one object: `findings`, each with `kind`, `name` (dotted, quoted as SQL
would), `change` (`added` in B, `removed` from B, `changed`), `attributes` (name → [in A, in B]),
`contains` (what came or went with it: a table speaks for its columns), `renamed` (`null`, or `kind`
and `name` of what it was before or became, and `sure`, which is false for what is only perhaps
renamed) and `spelling` (the attributes whose two texts may well mean the same); `not_compared`:
kind → [in A, in B], how many objects there are that are not compared; and `unread`: kind → [why not
in A, why not in B], which kinds the role may not read there, `null` where it could. With anything
unread the exit code is 2, differences or not: the rest may differ or be equal. No rule of
`compare.ignore` is applied: `diff` shows everything. `histories` is how the migrations of B differ,
with A upstream ([histories.md](histories.md)); it counts as no difference.
"""

_SNAPSHOT_TAIL = """
Options of foreign servers and the like may be secrets. They stand in the file sealed, as
`sealed:…:…`: a hash under a random key that the command forgets. So the file tells nobody what they
are, and, without the key, not even whether they changed: `diff` counts such objects as
`sealed value`. Where `-o` names a snapshot file that nothing but `taken_at`, seals, and the `root`
made of them would change, it stays as it is, which is said on standard error: a file in version
control changes when the schema does.
"""

_CONFIG_HEAD = """\
# Configuration

Written by `make docs` from the settings. A commented file with every key is
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
daemon sees within seconds that the file reads otherwise, or one that `compare.ignore_file` or
`alerts.owners_file` names, and takes it; SIGHUP makes it look at once. A bad one is refused and the
old one goes on: `pgdrift_config_last_reload_successful` is 0 then, and page, API and log say what
is wrong. `store.url` and `web.listen` need a restart, and so do variables.
"""

_COVERAGE_HEAD = """\
# Coverage

Written by `make docs` from the kinds of objects and from the catalogs of PostgreSQL
13 to 18 themselves. A test asks a live server of each of these majors for all columns of all its
catalogs, and fails where one of them does not stand here.

What is compared, what is left out on purpose and why, and what is only counted. What two servers
print differently and what counts as equal is told in [limits.md](limits.md).
"""

_KINDS_HEAD = """\
## Compared

One line per attribute. *Class* is what a change of it touches; the severity follows from that, from
who moved, and from the environment. Where *servers* is empty, all majors from 13 on have it. What
one side's server does not have is no difference. Every kind comes and goes as well: then its own
class counts, and that of an attribute marked with + where that is set.
"""

_LEFT_OUT_HEAD = """\
## Left out on purpose

What of the catalogs is not compared, and why.

| why | columns |
|---|---|
"""

_CATALOGS_HEAD = """\
## Column by column

Every catalog, and what becomes of its columns. *Read* names the kinds that do; *told by* a function
of the server, which prints several columns as one text; *joins* only lead from row to row, because
names are compared and never numbers.
"""

_HISTORIES_HEAD = """\
# Migration histories

Written by `make docs` from the table of tools in `daemon/pgdrift/sources/histories/`.

pgdrift reads what migration tools write down in the databases that it watches. It finds their
tables by itself, by name and columns and in any schema, reads no more than the columns it needs,
and never the text of a migration. `histories:` of an environment names the tools to read, where not
all that are found are meant. The role that watches needs `SELECT` on a tool's table, and on that of
its lock; without it a note says so. A view of a tool's name is left alone, as is a table with
row-level security: reading either would run what others wrote.

## What is made of it

- **Why a schema changed.** A migration that was applied between two looks explains the changes
  seen between them ([rules.md](rules.md)); when and by whom is shown where the tool keeps it.
- **Whether a migration is running.** The tool holds its lock; an open transaction has written to
  its table, or locks it; a row says begun and not how it ended. A tool that does none of these
  before its migration is done is not seen at work. Whoever watches a standby sees only rows. Keys
  of advisory locks are worked out as the tools do, for the database and table that were found.
- **How the history differs from the upstream's**, in `status`, `check`, the page and the API:

| state | | finding |
|---|---|---|
| `failed` | it failed here, and the tool kept that; against the own sync point | behaviour |
| `edited` | both have applied this version, with different checksums | a warning |
| `extra` | applied here, not upstream | a warning |
| `out_of_order` | both have applied it, in another order; as few are named as can be | info |
| `missing` | applied upstream, not here; or what runs when its text changes, in the new | none |
| `other_head` | the tool keeps its heads alone, and they differ: no side is known as older | none |

What a migration that is missing would do is behind, object by object. Findings are called
`migration:schema.table.version`, for rules under `compare` ([rules.md](rules.md)). They are told
once the upstream was looked at again: a pipeline that migrates both is no difference.

Histories are matched by tool and table, or by tool alone where one is left on each side. What a
baseline stands for is neither missing nor extra. `pgdrift_migrations_missing` counts the missing,
and has no sample where nobody can tell. A history is what somebody wrote down: whether it is true,
the comparison of the schemas says.

Times are shown as the tool kept them, with a zone only where it kept one, and never compared with
another environment's. Within one, a version that has another time ran again and explains what
changed; one that only has another checksum was repaired, and explains nothing.

## The tools

Each has a test with its real table, and no table is taken for another tool's. A table to which the
tool's settings give another name is not found.

| tool | name in `histories:` | table | kept of a migration | lock | what cannot be known |
|---|---|---|---|---|---|
"""

_KEPT = {
    "checksum": "checksum",
    "at": "when",
    "by": "by whom",
    "failed": "failed",
    "begun": "begun",
}

_COUNTED_HEAD = """\
## Counted, not compared

What is there of these stands in `not compared` of every answer, on the page, and in
`pgdrift_not_compared{kind}`. What is not there has no line and no sample. Notes name the columns,
catalogs and letters. A kind that a release does not read is counted under the name of the kind.

| word | what is counted |
|---|---|
"""

_COUNTED = {
    "catalog": "catalogs of the server that this release does not know: a newer major, a fork",
    "catalog_column": "columns of known catalogs that this release does not know",
    "extension_member_*": "what hangs on a member of an extension, with which it is left out",
    "in_system_schema": "what somebody put into `pg_catalog` or `information_schema`",
    "operator_family_function": "functions that were added to an operator family of the server's",
    "operator_family_operator": "operators that were added to an operator family of the server's",
    "system_privilege": "relations and routines in `pg_catalog` whose rights are not initdb's",
    "unknown_*": "objects of which one letter in the catalog means what this release does not know",
    "user_mapping_options": "user mappings whose options the server hides from the role",
}


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
        if tail := {"diff": _DIFF_TAIL, "snapshot": _SNAPSHOT_TAIL}.get(command):
            parts.append(tail.rstrip())
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
        return "map of text" if args[1] is str else "map of sections"
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
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " \\| ".join(f"`{member.value}`" for member in annotation)
    return {"timedelta": "duration", "SecretStr": "secret text"}.get(name, names.get(name, name))


def _help(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        commands.main([*words, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def coverage() -> str:
    """Return docs/coverage.md."""
    kinds = [line for kind in KINDS for line in _kind(kind)]
    catalogs = [line for catalog in CATALOGS for line in _catalog(catalog)]
    counted = (f"| `{word}` | {_COUNTED[word]} |" for word in sorted(_counted_words()))
    return "\n".join(
        (
            _COVERAGE_HEAD,
            _KINDS_HEAD,
            *kinds,
            _LEFT_OUT_HEAD + "\n".join(_left_out()),
            "",
            _CATALOGS_HEAD,
            *catalogs,
            _COUNTED_HEAD + "\n".join(counted),
            "",
        )
    )


def _kind(kind: Kind) -> Iterator[str]:
    about = [f"class {kind.cls}"]
    if kind.since:
        about.append(f"from {kind.since} on")
    if kind.cluster:
        about.append("belongs to the cluster, read where `cluster` is set")
    yield f"### {kind.name.replace('_', ' ')}\n\n{_doc(kind)}\n"
    yield f"`{kind.name}`: {', '.join(about)}.\n"
    if kind.attributes:
        yield "| attribute | class | servers |\n|---|---|---|"
        yield from dict.fromkeys(map(_attribute, _joined(kind.attributes)))
        yield ""


def _joined(attributes: tuple[Attribute, ...]) -> Iterator[Attribute]:
    """Give each attribute once, though majors may have to be asked for it in several ways."""
    for name in dict.fromkeys(a.name for a in attributes):
        ways = [a for a in attributes if a.name == name]
        since, until = min(w.since for w in ways), max(w.until for w in ways)
        yield replace(ways[0], since=since, until=until)


def _attribute(attribute: Attribute) -> str:
    plus = " +" if attribute.tells else ""
    cls = (
        "never compared, helps to match"
        if attribute.name in (AS_INITDB, NAMED_AFTER)
        else attribute.cls + plus
    )
    since = f"{attribute.since} and newer" if attribute.since else ""
    until = f"up to {attribute.until}" if attribute.until < 999 else ""
    return f"| `{attribute.name}` | {cls} | {since}{' ' if since and until else ''}{until} |"


def _doc(kind: Kind) -> str:
    """Return what the kind's file says of it."""
    for module in vars(kinds_package).values():
        if isinstance(module, ModuleType):
            own = [*vars(module).values(), *getattr(module, "KINDS", ())]
            if any(kind is each for each in own):
                return " ".join((module.__doc__ or "").split())
    raise LookupError(kind.name)


def _left_out() -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for catalog in CATALOGS:
        for reason, names in catalog.out.items():
            whole = names == "*" or set(names.split()) == {c.name for c in columns_of(catalog, ())}
            columns = [f"{catalog.name}.{name}" for name in names.split()]
            reasons.setdefault(reason, []).extend([catalog.name] if whole else columns)
    for reason, columns in sorted(reasons.items()):
        yield f"| {reason} | {', '.join(f'`{c}`' for c in columns)} |"


def _catalog(catalog: Catalog) -> Iterator[str]:
    by_fate: dict[tuple[str, str], list[str]] = {}
    for column in columns_of(catalog, KINDS):
        says = {Fate.READ: "read", Fate.JOINS: "joins", Fate.THROUGH: "told by"}.get(column.fate)
        key = (says or "left out", column.says if column.fate is not Fate.JOINS else "")
        by_fate.setdefault(key, []).append(_column(column))
    yield f"### {catalog.name}\n\n| | columns | |\n|---|---|---|"
    for (fate, says), columns in by_fate.items():
        yield f"| {fate} | {', '.join(columns)} | {says} |"
    yield ""


def _column(column: CatalogColumn) -> str:
    since = f"{column.since}+" if column.since else ""
    until = f"to {column.until}" if column.until < 999 else ""
    bounds = " ".join(b for b in (since, until) if b)
    return f"`{column.name}`" + (f" ({bounds})" if bounds else "")


def histories() -> str:
    """Return docs/histories.md."""
    rows = dict.fromkeys(map(_tool_row, sorted(TOOLS, key=lambda t: t.title.lower())))
    return _HISTORIES_HEAD + "\n".join(rows) + "\n"


def _tool_row(tool: Tool) -> str:
    kept = [word for field, word in _KEPT.items() if re.search(rf"\b{field}\b", tool.select)]
    if tool.begun_is_locked:
        kept = list(dict.fromkeys([*kept, "failed"]))
    if not tool.unknown.startswith("the order") and not tool.heads_only:
        kept = ["order", *kept]
    tables = " or ".join(f"`{name}`" for name in tool.tables)
    if tool.schema:
        tables += f" in `{tool.schema}`"
    said = ", ".join(kept) if kept else "the version alone"
    cells = (tool.title, f"`{tool.name}`", tables, said, tool.lock or "none", tool.unknown)
    return f"| {' | '.join(cells)} |"


def _counted_words() -> set[str]:
    """Return the words that things are counted under, all that begin alike as one."""
    return {_family(word) for word in unknown.words() | uncovered.words()}


def _family(word: str) -> str:
    heads = ("extension_member_", "unknown_")
    return next((f"{head}*" for head in heads if word.startswith(head)), word)


PAGES = {
    "metrics.md": metrics.markdown,
    "configuration.md": configuration,
    "cli.md": cli,
    "coverage.md": coverage,
    "histories.md": histories,
    "webhook.schema.json": payload.schema,
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
