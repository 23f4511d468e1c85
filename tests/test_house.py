"""The guards of the house: what a reviewer would have to remember, asked of the source itself."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import typer
import yaml
from pydantic import BaseModel

from pgdrift import errors
from pgdrift.cli import app
from pgdrift.core.alike import majors, places, spelling
from pgdrift.core.kinds import KINDS
from pgdrift.core.texts import respell
from pgdrift.core.why import named
from pgdrift.metrics import METRICS
from pgdrift.reconcile import capture
from pgdrift.settings import Settings, load
from pgdrift.sources import held, refusals, uncovered
from pgdrift.store import failures

ROOT = Path(__file__).parent.parent
DAEMON = ROOT / "daemon" / "pgdrift"
CORE = DAEMON / "core"
EXAMPLE = ROOT / "config" / "pgdrift.example.yaml"
SCENARIOS = ROOT / "tests" / "scenarios"
CLUSTER = ROOT / "tests" / "cluster"

NAMES = {kind.name for kind in KINDS}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sources(under: Path) -> list[Path]:
    return sorted(p for p in under.rglob("*.py") if "__pycache__" not in p.parts)


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


# The comparer knows no kind


def strings(path: Path) -> Iterator[ast.Constant]:
    """Give the strings of a module that are no docstrings.

    To ask for a kind, code must name it in a string. Prose may speak of tables, and a variable
    may be called `rule`: that is English, no knowledge.
    """
    prose = {
        id(node.value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node


@pytest.mark.parametrize(
    "module",
    [
        "compare",
        "threeway",
        "alike/normalise",
        "judge",
        "alerts/incident",
        "look",
        "alerts/route",
        "digest",
        "book",
        "ignore",
        "renamed",
    ],
)
def test_what_decides_names_no_kind(module: str) -> None:
    path = CORE / f"{module}.py"
    named = {
        f"{where(path, node)}: {word}"
        for node in strings(path)
        for word in re.findall(r"\w+", str(node.value))
        if word in NAMES
    }
    assert not named


def test_the_guard_of_the_comparer_can_fail(tmp_path: Path) -> None:
    tempted = tmp_path / "compare.py"
    tempted.write_text('"""Tables."""\nif kind == "table":\n    "column"\n', encoding="utf-8")
    assert [node.value for node in strings(tempted)] == ["table"]


# A kind is data, and has a scenario


def in_words(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


DRIFTS = sorted([*SCENARIOS.glob("*/drift.json"), *CLUSTER.glob("*/drift.json")])


def test_every_kind_has_a_scenario() -> None:
    drifted = {entry["kind"] for path in DRIFTS for entry in in_words(path)}
    assert drifted == NAMES


def test_every_scenario_is_whole() -> None:
    for folder in (p for p in (*SCENARIOS.iterdir(), *CLUSTER.iterdir()) if p.is_dir()):
        assert {p.name for p in folder.iterdir()} >= {"a.sql", "b.sql", "drift.json"}, folder.name


def test_a_kind_is_named_once_and_in_plain_words() -> None:
    assert len(NAMES) == len(KINDS)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in NAMES)


def test_an_attribute_has_one_meaning_on_each_server() -> None:
    for kind in KINDS:
        for major in range(13, 20):
            names = [a.name for a in kind.attributes_on(major)]
            assert len(names) == len(set(names)), f"{kind.name} on {major}"
            assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in names)


_ALGORITHM = (ast.For, ast.While, ast.If, ast.Try, ast.With, ast.Match, ast.AsyncFunctionDef)


@pytest.mark.parametrize("path", sources(CORE / "kinds"), ids=lambda p: p.stem)
def test_a_kind_holds_data_and_no_algorithm(path: Path) -> None:
    # Functions there put texts together: a few statements, however long the text is.
    for node in ast.walk(tree(path)):
        assert not isinstance(node, _ALGORITHM), where(path, node)
        if isinstance(node, ast.FunctionDef):
            body = [n for n in node.body if not isinstance(n, ast.Expr)]
            assert len(body) <= 4, f"{where(path, node)} {node.name}"


# The kinds that tables and rules name exist

TABLES_OF_KINDS: Mapping[str, set[str]] = {
    "history": {
        *named._OF_THE_WHOLE,
        *named._ROUTINES,
        *named._UNHEARD,
        *(kind for kinds in named._KINDS.values() for kind in kinds),
        *(kind for kinds in named._CALLED.values() for kind in kinds),
    },
    "spelling": {
        *spelling.PRINTED,
        *spelling.PRINTED_WITHIN,
        *(
            kind
            for pairs in (
                spelling._DEFAULTS,
                spelling._DEFAULTS_OF_TYPES,
                spelling._QUERIES,
                spelling._BODIES,
            )
            for kind, _ in pairs
        ),
    },
    "places": {*places.PLACES, *places._OF_SCHEMA},
    "majors": set(majors._NOT_NULL_SINCE),
    "respell": {*respell._STUBS, *respell._PARENTS},
    "held": {*held.HELD, *held._SINCE},
    "uncovered": set(uncovered._ON_MEMBERS),
    "capture": {*capture.CATALOGS, *capture.COLUMNS_OF},
}


@pytest.mark.parametrize("table", TABLES_OF_KINDS)
def test_a_table_names_no_kind_that_does_not_exist(table: str) -> None:
    assert TABLES_OF_KINDS[table]
    assert TABLES_OF_KINDS[table] <= NAMES


def asked_for(path: Path) -> Iterator[ast.Constant]:
    """Give the strings that a module holds against a `kind`, or makes an identity of."""
    for node in ast.walk(tree(path)):
        words: list[ast.expr] = []
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ObjectId":
            words = node.args[:1]
        elif isinstance(node, ast.Compare) and getattr(node.left, "attr", "") == "kind":
            words = node.comparators
        for word in (part for outer in words for part in (outer, *getattr(outer, "elts", ()))):
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield word


def test_no_rule_asks_for_a_kind_that_does_not_exist() -> None:
    asked = [(p, word) for p in sources(DAEMON) for word in asked_for(p)]
    assert len(asked) > 5
    assert [where(p, word) for p, word in asked if word.value not in NAMES] == []


# The core takes values and returns values

# Of the standard library: what looks at the world, or waits for it.
_WORLDLY = set(
    """
    asyncio ctypes fcntl getpass glob http io locale logging multiprocessing os pathlib platform
    queue random secrets select selectors shelve shutil signal socket sqlite3 ssl subprocess sys
    tempfile threading time urllib uuid
    """.split()
)
_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today"}


def imported(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, where(path, node)
            yield str(node.module), node


@pytest.mark.parametrize("path", sources(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_imports_the_core_and_what_has_no_side_effects(path: Path) -> None:
    for name, node in imported(path):
        top = name.split(".")[0]
        if top == "pgdrift":
            assert (name + ".").startswith("pgdrift.core."), where(path, node)
        else:
            assert top in sys.stdlib_module_names, where(path, node)
            assert top not in _WORLDLY, where(path, node)


@pytest.mark.parametrize("path", sources(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_awaits_nothing_and_asks_no_clock(path: Path) -> None:
    for node in ast.walk(tree(path)):
        assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.Global)), where(
            path, node
        )
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert called not in _CALLS, where(path, node)


# Only `reconcile` writes to an environment

# Where a session is opened, and where one is told that it may write: the scratch server is ours,
# and so are the servers of the demo and of a store. That the daemon never sees `reconcile` an import contract says.
OPENS = {
    *("sources/connection.py", "sources/sqlfile.py", "sources/ground.py"),
    *("demo/databases.py", "store/postgres.py"),
}
WRITES = {"reconcile/writing.py", "sources/scratch.py"}
_MAY_WRITE = re.compile(r"READ\s+WRITE|transaction_read_only\W+(off|false|0)", re.IGNORECASE)


def opens(path: Path) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"connect", "create_pool"}
        and getattr(node.func.value, "id", "") == "asyncpg"
        for node in ast.walk(tree(path))
    )


def test_only_reconcile_writes_to_an_environment() -> None:
    found = {p.relative_to(DAEMON).as_posix(): p for p in sources(DAEMON)}
    assert {name for name, p in found.items() if opens(p)} == OPENS
    assert {
        n for n, p in found.items() if any(_MAY_WRITE.search(str(s.value)) for s in strings(p))
    } == WRITES


# Errors by whose fault they are

KINDS_OF_ERROR = {
    cls.__name__: cls
    for cls in vars(errors).values()
    if isinstance(cls, type)
    and issubclass(cls, errors.PgdriftError)
    and cls is not errors.PgdriftError
}

# Where a reason is not written beside the error: the tables that it comes from.
TABLES: Mapping[str, tuple[str, set[str]]] = {
    "sources/refusals.py": (
        "SourceError",
        {reason for reason, _, _ in (*refusals._BY_STATE.values(), refusals._OTHER)},
    ),
    "store/failures.py": ("StoreError", set(failures._WORDS)),
}


def reasons(error: str) -> set[str]:
    """Return the reasons that the docstring of an error class lists."""
    words = (KINDS_OF_ERROR[error].__doc__ or "").partition("Reasons:")[2].partition("\n\n")[0]
    listed = words.partition(".")[0]
    return set(re.findall(r"\w+", re.sub(r":[^,]*|\(.*?\)|\band\b", "", listed, flags=re.DOTALL)))


def raised(path: Path) -> Iterator[tuple[str, ast.expr, ast.AST]]:
    """Give (error, reason, the function around it) of every error that a module makes."""
    for scope in ast.walk(tree(path)):
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(scope):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS_OF_ERROR:
                    given = [k.value for k in node.keywords if k.arg == "reason"]
                    assert given, where(path, node)
                    yield getattr(node.func, "id", ""), given[0], scope
    for cls in ast.walk(tree(path)):
        bases = [b.id for b in getattr(cls, "bases", ()) if isinstance(b, ast.Name)]
        for error in KINDS_OF_ERROR.keys() & set(bases):
            for node in ast.walk(cls):
                if isinstance(node, ast.keyword) and node.arg == "reason":
                    yield error, node.value, cls


def literal(reason: ast.expr, scope: ast.AST) -> set[str]:
    """Return the strings that a reason can be: its own, or those put into its variable."""
    if isinstance(reason, ast.Name):
        values = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            and [getattr(t, "id", "") for t in node.targets] == [reason.id]
        ]
    else:
        values = [reason]
    return {
        part.value
        for value in values
        for node in [value, *(getattr(value, n) for n in ("body", "orelse") if hasattr(value, n))]
        for part in [node]
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def test_every_error_class_lists_its_reasons() -> None:
    assert len(KINDS_OF_ERROR) >= 4
    assert all(reasons(error) for error in KINDS_OF_ERROR)


def test_every_reason_is_one_that_its_error_lists() -> None:
    given = set()
    for path in sources(DAEMON):
        for error, reason, scope in raised(path):
            known = literal(reason, scope)
            if not known:
                name = path.relative_to(DAEMON).as_posix()
                assert name in TABLES, f"{where(path, reason)}: where does this reason come from?"
                known = TABLES[name][1]
            assert known <= reasons(error), where(path, reason)
            given |= {(error, word) for word in known}
    # And none is listed that is never given.
    assert given == {(error, word) for error in KINDS_OF_ERROR for word in reasons(error)}


@pytest.mark.parametrize("name", TABLES)
def test_every_reason_of_a_table_is_one_that_its_error_lists(name: str) -> None:
    error, found = TABLES[name]
    assert found <= reasons(error)


# Settings, metrics and commands are documented


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Give every section by its path; data keys are `*`, a channel is told by its type."""
    yield path, model
    for name, field in model.model_fields.items():
        yield from _within(field.annotation, f"{path}.{field.alias or name}".lstrip("."))


