"""Indexes that stand for themselves, and extended statistics."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, quote_ident, split_dotted
from pgdrift.core.plan.kinds.common import comment_on, targets
from pgdrift.core.plan.kinds.neighbours import holds_rows
from pgdrift.core.plan.sql import has, last, listed, spaced, text, texts, when, whole
from pgdrift.core.plan.step import REBUILD, Below, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE


def _table(found: Object) -> str:
    return dotted((found.id.path[0], text(found, "table")))


def _index(found: Object, world: World) -> Iterator[Step]:
    if world.comes_along(found):
        yield from targets(f"ALTER INDEX {whole(found)}", (), found.attributes.get("statistics"))
        if has(found, "clustered"):
            yield _cluster(found)
        return
    online = world.online and found.parent not in world.made and not _of_partitioned(found, world)
    only = "ONLY " if _waits_for_parts(found, world) else ""
    yield Step(
        spaced(
            "CREATE UNIQUE INDEX" if has(found, "unique") else "CREATE INDEX",
            "CONCURRENTLY" if online else "",
            f"{last(found)} ON {only}{_table(found)} {text(found, 'definition')}",
        ),
        "",
        Lock.SHARE_UPDATE_EXCLUSIVE if online else Lock.SHARE,
        (_table(found),),
        scans=not only and holds_rows(found.parent, world, _have_it(found, world)),
        below=Below.NOTHING if only else Below.PARTITIONS,
        alone=online,
        fails="rows have equal keys" if has(found, "unique") else "",
    )
    if space := text(found, "tablespace"):
        said = f"ALTER INDEX {whole(found)} SET TABLESPACE {quote_ident(space)}"
        yield Step(said, "move to tablespace", _HARD, (_table(found),))
    yield from targets(f"ALTER INDEX {whole(found)}", (), found.attributes.get("statistics"))
    if has(found, "clustered"):
        yield _cluster(found)
    if _is_to_be_attached(found, world):
        yield _attached(found)


def _is_to_be_attached(found: Object, world: World) -> bool:
    """Tell whether an index becomes a part by being told so: not with its table, nor its whole."""
    of = ObjectId("index", split_dotted(text(found, "partition_of")))
    waits = of in world.there and _waits_for_parts(world.there[of], world)
    return bool(of.path) and not world.joins(found) and (of not in world.made or waits)


def _have_it(found: Object, world: World) -> frozenset[ObjectId]:
    """Return the partitions whose own index becomes a part of it."""
    name = whole(found)
    return frozenset(
        part.parent
        for part in world.there.values()
        if part.id.kind == "index"
        and part.id in world.here
        and text(part, "partition_of") == name
        and part.parent
    )


def _of_partitioned(found: Object, world: World) -> bool:
    table = world.there.get(found.parent) if found.parent else None
    return table is not None and has(table, "partition_key")


def _waits_for_parts(found: Object, world: World) -> bool:
    """Tell whether it is not valid because it has no parts yet, as ONLY makes it."""
    return found.attributes.get("valid") is False and _of_partitioned(found, world)


def _attached(found: Object) -> Step:
    return Step(
        f"ALTER INDEX {text(found, 'partition_of')} ATTACH PARTITION {whole(found)}",
        "attach",
        _HARD,
        (_table(found),),
    )


def _cluster(found: Object) -> Step:
    said = f"CLUSTER ON {last(found)}" if has(found, "clustered") else "SET WITHOUT CLUSTER"
    noun = "MATERIALIZED VIEW" if _of_matview(found) else "TABLE"
    lock = Lock.SHARE_UPDATE_EXCLUSIVE
    return Step(f"ALTER {noun} {_table(found)} {said}", "change clustering", lock, (_table(found),))


def _of_matview(found: Object) -> bool:
    return found.parent is not None and found.parent.kind == "materialized_view"


def _drop(found: Object, world: World) -> Iterator[Step]:
    if text(found, "partition_of") and not world.leaves(found):
        # It goes with the whole, and cannot without.
        if world.comes_along(found):
            yield from _plain_again(found)
        return
    online = world.online and not _of_partitioned(found, world)
    yield Step(
        spaced("DROP INDEX", "CONCURRENTLY" if online else "", whole(found)),
        "",
        Lock.SHARE_UPDATE_EXCLUSIVE if online else _HARD,
        (_table(found),),
        below=Below.PARTITIONS,
        alone=online,
    )


def _plain_again(found: Object) -> Iterator[Step]:
    """Make a partition's index as the whole's again."""
    yield from targets(f"ALTER INDEX {whole(found)}", found.attributes.get("statistics"), ())
    if has(found, "comment"):
        yield comment_on(f"INDEX {whole(found)}", None)
    if has(found, "clustered"):
        yield _cluster(Object(found.id, {"table": found.attributes["table"]}, found.parent))


def _statistics(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("statistics") for o in (before, after))
    yield from targets(f"ALTER INDEX {whole(after)}", *both)


def _clustered(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _cluster(after)


def _tablespace(_: Object, after: Object, _world: World) -> Iterator[Step]:
    space = when(after, "tablespace", quote_ident) or "pg_default"
    said = f"ALTER INDEX {whole(after)} SET TABLESPACE {space}"
    yield Step(said, "move to tablespace", _HARD, (_table(after),))


def _partition_of(before: Object, after: Object, world: World) -> Iterator[Step]:
    if has(after, "partition_of") and _is_to_be_attached(after, world):
        yield _attached(after)


def valid_by_parts(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Leave it to the parts that are attached: the last of them makes the whole valid."""
    return iter(())


