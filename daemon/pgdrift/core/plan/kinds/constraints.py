"""Constraints of tables and domains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.kinds.beside import built_beside
from pgdrift.core.plan.kinds.common import comment_on, options, targets
from pgdrift.core.plan.kinds.indexes import gets_parts, valid_by_parts
from pgdrift.core.plan.kinds.neighbours import holds_rows, referred_to, tables_of_type
from pgdrift.core.plan.kinds.tables import identity
from pgdrift.core.plan.sql import has, last, text, upto, when
from pgdrift.core.plan.step import REBUILD, Below, ByHand, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE
_BY_INDEX = frozenset({"primary key", "unique", "exclusion"})


def _of_domain(found: Object) -> bool:
    return found.parent is not None and found.parent.kind == "domain"


def _name(found: Object) -> str:
    return f"{last(found)} ON {'DOMAIN ' if _of_domain(found) else ''}{upto(found)}"


def _alter(found: Object) -> str:
    return f"ALTER {'DOMAIN' if _of_domain(found) else 'TABLE'} {upto(found)}"


def _on(found: Object, world: World) -> tuple[str, ...]:
    """Return the tables that it is about: its own, what a key refers to, those of a domain."""
    if _of_domain(found):
        return tables_of_type(found.parent, world)
    other = referred_to(found)
    return (upto(found), other) if other else (upto(found),)


def index_of(found: Object) -> str:
    """Return the name of the index behind a constraint."""
    return dotted((found.id.path[0], found.id.path[-1]))


def _add(found: Object, world: World) -> Iterator[Step]:
    kind, said = text(found, "type"), text(found, "definition")
    if world.comes_along(found):
        yield from _details(found, world)
        return
    lock = _lock(found, _HARD)
    if kind == "not null":
        yield from _let_go_of_the_nameless(found, world)
    checked = "NOT VALID" not in said and "NOT ENFORCED" not in said
    only = found.attributes.get("valid") is False and _partitioned(found, world)
    alter = f"ALTER TABLE ONLY {upto(found)}" if only else _alter(found)
    head = f"{alter} ADD CONSTRAINT {last(found)} {said}"
    beside = world.online and found.parent not in world.made and not _partitioned(found, world)
    online = beside and checked and kind in {"check", "foreign key"} and not _of_domain(found)
    note = "cannot be built beside writers" if beside and kind in _BY_INDEX else ""
    fails = "rows violate it" if checked else ""
    on = _on(found, world)
    if beside and (built := built_beside(found, said)):
        yield from built
    elif online:
        yield Step(f"{head} NOT VALID", "", lock, on, below=Below.ALL, commits=True)
        yield _validated(found, world)
    else:
        scans = checked and not only and _reads(found, world)
        on = on if checked or not _of_domain(found) else ()
        lock = lock if on else Lock.NONE
        down = Below.NOTHING if only else Below.ALL
        yield Step(head, "", lock, on, below=down, scans=scans, fails=fails, note=note)
    yield from _details(found, world)
    if _is_to_be_attached(found, world):
        yield _attached(found, world)


def _is_to_be_attached(found: Object, world: World) -> bool:
    """Tell whether a key becomes a part by being told so: not with its table, nor its whole."""
    whole = world.whole_of(found)
    if whole is None or text(found, "type") not in _BY_INDEX or world.joins(found):
        return False
    waits = world.there[whole].attributes.get("valid") is False
    return whole not in world.made or waits


def _attached(found: Object, world: World) -> Step:
    whole = cast("ObjectId", world.whole_of(found))
    said = f"ALTER INDEX {index_of(world.there[whole])} ATTACH PARTITION {index_of(found)}"
    return Step(said, "attach", _HARD, (upto(found),))


def _part_of(before: Object, after: Object, world: World) -> Iterator[Step]:
    if has(after, "part_of") and _is_to_be_attached(after, world):
        yield _attached(after, world)


def _is_made_anew(before: Object, after: Object, world: World) -> bool:
    if text(before, "part_of") not in {"", text(after, "part_of")} and not world.leaves(after):
        return True
    changes = has(before, "valid") != has(after, "valid")
    return (changes and not gets_parts(after, world)) or _more_than_validated(before, after, world)


def _validated(found: Object, world: World) -> Step:
    return Step(
        f"{_alter(found)} VALIDATE CONSTRAINT {last(found)}",
        "validate",
        Lock.SHARE if _of_domain(found) else Lock.SHARE_UPDATE_EXCLUSIVE,
        _on(found, world) if _of_domain(found) else (upto(found),),
        scans=_reads(found, world),
        below=_below(found),
        fails="rows violate it",
        commits=True,
    )


def _lock(found: Object, usual: Lock) -> Lock:
    if _of_domain(found):
        return Lock.SHARE
    return Lock.SHARE_ROW_EXCLUSIVE if text(found, "type") == "foreign key" else usual


def _below(found: Object) -> Below:
    """Tell how far down it goes: keys are of partitions, all else is of children too."""
    if _of_domain(found):
        return Below.NOTHING
    if " NO INHERIT" in text(found, "definition"):
        return Below.NOTHING
    by_index = text(found, "type") in _BY_INDEX
    return Below.PARTITIONS if by_index or text(found, "type") == "foreign key" else Below.ALL


def _reads(found: Object, world: World) -> bool:
    """Tell whether there is anything to read where it is to hold."""
    if _of_domain(found):
        return bool(_on(found, world))
    return holds_rows(found.parent, world)


def _partitioned(found: Object, world: World) -> bool:
    table = world.there.get(found.parent) if found.parent else None
    return table is not None and has(table, "partition_key")


def _let_go_of_the_nameless(found: Object, world: World) -> Iterator[Step]:
    """Take the NOT NULL that a column has under a name that the server made."""
    said = text(found, "definition").split(" NO INHERIT")[0].removesuffix(" NOT VALID")
    for i in world.children_here.get(found.parent, ()) if found.parent else ():
        if i.kind == "constraint" and text(world.here[i], "definition").startswith(said):
            return  # that one goes first, and takes it along
    column = text(found, "definition").removeprefix("NOT NULL ").split(" NO INHERIT")[0]
    column = column.removesuffix(" NOT VALID")
    for i in world.children_here.get(found.parent, ()) if found.parent else ():
        is_it = i.kind == "column" and quote_ident(i.path[-1]) == column
        if is_it and i not in world.gone and has(world.here[i], "not_null"):
            yield Step(
                f"ALTER TABLE {upto(found)} ALTER COLUMN {column} DROP NOT NULL",
                "change not null",
                _HARD,
                (upto(found),),
                below=Below.ALL,
            )


def _details(found: Object, world: World) -> Iterator[Step]:
    index = index_of(found)
    if text(found, "type") in _BY_INDEX:
        yield from (
            Step(s, "change options")
            for s in options(f"ALTER INDEX {index}", (), found.attributes.get("options"))
        )
        if space := text(found, "tablespace"):
            said = f"ALTER INDEX {index} SET TABLESPACE {quote_ident(space)}"
            yield Step(said, "move to tablespace", _HARD, (upto(found),))
        yield from targets(f"ALTER INDEX {index}", (), found.attributes.get("statistics"))
        if has(found, "clustered"):
            yield _cluster(found)
        if has(found, "index_comment"):
            yield comment_on(f"INDEX {index}", found.attributes["index_comment"])


def _cluster(found: Object) -> Step:
    said = f"CLUSTER ON {last(found)}" if has(found, "clustered") else "SET WITHOUT CLUSTER"
    lock = Lock.SHARE_UPDATE_EXCLUSIVE
    return Step(f"ALTER TABLE {upto(found)} {said}", "change clustering", lock, (upto(found),))


def _drop(found: Object, world: World) -> Iterator[Step]:
    if world.whole_of(found) is not None and not world.leaves(found):
        yield from _plain_again(found, world)
        return
    yield Step(
        f"{_alter(found)} DROP CONSTRAINT {last(found)}",
        "",
        Lock.NONE if _of_domain(found) else _HARD,
        () if _of_domain(found) else _on(found, world),
        below=_below(found),
    )
    if text(found, "type") == "not null":
        yield from _still_not_null(found, world)


def _plain_again(found: Object, world: World) -> Iterator[Step]:
    """Make a partition's constraint as that of the whole again; it comes and goes with it."""
    if not world.comes_along(found):
        return
    if has(found, "comment"):
        yield comment_on(f"CONSTRAINT {_name(found)}", None)
    if has(found, "index_comment"):
        yield comment_on(f"INDEX {index_of(found)}", None)
    yield from targets(f"ALTER INDEX {index_of(found)}", found.attributes.get("statistics"), ())
    if has(found, "clustered"):
        yield _cluster(Object(found.id, {}, found.parent))


