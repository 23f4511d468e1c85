"""Views and materialized views. One that gives out more columns at its end changes in place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.kinds.common import comment_on, options, with_options
from pgdrift.core.plan.kinds.tables import identity
from pgdrift.core.plan.sql import leading, named, spaced, text, texts, when, whole
from pgdrift.core.plan.step import REBUILD, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE
_SOFT = Lock.SHARE_UPDATE_EXCLUSIVE
_SETTING = re.compile(
    r"(?: STORAGE (?P<storage>\w))?(?: STATISTICS (?P<target>\d+))?(?: (?P<options>\{.*\}))?"
)
_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}


def _query(found: Object) -> str:
    return text(found, "definition").rstrip().removesuffix(";")


def _view(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE OR REPLACE VIEW {whole(found)}",
            with_options(found.attributes.get("options")),
            f"AS\n{_query(found)}",
        )
    )
    yield from _defaults({}, found)
    yield from _comments({}, found)


def _replaced(before: Object, after: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE OR REPLACE VIEW {whole(after)}",
            with_options(after.attributes.get("options")),
            f"AS\n{_query(after)}",
        ),
        "change definition",
        _HARD,
        (whole(after),),
    )


def _defaults(old: dict[str, str], after: Object) -> Iterator[Step]:
    new = named(after.attributes.get("column_defaults"))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            said = f"SET DEFAULT {new[name]}" if name in new else "DROP DEFAULT"
            said = f"ALTER VIEW {whole(after)} ALTER COLUMN {name} {said}"
            yield Step(said, "change default", _HARD, (whole(after),))


def _comments(old: dict[str, str], after: Object) -> Iterator[Step]:
    new = named(after.attributes.get("column_comments"))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and name in _names(after):
            yield comment_on(f"COLUMN {whole(after)}.{name}", new.get(name), whole(after))


def _names(found: Object) -> list[str]:
    return [leading(c)[0] for c in texts(found.attributes.get("columns"))]


def _column_defaults(before: Object, after: Object, _: World) -> Iterator[Step]:
    yield from _defaults(named(before.attributes.get("column_defaults")), after)


def _column_comments(before: Object, after: Object, _: World) -> Iterator[Step]:
    yield from _comments(named(before.attributes.get("column_comments")), after)


def _gives_other_columns(before: Object, after: Object, _: World) -> bool:
    old, new = (texts(o.attributes.get("columns")) for o in (before, after))
    return new[: len(old)] != old


def _view_options(before: Object, after: Object, _: World) -> Iterator[Step]:
    if before.attributes.get("definition") != after.attributes.get("definition"):
        return  # CREATE OR REPLACE says them
    both = (o.attributes.get("options") for o in (before, after))
    for said in options(f"ALTER VIEW {whole(after)}", *both):
        yield Step(said, "change options", _HARD, (whole(after),))


VIEW = Writer(
    "VIEW",
    whole,
    _view,
    {
        "definition": _replaced,
        "columns": _replaced,
        "options": _view_options,
        "column_defaults": _column_defaults,
        "column_comments": _column_comments,
    },
    unless=_gives_other_columns,
)


def _matview(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE MATERIALIZED VIEW {whole(found)}",
            when(found, "access_method", lambda m: f"USING {quote_ident(m)}"),
            with_options(found.attributes.get("options")),
            when(found, "tablespace", lambda t: f"TABLESPACE {quote_ident(t)}"),
            f"AS\n{_query(found)}",
        ),
        note="is filled as it is made",
    )
    yield from _settings(found)
    yield from _comments({}, found)


def _settings(found: Object) -> Iterator[Step]:
    head, on = f"ALTER MATERIALIZED VIEW {whole(found)} ALTER COLUMN", (whole(found),)
    for entry in texts(found.attributes.get("column_settings")):
        name = leading(entry)[0]
        said = _SETTING.fullmatch(entry[len(name) :])
        if said and said["storage"]:
            storage = f"{head} {name} SET STORAGE {_STORAGE[said['storage']]}"
            yield Step(storage, "change storage", _HARD, on)
        if said and said["target"]:
            target = f"{head} {name} SET STATISTICS {said['target']}"
            yield Step(target, "change statistics target", _SOFT, on)
        if said and said["options"]:
            settings = said["options"].strip("{}").replace('"', "")
            yield Step(f"{head} {name} SET ({settings})", "change options", _SOFT, on)
    for name, how in named(found.attributes.get("column_compression")).items():
        yield Step(f"{head} {name} SET COMPRESSION {how}", "change compression", _HARD, on)


def _settings_changed(before: Object, after: Object, _: World) -> Iterator[Step]:
    head, on = f"ALTER MATERIALIZED VIEW {whole(after)} ALTER COLUMN", (whole(after),)
    for entry in texts(before.attributes.get("column_settings")):
        name = leading(entry)[0]
        if said := _SETTING.fullmatch(entry[len(name) :]):
            if said["target"]:
                said_so = f"{head} {name} SET STATISTICS -1"
                yield Step(said_so, "change statistics target", _SOFT, on)
            if said["options"]:
                names = (o.partition("=")[0] for o in said["options"].strip("{}").split(","))
                gone = f"{head} {name} RESET ({', '.join(names)})"
                yield Step(gone, "change options", _SOFT, on)
    for name in named(before.attributes.get("column_compression")):
        yield Step(f"{head} {name} SET COMPRESSION default", "change compression", _HARD, on)
    yield from _settings(after)


def _storage_goes(before: Object, after: Object, _: World) -> bool:
    """Tell whether a column's storage is the usual again, which only some majors can say."""
    return any(" STORAGE " in e for e in texts(before.attributes.get("column_settings")))


def _matview_options(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("options") for o in (before, after))
    head = f"ALTER MATERIALIZED VIEW {whole(after)}"
    for said in options(head, *both):
        yield Step(said, "change options", Lock.SHARE_UPDATE_EXCLUSIVE, (whole(after),))


def _place(_: Object, after: Object, _world: World) -> Iterator[Step]:
    space = quote_ident(text(after, "tablespace") or "pg_default")
    said = f"ALTER MATERIALIZED VIEW {whole(after)} SET TABLESPACE {space}"
    yield Step(said, "move to tablespace", _HARD, (whole(after),), rewrites=True)


def _identity(found: Object, world: World) -> Iterator[Step]:
    before = world.here.get(found.id) if found.id not in world.made else None
    old = text(before, "replica_identity") if before else "default"
    new = text(found, "replica_identity")
    if new and new not in {old, "index (dropped)"}:
        yield identity(found, new)


def _matview_goes(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        f"DROP MATERIALIZED VIEW {whole(found)}",
        "",
        _HARD,
        (whole(found),),
        loses="what it has held since it was last refreshed",
    )


MATERIALIZED_VIEW = Writer(
    "MATERIALIZED VIEW",
    whole,
    _matview,
    {
        "definition": REBUILD,
        "columns": REBUILD,
        "options": _matview_options,
        "replica_identity": lambda *_: (),
        "column_settings": _settings_changed,
        "column_compression": _settings_changed,
        "access_method": REBUILD,
        "tablespace": _place,
        "column_comments": _column_comments,
    },
    drop=_matview_goes,
    unless=_storage_goes,
    late=_identity,
)