def _is_made_anew(before: Object, after: Object, world: World) -> bool:
    leaves = text(before, "partition_of") not in {"", text(after, "partition_of")}
    if leaves and not world.leaves(after):
        return True
    return has(before, "valid") != has(after, "valid") and not gets_parts(after, world)


def gets_parts(whole: Object, world: World) -> bool:
    """Tell whether parts that an index or key lacks are attached to it, and so it is valid."""
    if not has(whole, "valid"):
        return False
    for i in world.used.get(whole.id, ()):
        if i in world.there and world.whole_of(world.there[i]) == whole.id:
            was = world.here.get(i)
            if was is None or whole.id not in world.uses_here.get(i, ()):
                return True
    return False


INDEX = Writer(
    "INDEX",
    whole,
    _index,
    {
        "table": REBUILD,
        "unique": REBUILD,
        "definition": REBUILD,
        "partition_of": _partition_of,
        "valid": valid_by_parts,
        "clustered": _clustered,
        "statistics": _statistics,
        "tablespace": _tablespace,
    },
    drop=_drop,
    lacks=lambda found, world: (
        {"valid": "half built as it is there no statement makes an index"}
        if found.attributes.get("valid") is False and not _of_partitioned(found, world)
        else {}
    ),
    unless=_is_made_anew,
)


def _extended(found: Object, _: World) -> Iterator[Step]:
    kinds = [k for k in texts(found.attributes["kinds"]) if k != "expressions"]
    columns = [quote_ident(c) for c in texts(found.attributes["columns"])]
    expressions = [f"({e})" for e in texts(found.attributes.get("expressions"))]
    alone = len(expressions) == 1 and not columns
    yield Step(
        spaced(
            f"CREATE STATISTICS {whole(found)}",
            f"({', '.join(kinds)})" if kinds and not alone else "",
            f"ON {listed([*columns, *expressions])} FROM {text(found, 'table')}",
        ),
        "",
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (text(found, "table"),),
    )
    if found.attributes.get("target") is not None:
        yield _with_target(found)


def _with_target(found: Object) -> Step:
    target = found.attributes.get("target")
    said = f"ALTER STATISTICS {whole(found)} SET STATISTICS {-1 if target is None else target}"
    return Step(said, "change statistics target")


def _target(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _with_target(after)


STATISTICS = Writer(
    "STATISTICS",
    whole,
    _extended,
    {**dict.fromkeys(("table", "kinds", "columns", "expressions"), REBUILD), "target": _target},
    drop=lambda found, _: [
        Step(
            f"DROP STATISTICS {whole(found)}",
            "",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            (text(found, "table"),),
        )
    ],
)
