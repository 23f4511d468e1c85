"""Types. One that columns have is never dropped beneath them: they move to the new one first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgdrift.core.model import Object
from pgdrift.core.plan.kinds.common import comment_on
from pgdrift.core.plan.kinds.neighbours import tables_of_type
from pgdrift.core.plan.sql import (
    leading,
    listed,
    literal,
    named,
    spaced,
    text,
    texts,
    when,
    whole,
    without_arguments,
)
from pgdrift.core.plan.step import REBUILD, Lock, Step, World, Writer

_BASE = (
    "defined input output receive send modifier_input modifier_output analyze subscript length"
    " by_value alignment storage category preferred delimiter element default collatable"
).split()


def _enum(found: Object, _: World) -> Iterator[Step]:
    labels = ", ".join(map(literal, texts(found.attributes["labels"])))
    yield Step(f"CREATE TYPE {whole(found)} AS ENUM ({labels})")


def _labels(before: Object, after: Object, world: World) -> Iterator[Step]:
    old, new = texts(before.attributes["labels"]), texts(after.attributes["labels"])
    # What is made in the same transaction may not use a label that was just added.
    used = any(i in world.made for i in world.used.get(after.id, ())) or bool(
        world.used.get(after.id)
    )
    for at, label in enumerate(new):
        if label not in old:
            yield Step(
                f"ALTER TYPE {whole(after)} ADD VALUE {literal(label)}{_place(old, new, at)}",
                "add label",
                commits=used,
            )


def _place(old: Sequence[str], new: Sequence[str], at: int) -> str:
    """Say where a label goes; those before it are there by then."""
    behind = [label for label in new[at + 1 :] if label in old]
    return f" BEFORE {literal(behind[0])}" if behind else ""


def labels_go_or_move(before: Object, after: Object, _: World) -> bool:
    """Tell whether labels went or changed places, which no statement does."""
    old, new = texts(before.attributes["labels"]), texts(after.attributes["labels"])
    return [label for label in new if label in old] != old


ENUM = Writer("TYPE", whole, _enum, {"labels": _labels}, unless=labels_go_or_move)


def _domain(found: Object, world: World) -> Iterator[Step]:
    constraints = world.parts(found.id, "constraint")
    named = any(text(c, "type") == "not null" for c in constraints)
    yield Step(
        spaced(
            f"CREATE DOMAIN {whole(found)} AS {text(found, 'type')}",
            when(found, "collation", "COLLATE {}"),
            when(found, "default", "DEFAULT {}"),
            "NOT NULL" if found.attributes.get("not_null") and not named else "",
        )
    )


def _domain_default(_: Object, after: Object, _world: World) -> Iterator[Step]:
    change = when(after, "default", "SET DEFAULT {}") or "DROP DEFAULT"
    yield Step(f"ALTER DOMAIN {whole(after)} {change}", "change default")


def _domain_not_null(_: Object, after: Object, world: World) -> Iterator[Step]:
    wanted = bool(after.attributes["not_null"])
    objects, parts = (world.there, world.children) if wanted else (world.here, world.children_here)
    of = (objects[i] for i in parts.get(after.id, ()) if i.kind == "constraint")
    if any(text(c, "type") == "not null" for c in of):
        return  # the constraint with the name brings it, and takes it
    on = tables_of_type(after.id, world) if wanted else ()
    yield Step(
        f"ALTER DOMAIN {whole(after)} {'SET' if wanted else 'DROP'} NOT NULL",
        "change not null",
        Lock.SHARE if on else Lock.NONE,
        on,
        scans=bool(on),
        fails="a column of the domain holds NULL" if wanted else "",
    )


DOMAIN = Writer(
    "DOMAIN",
    whole,
    _domain,
    {
        "type": REBUILD,
        "collation": REBUILD,
        "default": _domain_default,
        "not_null": _domain_not_null,
    },
)


def _composite(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE TYPE {whole(found)} AS ({', '.join(texts(found.attributes['fields']))})")
    for field, said in named(found.attributes.get("field_comments")).items():
        yield comment_on(f"COLUMN {whole(found)}.{field}", said)


def _fields(before: Object, after: Object, world: World) -> Iterator[Step]:
    old, new = field_types(before), field_types(after)
    on = tables_of_type(after.id, world)
    for name in old:
        if name not in new:
            yield Step(
                f"ALTER TYPE {whole(after)} DROP ATTRIBUTE {name}",
                "drop field",
                on=on,
                loses=f"what columns of the type hold in {name}" if on else "",
            )
    for name, kind in new.items():
        if name not in old:
            yield Step(f"ALTER TYPE {whole(after)} ADD ATTRIBUTE {name} {kind}", "add field")
        elif old[name] != kind:
            yield Step(
                f"ALTER TYPE {whole(after)} ALTER ATTRIBUTE {name} TYPE {kind}",
                "change type of field",
            )


def _field_comments(before: Object, after: Object, _: World) -> Iterator[Step]:
    old, new = (named(o.attributes.get("field_comments")) for o in (before, after))
    fields = field_types(after)
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name) and name in fields:
            yield comment_on(f"COLUMN {whole(after)}.{name}", new.get(name))


def field_types(found: Object) -> dict[str, str]:
    """Return the fields of a composite type with their types, as SQL writes both."""
    return dict(leading(f) for f in texts(found.attributes["fields"]))


def _fields_move(before: Object, after: Object, world: World) -> bool:
    """Tell whether fields changed places, or the type of one under a column changed."""
    old, new = field_types(before), field_types(after)
    kept = [f for f in old if f in new]
    retyped = any(old[f] != new[f] for f in kept)
    in_columns = any(i.kind == "column" for i in world.used.get(after.id, ()))
    return list(new)[: len(kept)] != kept or (retyped and in_columns)


COMPOSITE = Writer(
    "TYPE",
    whole,
    _composite,
    {"fields": _fields, "field_comments": _field_comments},
    unless=_fields_move,
)


def _range(found: Object, _: World) -> Iterator[Step]:
    said = listed(
        (
            f"SUBTYPE = {text(found, 'subtype')}",
            when(found, "operator_class", "SUBTYPE_OPCLASS = {}"),
            when(found, "collation", "COLLATION = {}"),
            when(found, "canonical", lambda f: f"CANONICAL = {without_arguments(f)}"),
            when(found, "difference", lambda f: f"SUBTYPE_DIFF = {without_arguments(f)}"),
            when(found, "multirange", "MULTIRANGE_TYPE_NAME = {}"),
        )
    )
    yield Step(f"CREATE TYPE {whole(found)} AS RANGE ({said})")


def _shell(found: Object, _: World) -> Iterator[Step]:
    if found.attributes.get("canonical") or found.attributes.get("defined"):
        yield Step(f"CREATE TYPE {whole(found)}", "announce type")


RANGE = Writer(
    "TYPE",
    whole,
    _range,
    dict.fromkeys(
        ("subtype", "operator_class", "collation", "canonical", "difference", "multirange"),
        REBUILD,
    ),
    # What makes its values canonical names the type, as the type names it: they go together.
    drop=lambda found, _: [
        Step(f"DROP TYPE {whole(found)}{' CASCADE' if found.attributes.get('canonical') else ''}")
    ],
    shell=_shell,
)

_FUNCTIONS = {
    "input": "INPUT",
    "output": "OUTPUT",
    "receive": "RECEIVE",
    "send": "SEND",
    "modifier_input": "TYPMOD_IN",
    "modifier_output": "TYPMOD_OUT",
    "analyze": "ANALYZE",
    "subscript": "SUBSCRIPT",
}


def _base(found: Object, _: World) -> Iterator[Step]:
    if not found.attributes.get("defined"):
        yield Step(f"CREATE TYPE {whole(found)}")
        return
    of = found.attributes
    length = of["length"]
    said = listed(
        (
            *(
                when(found, name, lambda f, word=word: f"{word} = {without_arguments(f)}")  # type: ignore[misc]
                for name, word in _FUNCTIONS.items()
            ),
            f"INTERNALLENGTH = {'VARIABLE' if length == -1 else length}" if length != -2 else "",
            "PASSEDBYVALUE" if of.get("by_value") else "",
            f"ALIGNMENT = {text(found, 'alignment')}",
            f"STORAGE = {text(found, 'storage')}",
            f"CATEGORY = {literal(of['category'])}",
            "PREFERRED = true" if of.get("preferred") else "",
            f"DELIMITER = {literal(of['delimiter'])}",
            when(found, "element", "ELEMENT = {}"),
            when(found, "default", lambda d: f"DEFAULT = {literal(d)}"),
            "COLLATABLE = true" if of.get("collatable") else "",
        )
    )
    yield Step(f"CREATE TYPE {whole(found)} ({said})")


BASE = Writer(
    "TYPE",
    whole,
    _base,
    dict.fromkeys(_BASE, REBUILD),
    # Its functions name the type, and the type names its functions: they go together.
    drop=lambda found, _: [Step(f"DROP TYPE {whole(found)} CASCADE")],
    shell=_shell,
)
