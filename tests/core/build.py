"""Objects, snapshots and findings as literals, and hypothesis strategies for them.

Names that a strategy makes are hostile: what a server lets in, and what a page or a terminal
must not take at its word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from hypothesis import strategies as st

from pgdrift.core.model import (
    Blame,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    Migration,
    Object,
    ObjectId,
    Origin,
    Severity,
    Snapshot,
    Value,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBODY = Blame()
KINDS = frozenset(
    "schema table column index constraint sequence view function trigger policy privilege".split()
)
NOTHING: Mapping[str, str] = MappingProxyType({})


def after(**kw: float) -> datetime:
    return NOW + timedelta(**kw)


def ident(key: str, *path: str, args: str = "") -> ObjectId:
    return ObjectId(key, path, args)


def obj(
    i: ObjectId, parent: ObjectId | None = None, number: int = 0, /, **attributes: Value
) -> Object:
    return Object(i, attributes, parent, number)


def table_id(name: str = "orders", schema: str = "public") -> ObjectId:
    return ident("table", schema, name)


def table(name: str = "orders", schema: str = "public", /, **attributes: Value) -> Object:
    return obj(table_id(name, schema), ident("schema", schema), **{"owner": "app", **attributes})


def column(name: str, of: str = "orders", schema: str = "public", /, **attributes: Value) -> Object:
    i = ident("column", schema, of, name)
    return obj(i, table_id(of, schema), **{"type": "integer", **attributes})


def index(name: str, of: str = "orders", /, **attributes: Value) -> Object:
    i = ident("index", "public", name)
    return obj(i, table_id(of), **{"definition": "USING btree (id)", **attributes})


def policy(name: str, of: str = "orders", /, **attributes: Value) -> Object:
    return obj(
        ident("policy", "public", of, name), table_id(of), **{"command": "all", **attributes}
    )


def function(name: str, args: str, number: int, /, **attributes: Value) -> Object:
    i = ident("function", "public", name, args=args)
    return obj(i, ident("schema", "public"), number, **{"body": "select 1", **attributes})


def snap(
    *objects: Object,
    kinds: frozenset[str] = KINDS,
    unread: Mapping[str, str] = NOTHING,
    version: int = 150000,
    at: datetime = NOW,
) -> Snapshot:
    return Snapshot({o.id: o for o in objects}, kinds, version, at, "shop", dict(unread))


def changed(i: ObjectId, /, **pairs: tuple[Value, Value]) -> Change:
    return Change(i, ChangeType.CHANGED, pairs or {"owner": ("app", "root")})


def added(i: ObjectId, /, *contains: ObjectId, **attributes: Value) -> Change:
    return Change(i, ChangeType.ADDED, {n: (None, v) for n, v in attributes.items()}, contains)


def removed(i: ObjectId, /, *contains: ObjectId, **attributes: Value) -> Change:
    return Change(i, ChangeType.REMOVED, {n: (v, None) for n, v in attributes.items()}, contains)


def finding(
    change: Change | None = None,
    severity: Severity = Severity.WARNING,
    direction: Direction = Direction.CHANGED,
    cls: ChangeClass = ChangeClass.STRUCTURE,
    *,
    origin: Origin | None = None,
    blame: Blame = NOBODY,
    first_seen: datetime = NOW,
    late: bool = False,
) -> Finding:
    change = change or changed(table_id())
    return Finding(change, direction, severity, cls, origin, first_seen, blame, late)


def migration(version: str, *, applied: bool = True, failed: bool = False) -> Migration:
    return Migration(version, applied=applied, failed=failed)


# What PostgreSQL takes as an identifier: any text but NUL.
HOSTILE = (
    'a"b',
    "public.orders",
    "with space",
    " padded ",
    "Order",
    "select",
    "🐘",
    "ünïcode",
    "<script>alert(1)</script>",
    "<!channel>",
    "a`b``c",
    "line\nfeed",
    "\x1b[31mred\x07",
    "\u202etxt.exe",
    "zero\u200bwidth",
    "\u2028",
    "--; drop table x",
    "$1",
    "*_~|",
    "(integer)",
    "kind:name",
    "\t",
    "\r",
    "\x85",
    "{{7*7}}",
    "%s%n",
    "\\",
)

names = st.sampled_from(HOSTILE) | st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8
)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | names
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
words = st.sampled_from(["owner", "comment", "options"])
attributes = st.dictionaries(words, values)
# Short ones, for snapshots of many objects.
_few = st.fixed_dictionaries(
    {}, optional={"owner": scalars, "options": st.lists(names, max_size=1)}
)


@st.composite
def _trees(draw: st.DrawFn) -> list[Object]:
    """Schemas that hold tables and functions, tables that hold columns and policies."""
    made: list[Object] = []

    def make(kind: str, parent: ObjectId | None, args: str = "") -> ObjectId:
        i = ObjectId(kind, (*(parent.path if parent else ()), draw(names)), args)
        made.append(Object(i, draw(_few), parent, draw(st.integers(0, 99))))
        return i

    for _ in range(draw(st.integers(0, 2))):
        schema = make("schema", None)
        for _ in range(draw(st.integers(0, 2))):
            relation = make("table", schema)
            for kind in draw(st.lists(st.sampled_from(["column", "policy"]), max_size=2)):
                make(kind, relation)
        if draw(st.booleans()):
            make("function", schema, draw(st.sampled_from(["()", "(integer)", '("Odd")'])))
    return made


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A snapshot that holds together: no child without its parent, dependencies between objects."""
    objects = {o.id: o for o in draw(_trees())}
    known = st.sampled_from(sorted(objects)) if objects else st.nothing()
    return Snapshot(
        objects=objects,
        kinds=KINDS - draw(st.sampled_from([frozenset(), frozenset({"view"})])),
        server_version=draw(st.sampled_from([130021, 150000, 180001])),
        taken_at=NOW,
        database=draw(names),
        unread=draw(st.dictionaries(st.sampled_from(["view", "trigger"]), names)),
        dependencies=tuple(sorted(draw(st.sets(st.tuples(known, known), max_size=3))))
        if objects
        else (),
    )


@st.composite
def pairs_of_snapshots(draw: st.DrawFn) -> tuple[Snapshot, Snapshot]:
    """Two snapshots that share most of what they hold, as two environments do."""
    one, two = draw(snapshots()), draw(snapshots())
    shared = draw(_trees())
    return tuple(  # type: ignore[return-value]
        Snapshot({**{o.id: o for o in shared}, **s.objects}, s.kinds, s.server_version, s.taken_at)
        for s in (one, two)
    )
