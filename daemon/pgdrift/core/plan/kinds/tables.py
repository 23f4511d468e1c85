"""Tables: made with their columns, joined to their parents, changed in place where that is safe.

Nothing here moves rows from one table to another: what would need that is left by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import quote_ident, split_dotted
from pgdrift.core.plan.kinds.column_words import clause, inherited_differences
from pgdrift.core.plan.kinds.common import options, with_options
from pgdrift.core.plan.kinds.neighbours import holds_rows, joined, left_alone, reads_the_default
from pgdrift.core.plan.sql import has, spaced, text, texts, when, whole
from pgdrift.core.plan.step import Below, ByHand, Held, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE


def _table(found: Object, world: World) -> Iterator[Step]:
    unlogged = "UNLOGGED " if text(found, "persistence") == "unlogged" else ""
    lines, after = column_lines(found, world)
    yield Step(
        spaced(
            f"CREATE {unlogged}TABLE {whole(found)}{_shape(found, lines)}",
            when(found, "partition_key", "PARTITION BY {}"),
            when(found, "access_method", lambda m: f"USING {quote_ident(m)}"),
            with_options(found.attributes.get("options")),
            when(found, "tablespace", lambda t: f"TABLESPACE {quote_ident(t)}"),
        ),
        also=joined(found, world),
        scans=reads_the_default(found, world),
    )
    yield from after
    if has(found, "row_security"):
        yield _alter(found, "ENABLE ROW LEVEL SECURITY", "change row security")
    if has(found, "force_row_security"):
        yield _alter(found, "FORCE ROW LEVEL SECURITY", "change row security")


def _shape(found: Object, lines: list[str]) -> str:
    if of := text(found, "of_type"):
        return f" OF {of}"
    between = ",\n    "
    columns = f" (\n    {between.join(lines)}\n)" if lines else " ()"
    return family(found, columns)


def family(found: Object, columns: str = "") -> str:
    """Return what stands behind a table's name: its columns, and whose part or child it is."""
    parents = texts(found.attributes.get("inherits"))
    if parents and (bound := text(found, "partition_bound")):
        return f" PARTITION OF {parents[0]} {bound}"
    return f"{columns} INHERITS ({', '.join(parents)})" if parents else columns


def column_lines(found: Object, world: World) -> tuple[list[str], list[Step]]:
    """Return the lines of a new table's own columns, and what is to be done to the others."""
    columns = sorted(world.parts(found.id, "column"), key=lambda c: world.place(c.id))
    as_parents = has(found, "partition_bound") or has(found, "of_type")
    lines, after = [], list[Step]()
    for column in columns:
        if as_parents or has(column, "inherited"):
            after += inherited_differences(column, _whole_of(found, column, world), world)
        else:
            said, more = clause(column, world)
            lines.append(said)
            after += more
    return lines, after


def _whole_of(found: Object, column: Object, world: World) -> Object | None:
    """Return the column that a child's column comes from."""
    for parent in texts(found.attributes.get("inherits")):
        path = (*split_dotted(parent), column.id.path[-1])
        if (whole_column := world.there.get(ObjectId("column", path))) is not None:
            return whole_column
    return None


def _alter(found: Object, change: str, action: str = "", lock: Lock = _HARD) -> Step:
    return Step(f"ALTER TABLE {whole(found)} {change}", action, lock, (whole(found),))