def _still_not_null(found: Object, world: World) -> Iterator[Step]:
    """Keep a column NOT NULL that loses the constraint that said so under a name."""
    for column in world.parts(found.parent, "column") if found.parent else ():
        said = text(found, "definition").removeprefix("NOT NULL ").split(" NO INHERIT")[0]
        if last(column) == said and has(column, "not_null") and not _named_again(column, world):
            yield Step(
                f"ALTER TABLE {upto(found)} ALTER COLUMN {said} SET NOT NULL",
                "change not null",
                _HARD,
                (upto(found),),
                below=Below.ALL,
                scans=True,
            )


def _named_again(column: Object, world: World) -> bool:
    said = f"NOT NULL {last(column)}"
    parts = world.parts(column.parent, "constraint") if column.parent else []
    return any(text(c, "definition").startswith(said) for c in parts)


def _definition(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Validate: every other change of a definition is a rebuild."""
    yield _validated(after, world)


def _more_than_validated(before: Object, after: Object, _: World) -> bool:
    old, new = text(before, "definition"), text(after, "definition")
    return old not in {new, f"{new} NOT VALID"}


def _options(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("options") for o in (before, after))
    yield from (Step(s, "change options") for s in options(f"ALTER INDEX {index_of(after)}", *both))


def _statistics(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("statistics") for o in (before, after))
    yield from targets(f"ALTER INDEX {index_of(after)}", *both)


def _clustered(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _cluster(after)


def _tablespace(_: Object, after: Object, _world: World) -> Iterator[Step]:
    space = when(after, "tablespace", quote_ident) or "pg_default"
    said = f"ALTER INDEX {index_of(after)} SET TABLESPACE {space}"
    yield Step(said, "move to tablespace", _HARD, (upto(after),))


def _index_comment(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield comment_on(f"INDEX {index_of(after)}", after.attributes["index_comment"])


def _is_another(before: Object, after: Object, _: World) -> bool:
    """Tell whether all that two constraints have in common is the name."""
    return text(before, "type") != text(after, "type")


_TRIGGERS = ByHand(
    "its internal triggers were switched by ALTER TABLE … DISABLE TRIGGER ALL, or are to be;"
    " that switches all triggers of the table",
    _is_another,
)


def _unlike_its_whole(found: Object, world: World) -> str:
    """Say why a partition's constraint cannot be made, or made like its whole's; or nothing."""
    i = world.whole_of(found)
    whole = world.there.get(i) if i else None
    if whole is None:
        return ""
    if text(whole, "definition") != text(found, "definition"):
        return "a partition's constraint is as that of the whole, or was made otherwise by hand"
    return ""


def _lacks(found: Object, world: World) -> dict[str, str]:
    on = text(found, "enabled") in {"", "enabled"}
    lacks = {} if on else {"enabled": _TRIGGERS.why}
    if found.attributes.get("valid") is False and not _partitioned(found, world):
        lacks["valid"] = "half built as it is there no statement makes an index"
    return lacks


WRITER = Writer(
    "CONSTRAINT",
    _name,
    _add,
    {
        "type": REBUILD,
        "definition": _definition,
        "enabled": _TRIGGERS,
        "part_of": _part_of,
        "valid": valid_by_parts,
        "options": _options,
        "statistics": _statistics,
        "clustered": _clustered,
        "tablespace": _tablespace,
        "index_comment": _index_comment,
    },
    drop=_drop,
    unless=_is_made_anew,
    lacks=_lacks,
    by_hand=_unlike_its_whole,
    stays=_unlike_its_whole,
)
_ = identity
