"""A column whose type is made anew beneath it: how its values go over, and what becomes of them.

By way of their text, where that says all and in the right places; a domain by way of what is
beneath it, so that nothing is cut in silence; a record field by field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted
from pgdrift.core.plan.kinds.conversions import CONVERTED, Conversion, conversion
from pgdrift.core.plan.kinds.types import field_types
from pgdrift.core.plan.sql import text
from pgdrift.core.plan.step import World

_TYPES = frozenset({"enum", "domain", "composite_type", "range", "base_type"})
_FAILS = "a value is none of the new type"


def moved(column: Object, world: World) -> Conversion:
    """Return how the values of a column go over to the type of the same name."""
    said = text(column, "type")
    array = "[]" * said.count("[]")
    usual = Conversion(using=f"{{}}::text{array}::{said}", fails=_FAILS)
    anew = [(world.here[i], world.there[i]) for i in _made_anew(column.id, world)]
    own = next(((o, n) for o, n in anew if said.removesuffix(array) == dotted(o.id.path)), None)
    names = frozenset(dotted(o.id.path) for o, _ in anew)
    how = _of_own(*own, array, usual, names) if own else usual
    others = (loss for o, n in anew for loss in [_loss(o, n)] if loss)
    return how if how.loses else replace(how, loses=next(iter(others), ""))


def _made_anew(column: ObjectId, world: World) -> Iterator[ObjectId]:
    """Give the types that a column has, and those that are within them, as far as made anew."""
    waiting, seen = [column], {column}
    while waiting:
        for used in sorted(world.uses_here.get(waiting.pop(), ())):
            if used.kind in _TYPES and used not in seen:
                seen.add(used)
                waiting.append(used)
                if used in world.gone and used in world.made:
                    yield used


def _of_own(
    old: Object, new: Object, array: str, usual: Conversion, anew: frozenset[str]
) -> Conversion:
    """Return how values go over to the column's own type; `anew` are names of types made anew."""
    if old.id.kind == "domain" and text(old, "type").removesuffix("[]") not in anew:
        before, after = text(old, "type"), text(new, "type")
        how = conversion(f"{before}{array}", f"{after}{array}")
        base = f"({{}}::{before}{array})"
        return replace(
            how, using=how.using.format(base) if how.using else base, rewrites=True, fails=_FAILS
        )
    if old.id.kind == "composite_type" and not array and _otherwise_placed(old, new):
        return replace(usual, using=_record(old, new, anew), loses=_loss(old, new))
    if old.id.kind == "composite_type" and _otherwise_placed(old, new):
        return replace(usual, loses="what fields hold that change places")
    return usual


def _otherwise_placed(old: Object, new: Object) -> bool:
    return list(field_types(old)) != list(field_types(new))


def _record(old: Object, new: Object, anew: frozenset[str]) -> str:
    """Return a record of the new type, each field by its name."""
    there = {n: k for n, k in field_types(old).items() if k.removesuffix("[]") not in anew}
    names = field_types(old).keys()
    values = ", ".join(_field(n, k, there, names) for n, k in field_types(new).items())
    made = f"ROW({values})::{dotted(new.id.path)}"
    return f"CASE WHEN {{0}} IS NOT DISTINCT FROM NULL THEN NULL ELSE {made} END"


def _field(name: str, kind: str, there: Mapping[str, str], names: Collection[str]) -> str:
    if name not in names:
        return "NULL"
    plain, array = f"({{0}}).{_braced(name)}", "[]" * kind.count("[]")
    return plain if there.get(name) == kind else f"{plain}::text{array}::{_braced(kind)}"


def _braced(said: str) -> str:
    """Return a text as it goes through `format`."""
    return said.replace("{", "{{").replace("}", "}}")


def _loss(old: Object, new: Object) -> str:
    """Say what of a value the new type cannot hold; empty for nothing."""
    if old.id.kind == "domain":
        return conversion(text(old, "type"), text(new, "type")).loses
    if old.id.kind == "composite_type":
        return next(iter(_losses(field_types(old), field_types(new))), "")
    same = all(old.attributes.get(n) == new.attributes.get(n) for n in ("subtype", "canonical"))
    return "" if old.id.kind == "enum" or (old.id.kind == "range" and same) else CONVERTED


def _losses(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    for name, kind in old.items():
        if name not in new:
            yield f"what it holds in {name}"
        elif lost := conversion(kind, new[name]).loses:
            yield lost