def _within(annotation: Any, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        tag = annotation.model_fields.get("type")
        of_type = f"({get_args(tag.annotation)[0]})" if tag else ""
        yield from sections(annotation, path + of_type)
        return
    step = ".*" if get_origin(annotation) in (dict, tuple, list) else ""
    if get_origin(annotation) is Annotated:
        yield from _within(get_args(annotation)[0], path)
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _within(argument, path + step)


SECTIONS = dict(sections(Settings))
SETTINGS = sorted(
    f"{path}.{field.alias or name}".lstrip(".")
    for path, model in SECTIONS.items()
    for name, field in model.model_fields.items()
)


def used(value: object, path: str = "") -> Iterator[str]:
    """Give the path of every key of the example, as `sections` writes them."""
    if isinstance(value, dict):
        path += f"({value['type']})" if path == "alerts.channels.*" else ""
        data = f"{path}.*".lstrip(".") in {re.sub(r"\(.*\)", "", p) for p in SECTIONS}
        for key, inner in value.items():
            step = f"{path}.{'*' if data else key}".lstrip(".")
            yield step
            yield from used(inner, step)
    elif isinstance(value, list):
        for inner in value:
            yield from used(inner, f"{path}.*")


def test_the_example_is_a_configuration() -> None:
    settings = load(EXAMPLE)
    assert settings.environments
    assert settings.alerts.channels


def test_the_walk_over_the_settings_finds_them() -> None:
    assert {"defaults.interval", "environments.*.dsn_file", "alerts.routes.*.to"} <= set(SETTINGS)
    assert any("(email)" in s for s in SETTINGS)


@cache
def example() -> tuple[str, set[str]]:
    """Return the text of the example and the settings that it uses."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return text, set(used(yaml.safe_load(text)))


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_in_the_example(setting: str) -> None:
    text, keys = example()
    if setting == "store.url_file":
        # A file of SQLite's is no secret, and most have that: a server's is said in a comment.
        assert re.search(r"# url_file: ", text)
    elif f"{setting}_file" in SETTINGS:
        # Two sources for one secret are refused: the other one is said in a comment.
        assert f"{setting}_file" in keys or setting == "store.url"
        key = setting.rpartition(".")[2]
        assert setting in keys or re.search(rf"#.*\b{key}: ", text)
    else:
        assert setting in keys


@cache
def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_in_the_docs(setting: str) -> None:
    path, _, key = setting.rpartition(".")
    if not path or setting in SECTIONS:
        return
    heading = path.replace("(", " (type: ")
    for by_name in ("environments", "discover"):
        heading = heading.replace(f"{by_name}.*", f"{by_name}.<name>")
    for by_name in ("channels", "owners"):
        heading = heading.replace(f"alerts.{by_name}.*", f"alerts.{by_name}.<name>")
    heading = heading.replace(".*", "[]")
    section = doc("configuration.md").partition(f"## `{heading}`")[2].partition("\n## ")[0]
    assert f"| `{key}` |" in section


@pytest.mark.parametrize("metric", [row.name for row in METRICS])
def test_every_metric_is_in_the_docs(metric: str) -> None:
    assert re.search(rf"\b{metric}\b", doc("metrics.md"))


def commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))
    if not hasattr(group, "commands"):
        options = {o for p in group.params for o in p.opts if o.startswith("--")}
        yield " ".join(words), options


COMMANDS = dict(commands(typer.main.get_command(app), ("pgdrift",)))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_option_is_in_the_docs(command: str) -> None:
    assert f"## `{command}`" in doc("cli.md")
    section = doc("cli.md").partition(f"## `{command}`")[2].partition("\n## ")[0]
    assert {o for o in COMMANDS[command] if o not in section} == set()


def test_no_command_is_in_the_docs_that_does_not_exist() -> None:
    assert set(re.findall(r"^## `(pgdrift [^`]+)`", doc("cli.md"), re.MULTILINE)) == set(COMMANDS)


# Nothing of one machine is committed


def committed() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


# Put together here, so that this file is not found.
NEEDLES = tuple(
    "".join(parts)
    for parts in (
        ("pypi", ".org/simple"),
        ("pythonhosted", ".org/"),
        ("registry.npm", "js.org"),
        ("proxy.golang", ".org"),
        ("/ro", "ot/"),
        ("/work/", "main"),
        ("/work/", "shared"),
        ("--index", "-url http"),
        ("BEGIN ", "PRIVATE KEY"),
        ("BEGIN RSA ", "PRIVATE KEY"),
    )
)


def test_no_committed_file_names_a_registry_or_a_place_of_this_machine() -> None:
    here = () if len(ROOT.parts) < 3 else (f"{ROOT}/",)
    found = [
        f"{path.relative_to(ROOT)}: {needle}"
        for path in committed()
        for text in [path.read_bytes().decode("utf-8", "replace")]
        for needle in (*NEEDLES, *here)
        if needle in text
    ]
    assert not found
