"""Rights, given and taken: what each grantee has of one object; default rights; security labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.sql import literal, text, texts
from pgdrift.core.plan.step import ByHand, Change, Make, Step, World, Writer

_OPTION = " WITH GRANT OPTION"
_PUBLIC = re.compile(r'"+PUBLIC"+')
_ROUTINES = frozenset({"function", "procedure", "aggregate"})
# What PUBLIC has of every new object.
_OPEN = {"routine_privilege": "EXECUTE", "type_privilege": "USAGE", "language_privilege": "USAGE"}


def grantee(name: str) -> str:
    """Return a role as SQL writes it; PUBLIC is everybody, a role of that name has quotes more."""
    if name == "PUBLIC":
        return name
    return quote_ident(name[1:-1] if _PUBLIC.fullmatch(name) else name)


def _granted(found: Object | None) -> dict[str, bool]:
    """Return the rights, each with whether it may be passed on."""
    said = texts(found.attributes.get("privileges")) if found else []
    return {p.removesuffix(_OPTION): p.endswith(_OPTION) for p in said}


def _difference(
    on: str, to: str, old: Mapping[str, bool], new: Mapping[str, bool], columns: str = ""
) -> Iterator[Step]:
    """Give what makes the one set of rights the other."""
    if gone := [p for p in old if p not in new]:
        yield Step(f"REVOKE {_all(gone, columns)} ON {on} FROM {to}", "revoke")
    if tied := [p for p in old if old[p] and p in new and not new[p]]:
        yield Step(f"REVOKE GRANT OPTION FOR {_all(tied, columns)} ON {on} FROM {to}", "revoke")
    if come := [p for p in new if p not in old and not new[p]]:
        yield Step(f"GRANT {_all(come, columns)} ON {on} TO {to}", "grant")
    if free := [p for p in new if new[p] and not old.get(p)]:
        yield Step(f"GRANT {_all(free, columns)} ON {on} TO {to}{_OPTION}", "grant")


def _all(rights: list[str], columns: str) -> str:
    return ", ".join(f"{r}{columns}" for r in rights)


_NOUNS = {
    "schema_privilege": "SCHEMA",
    "type_privilege": "TYPE",
    "routine_privilege": "ROUTINE",
    "language_privilege": "LANGUAGE",
    "foreign_data_wrapper_privilege": "FOREIGN DATA WRAPPER",
    "foreign_server_privilege": "FOREIGN SERVER",
    "column_privilege": "TABLE",
}


def _on(found: Object) -> str:
    path = found.id.path[:-1]
    if found.id.kind == "column_privilege":
        path = path[:-1]
    return f"{_noun(found)} {dotted(path)}{found.id.args}"


def _noun(found: Object) -> str:
    if found.id.kind == "privilege":
        # The sequence of an identity column belongs to the column.
        of = found.parent.kind if found.parent else ""
        return "SEQUENCE" if of in {"sequence", "column"} else "TABLE"
    return _NOUNS[found.id.kind]


def _columns(found: Object) -> str:
    return f" ({quote_ident(found.id.path[-2])})" if found.id.kind == "column_privilege" else ""


def _is_owners(found: Object, world: World, objects: Mapping[ObjectId, Object]) -> bool:
    return _owner_of(found, objects) == found.id.path[-1]


def _owner_of(found: Object, objects: Mapping[ObjectId, Object]) -> str:
    of = objects.get(found.parent) if found.parent else None
    if of is not None and of.id.kind == "column" and of.parent:
        of = objects.get(of.parent)
    return text(of, "owner") if of else ""


def _give(found: Object, world: World) -> Iterator[Step]:
    to, new = grantee(found.id.path[-1]), _granted(found)
    if _is_owners(found, world, world.there) or _was_told_by_default(found, world):
        yield Step(f"REVOKE ALL{_columns(found)} ON {_on(found)} FROM {to}", "revoke")
        old: dict[str, bool] = {}
    else:
        new_object = found.parent in world.made
        old = {_OPEN[found.id.kind]: False} if new_object and _is_open(found) else {}
    yield from _difference(_on(found), to, old, new, _columns(found))


def _is_open(found: Object) -> bool:
    return found.id.path[-1] == "PUBLIC" and found.id.kind in _OPEN


def _was_told_by_default(found: Object, world: World) -> bool:
    """Tell whether rights are told only where they are not the usual: of members, of languages."""
    of = found.parent.kind if found.parent else ""
    made_along = found.id.kind == "routine_privilege" and of not in _ROUTINES
    return of in {"", "extension"} or made_along


def _take(found: Object, world: World) -> Iterator[Step]:
    to, owner = grantee(found.id.path[-1]), _owner_of(found, world.there)
    # What an owner lacks goes over to the next one, who is to have all where nothing else is told.
    its_own = found.id._replace(path=(*found.id.path[:-1], owner))
    hands_on = _is_owners(found, world, world.here) and owner and its_own not in world.there
    is_usual = _is_owners(found, world, world.there) or hands_on
    if is_usual and found.id.kind != "column_privilege":
        yield Step(f"GRANT ALL ON {_on(found)} TO {grantee(owner)}", "grant")
        return
    if _was_told_by_default(found, world):
        # Back to what it has of itself: a language of the server's own, what makes a range.
        yield Step(f"REVOKE ALL ON {_on(found)} FROM {to}", "revoke")
        if to == "PUBLIC" and found.id.kind in _OPEN:
            yield Step(f"GRANT {_OPEN[found.id.kind]} ON {_on(found)} TO {to}", "grant")
        return
    yield from _difference(_on(found), to, _granted(found), {}, _columns(found))


def _change(before: Object, after: Object, world: World) -> Iterator[Step]:
    to = grantee(after.id.path[-1])
    was, is_now = (_is_owners(after, world, side) for side in (world.here, world.there))
    if was != is_now:
        # What an owner has goes over to the next one.
        yield from _give(after, world)
        return
    yield from _difference(_on(after), to, _granted(before), _granted(after), _columns(after))


def _no_name(found: Object) -> str:
    return ""


WRITER = Writer("", _no_name, _give, {"privileges": _change}, drop=_take, given=True)
KINDS = ("privilege", *_NOUNS)


def closed(found: Object, kind: str, world: World) -> Iterator[Step]:
    """Give what takes the rights that a new object has of itself, and is not to have."""
    told = {i.path[-1] for i in world.children.get(found.id, ()) if i.kind == kind}
    takes = [g for g in world.defaults if g not in told]
    if kind in _OPEN and "PUBLIC" not in told:
        takes = ["PUBLIC", *(g for g in takes if g != "PUBLIC")]
    owner = text(found, "owner")
    for name in takes:
        if name != owner:
            on = _on(Object(_grant_id(found, kind, name), {}, found.id))
            yield Step(f"REVOKE ALL ON {on} FROM {grantee(name)}", "revoke")


def _grant_id(found: Object, kind: str, name: str) -> ObjectId:
    return ObjectId(kind, (*found.id.path, name), found.id.args)


# Default privileges: the path is the role, perhaps a schema, and what they are about.


def _head(found: Object) -> str:
    role, *schema, _ = found.id.path
    where = f" IN SCHEMA {quote_ident(schema[0])}" if schema else ""
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(role)}{where}"


def _entries(found: Object | None) -> dict[str, dict[str, bool]]:
    by_role: dict[str, dict[str, bool]] = {}
    for entry in texts(found.attributes["privileges"]) if found else ():
        to, _, said = entry.rpartition("=")
        by_role.setdefault(to, {})[said.removesuffix(_OPTION)] = said.endswith(_OPTION)
    return by_role


_USUAL = {"functions": "EXECUTE", "types": "USAGE"}


def _usual(found: Object) -> dict[str, dict[str, bool]]:
    """Return what every new object gives to PUBLIC anyway, where no rule of a schema is told."""
    of = found.id.path[-1]
    is_global = len(found.id.path) == 2
    return {"PUBLIC": {_USUAL[of]: False}} if is_global and of in _USUAL else {}


def _rules(
    found: Object, old: Mapping[str, Mapping[str, bool]], new: Mapping[str, Mapping[str, bool]]
) -> Iterator[Step]:
    of = found.id.path[-1].upper()
    for to in sorted(old.keys() | new.keys()):
        for step in _difference(of, to, old.get(to, {}), new.get(to, {})):
            yield Step(f"{_head(found)} {step.sql}", step.action)


def _owners(found: Object) -> str:
    return quote_ident(found.id.path[0])


def _make_rules(found: Object, _: World) -> Iterator[Step]:
    new, old = _entries(found), _usual(found)
    owner, of = _owners(found), found.id.path[-1].upper()
    if len(found.id.path) == 2:
        mine = new.pop(owner, {})
        yield Step(f"{_head(found)} REVOKE ALL ON {of} FROM {owner}", "revoke")
        yield from _rules(found, {}, {owner: mine})
    yield from _rules(found, old, new)


def _drop_rules(found: Object, _: World) -> Iterator[Step]:
    old, new = _entries(found), _usual(found)
    owner, of = _owners(found), found.id.path[-1].upper()
    if len(found.id.path) == 2:
        old.pop(owner, None)
        yield Step(f"{_head(found)} GRANT ALL ON {of} TO {owner}", "grant")
    yield from _rules(found, old, new)


def _change_rules(before: Object, after: Object, _: World) -> Iterator[Step]:
    yield from _rules(after, _entries(before), _entries(after))


DEFAULT = Writer(
    "", _no_name, _make_rules, {"privileges": _change_rules}, drop=_drop_rules, given=True
)

# Security labels: the path is the provider, what PostgreSQL calls the object, and its names.

_WORDS = {"table column": "COLUMN", "view column": "COLUMN", "foreign table column": "COLUMN"}


def _label(found: Object, said: str) -> Step:
    provider, kind, *names = found.id.path
    word = _WORDS.get(kind, kind.upper())
    what = f"{word} {dotted(tuple(names))}{found.id.args}"
    return Step(f"SECURITY LABEL FOR {quote_ident(provider)} ON {what} IS {said}", "change label")


def _make_label(found: Object, _: World) -> Iterator[Step]:
    yield _label(found, literal(text(found, "label")))


def _change_label(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _label(after, literal(text(after, "label")))


LABEL = Writer(
    "",
    _no_name,
    _make_label,
    {"label": _change_label},
    drop=lambda found, _: [_label(found, "NULL")],
    given=True,
)
_ = ByHand, Change, Make