def _persistence(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = "UNLOGGED" if text(after, "persistence") == "unlogged" else "LOGGED"
    yield Step(
        f"ALTER TABLE {whole(after)} SET {word}",
        "change persistence",
        _HARD,
        (whole(after),),
        rewrites=True,
        note="rows of an unlogged table do not survive a crash" if word == "UNLOGGED" else "",
    )


def _row_security(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = "ENABLE" if has(after, "row_security") else "DISABLE"
    yield _alter(after, f"{word} ROW LEVEL SECURITY", "change row security")


def _force(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = "FORCE" if has(after, "force_row_security") else "NO FORCE"
    yield _alter(after, f"{word} ROW LEVEL SECURITY", "change row security")


def _family(before: Object, after: Object, world: World) -> Iterator[Step]:
    old, new = (texts(o.attributes.get("inherits")) for o in (before, after))
    if has(before, "partition_bound") and has(after, "partition_bound") and old == new:
        # What it has from the whole it has again when it is back.
        yield from (_detached(before, p, world) for p in old)
        yield from (_attached(after, p, world) for p in new)
        return
    if has(before, "partition_bound"):
        yield from (_detached(before, p, world) for p in old)
        # What it had from the whole it keeps as its own.
        for check in _checks(old, after, world.here, world.children_here):
            yield _alter(after, f"DROP CONSTRAINT {quote_ident(check.id.path[-1])}", "detach")
    else:
        kept = _kept(old, new) if not has(after, "partition_bound") else []
        yield from (_alter(after, f"NO INHERIT {p}", "detach") for p in old if p not in kept)
        old = kept
    if has(after, "partition_bound"):
        # A check of the whole must be there before, and is the whole's from then on.
        for check in _checks(new, after, world.there, world.children, but=world.here):
            said = f"ADD CONSTRAINT {quote_ident(check.id.path[-1])} {text(check, 'definition')}"
            yield replace(_alter(after, said, "attach"), scans=True, fails="rows violate it")
        yield from (_attached(after, p, world) for p in new)
    else:
        come = new[len(old) :] if not has(before, "partition_bound") else new
        yield from (_inherits(after, p) for p in come)


def _checks(
    wholes: list[str],
    part: Object,
    objects: Mapping[ObjectId, Object],
    children: Mapping[ObjectId, tuple[ObjectId, ...]],
    but: Collection[ObjectId] = (),
) -> Iterator[Object]:
    """Give the checks of the whole that a part has from it, or is to have, but for its own."""
    for i in (i for name in wholes for i in children.get(_table_id(name), ())):
        check = objects[i]
        inherits = "NO INHERIT" not in text(check, "definition")
        own = i._replace(path=(*part.id.path, i.path[-1]))
        is_one = i.kind == "constraint" and text(check, "type") == "check" and inherits
        if is_one and own not in but:
            yield check


def _table_id(name: str) -> ObjectId:
    return ObjectId("table", split_dotted(name))


def _kept(old: list[str], new: list[str]) -> list[str]:
    """Return the parents that can stay: the order of parents counts."""
    kept = [p for p in old if p in new]
    return kept if kept == new[: len(kept)] else []


def _attached(after: Object, parent: str, world: World) -> Step:
    return Step(
        f"ALTER TABLE {parent} ATTACH PARTITION {whole(after)} {text(after, 'partition_bound')}",
        "attach",
        _HARD,
        (whole(after),),
        also=joined(after, world, Lock.SHARE_UPDATE_EXCLUSIVE),
        below=Below.ALL,
        scans=holds_rows(after.id, world),
        fails="a row does not fit the bounds",
    )


def _detached(before: Object, parent: str, world: World) -> Step:
    return Step(
        f"ALTER TABLE {parent} DETACH PARTITION {whole(before)}",
        "detach",
        _HARD,
        (whole(before),),
        also=joined(before, world),
        below=Below.ALL,
    )


def _inherits(after: Object, parent: str) -> Step:
    also = (Held(parent, Lock.SHARE_UPDATE_EXCLUSIVE),)
    said = f"ALTER TABLE {whole(after)} INHERIT {parent}"
    return Step(said, "attach", _HARD, (whole(after),), also=also)


def _of_type(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _alter(after, when(after, "of_type", "OF {}") or "NOT OF", "change type of table")


def _options(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("options") for o in (before, after))
    for said in options(f"ALTER TABLE {whole(after)}", *both):
        # Who decodes the log has to see that one change.
        lock = _HARD if "user_catalog_table" in said else Lock.SHARE_UPDATE_EXCLUSIVE
        yield Step(said, "change options", lock, (whole(after),))


def _access_method(_: Object, after: Object, world: World) -> Iterator[Step]:
    method = quote_ident(text(after, "access_method") or "heap")
    yield Step(
        f"ALTER TABLE {whole(after)} SET ACCESS METHOD {method}",
        "change access method",
        _HARD,
        (whole(after),),
        rewrites=True,
        note="" if world.major >= 15 else "only PostgreSQL 15 and newer can",
    )


def _tablespace(_: Object, after: Object, _world: World) -> Iterator[Step]:
    space = quote_ident(text(after, "tablespace") or "pg_default")
    yield Step(
        f"ALTER TABLE {whole(after)} SET TABLESPACE {space}",
        "move to tablespace",
        _HARD,
        (whole(after),),
        rewrites=True,
    )


def identity(found: Object, said: str) -> Step:
    """Return what tells a table how its rows are known to subscribers."""
    how = f"USING INDEX {said[6:]}" if said.startswith("index ") else said.upper()
    noun = "MATERIALIZED VIEW" if found.id.kind == "materialized_view" else "TABLE"
    return Step(
        f"ALTER {noun} {whole(found)} REPLICA IDENTITY {how}",
        "change replica identity",
        _HARD,
        (whole(found),),
    )


def _identity(found: Object, world: World) -> Iterator[Step]:
    """Give the identity when all indexes are there; a new index brings it along itself."""
    before = world.here.get(found.id) if found.id not in world.made else None
    old = text(before, "replica_identity") if before else "default"
    new = text(found, "replica_identity")
    if new and new != "index (dropped)" and (new != old or _index_is_new(found, new, world)):
        yield identity(found, new)


def _index_is_new(found: Object, said: str, world: World) -> bool:
    if not said.startswith("index "):
        return False
    return any(
        i.kind in {"index", "constraint"} and quote_ident(i.path[-1]) == said[6:]
        for i in world.children.get(found.id, ())
        if i in world.made
    )


def _not_in_another_order(before: Object, after: Object, _: World) -> bool:
    """Tell whether parents only come and go; a partition has one."""
    old, new = (texts(o.attributes.get("inherits")) for o in (before, after))
    both = [p for p in old if p in new]
    bound = has(before, "partition_bound") or has(after, "partition_bound")
    return bound or new[: len(both)] == both


def _whole_stays(before: Object, after: Object, world: World) -> bool:
    """Tell whether what a table is to be a part of can be as it is to be."""
    for parent in texts(after.attributes.get("inherits")):
        i = ObjectId("table", split_dotted(parent))
        old, new = world.here.get(i), world.there.get(i)
        if old and new and text(old, "partition_key") != text(new, "partition_key"):
            return False
    return True


def _can_join(before: Object, after: Object, world: World) -> bool:
    return _not_in_another_order(before, after, world) and _whole_stays(before, after, world)


_ROWS_MOVE = ByHand(
    "its rows would have to move to a table that is partitioned otherwise", whole=True
)
JOINED = ByHand(
    "its parents are to be in another order, or the whole is partitioned otherwise",
    _can_join,
    _family,
)
PENDING = ByHand("finish or repeat ALTER TABLE … DETACH PARTITION … CONCURRENTLY yourself")


def _nothing(_: Object, _after: Object, _world: World) -> Iterator[Step]:
    """Leave it to what is done late."""
    return iter(())


WRITER = Writer(
    "TABLE",
    whole,
    _table,
    {
        "persistence": _persistence,
        "row_security": _row_security,
        "force_row_security": _force,
        "partition_key": _ROWS_MOVE,
        "partition_bound": JOINED,
        "inherits": JOINED,
        "detach_pending": PENDING,
        "of_type": _of_type,
        "access_method": _access_method,
        "options": _options,
        "replica_identity": _nothing,
        "tablespace": _tablespace,
    },
    drop=lambda found, world: [
        Step(
            f"DROP TABLE {whole(found)}",
            "",
            _HARD,
            (whole(found),),
            also=left_alone(found, world),
            loses="the table's rows",
        )
    ],
    late=_identity,
    lacks=lambda found, _: {"detach_pending": PENDING.why} if has(found, "detach_pending") else {},
)
