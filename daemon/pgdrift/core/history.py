"""Why did it change? What a ledger and the migration histories told, in; origin and blame out.

A migration explains every change seen in the same window, and no other: a change that was there
before the migration stays unexplained. A ledger's entry explains the object it names, what that
statement can touch with it, and nothing else.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pgdrift.core.model import (
    Blame,
    Change,
    Confidence,
    History,
    LedgerEntry,
    Migration,
    ObjectId,
    Origin,
    Snapshot,
)
from pgdrift.core.names import quote_ident

# What a statement on a relation can change beside it: the ledger names the relation alone.
_OF_RELATION = frozenset({"column", "constraint", "sequence", "index"})

# What the ledger's words stand for. A name alone could be another's: a grant on a schema has a
# role for its last name, and a role may be named as a table is.
_RELATIONS = frozenset({"table", "foreign_table"})
_KINDS = {
    "TABLE": _RELATIONS,
    "COLUMN": _RELATIONS,
    "INDEX": frozenset({"index"}),
    "VIEW": frozenset({"view", "materialized_view"}),
    "SEQUENCE": frozenset({"sequence"}),
    "TYPE": frozenset({"enum", "domain", "composite_type", "range_type"}),
}
_ROUTINES = frozenset({"function", "procedure", "aggregate"})
_OID = re.compile("[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an object changed and who did it, as far as is known."""

    origin: Origin
    blame: Blame


UNTRACKED = Explanation(Origin.UNTRACKED, Blame(Confidence.WINDOW))


def applied(before: Iterable[History], after: Iterable[History]) -> tuple[Migration, ...]:
    """Return the migrations that were applied between two readings of the histories.

    A history that was not there before is a first sight and explains nothing.
    """
    known = {h.table: {(m.version, m.checksum) for m in h.migrations if _done(m)} for h in before}
    return tuple(
        m
        for h in after
        if h.table in known
        for m in h.migrations
        if _done(m) and (m.version, m.checksum) not in known[h.table]
    )


def missing(here: Iterable[History], upstream: Iterable[History]) -> int | None:
    """Return how many migrations the upstream applied that are not applied here.

    Histories are matched by tool; None when no tool keeps a history on both sides.
    """
    ours, theirs = _versions(here), _versions(upstream)
    shared = ours.keys() & theirs.keys()
    return sum(len(theirs[tool] - ours[tool]) for tool in shared) if shared else None


def explain(
    changes: Iterable[Change],
    before: Snapshot,
    after: Snapshot,
    entries: Collection[LedgerEntry],
    migrations: Collection[Migration],
) -> Mapping[ObjectId, Explanation]:
    """Return for every change of one window why it came about; `UNTRACKED` where nothing says."""
    named = dict(_named(entries, before, after)) if entries else {}
    window = _window(migrations)
    return {c.id: _explain(c, before, after, named, window) for c in changes}


def _explain(
    change: Change,
    before: Snapshot,
    after: Snapshot,
    named: Mapping[ObjectId, LedgerEntry],
    window: Explanation | None,
) -> Explanation:
    entry = _entry(change.id, before, after, named)
    if window:
        return Explanation(window.origin, _with(window.blame, entry))
    if entry:
        return Explanation(Origin.TRACKED, Blame(Confidence.EXACT, who=entry.who))
    return UNTRACKED


def _window(migrations: Collection[Migration]) -> Explanation | None:
    if not migrations:
        return None
    names = ", ".join(m.version for m in migrations)
    return Explanation(Origin.MIGRATION, Blame(Confidence.WINDOW, migration=names))


def _with(blame: Blame, entry: LedgerEntry | None) -> Blame:
    if entry is None:
        return blame
    return Blame(Confidence.EXACT, who=entry.who, migration=blame.migration)


def _entry(
    i: ObjectId, before: Snapshot, after: Snapshot, named: Mapping[ObjectId, LedgerEntry]
) -> LedgerEntry | None:
    """Return the ledger's latest entry on the object, or on the relation it is a part of."""
    while i not in named:
        found = after.objects.get(i) or before.objects.get(i)
        if found is None or found.parent is None or i.kind not in _OF_RELATION:
            return None
        i = found.parent
    return named[i]


def _named(
    entries: Iterable[LedgerEntry], before: Snapshot, after: Snapshot
) -> Iterator[tuple[ObjectId, LedgerEntry]]:
    """Give the objects that entries name, in the order of the entries: the latest stays."""
    by_name: dict[tuple[str, ...], list[ObjectId]] = {}
    for i in {**before.objects, **after.objects}:
        by_name.setdefault(i.path, []).append(i)
    by_oid: dict[str, list[ObjectId]] = {}
    for i, o in (*before.objects.items(), *after.objects.items()):
        if i.kind in _ROUTINES:
            by_oid.setdefault(str(o.oid), []).append(i)
    for entry in entries:
        if entry.object_type == "FUNCTION" and _OID.fullmatch(entry.object_name):
            found = by_oid.get(entry.object_name, [])
        else:
            kinds = _KINDS.get(entry.object_type, frozenset())
            found = [i for i in by_name.get(_path(entry), []) if i.kind in kinds]
        yield from ((i, entry) for i in found)


def _path(entry: LedgerEntry) -> tuple[str, str]:
    """Return schema and name, of a column its table's, undoing the quotes the ledger keeps."""
    schema, name = _unquote(entry.schema_name), entry.object_name
    for prefix in (f"{entry.schema_name}.", f"{quote_ident(schema)}."):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if entry.object_type == "COLUMN" and not name.startswith('"'):
        name = name.split(".", 1)[0]
    return schema, _unquote(name)


def _unquote(name: str) -> str:
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return name[1:-1].replace('""', '"')
    return name


def _done(migration: Migration) -> bool:
    return migration.applied and not migration.failed


def _versions(histories: Iterable[History]) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for h in histories:
        versions.setdefault(h.tool, set()).update(m.version for m in h.migrations if _done(m))
    return versions
