"""Why did it change? What a ledger and the migration histories told, in; origin and blame out.

A migration explains every change seen in the same window, and no other: a change that was there
before the migration stays unexplained. A ledger's entry explains the object it names, what that
statement can touch with it, and nothing else.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pgdrift.core.model import (
    Blame,
    Change,
    ChangeType,
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


def applied(
    before: Iterable[History], after: Iterable[History], window: Iterable[Change] = ()
) -> tuple[Migration, ...]:
    """Return the migrations that were applied or rolled back between two readings.

    One that was rolled back is given as not applied. A history that was not there before is a
    first sight and explains nothing, unless its table was made in this window: then all is new.
    """
    known: dict[str, tuple[Migration, ...]] = dict.fromkeys(_created(window), ())
    known |= {h.table: h.migrations for h in before}
    return tuple(m for h in after if h.table in known for m in _moved(known[h.table], h))


def missing(here: Collection[History], upstream: Collection[History]) -> int | None:
    """Return how many migrations the upstream applied that are not applied here.

    Histories are matched by tool. None when no tool keeps a history on both sides, and when a
    tool keeps only its heads and these differ: they do not tell which is older, or by how much.
    """
    ours, theirs = _versions(here), _versions(upstream)
    shared = ours.keys() & theirs.keys()
    heads = {h.tool for h in (*here, *upstream) if h.heads_only}
    if not shared or any(ours[tool] != theirs[tool] for tool in shared & heads):
        return None
    return sum(len(theirs[tool] - ours[tool]) for tool in shared)


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
    # All of the window: a ledger that does not name an object proves nothing, not even where it
    # records that kind: it misses CREATE TABLE AS, children changed through a parent and more.
    if window:
        return Explanation(window.origin, _with(window.blame, entry))
    if entry:
        return Explanation(Origin.TRACKED, Blame(Confidence.EXACT, who=entry.who))
    return UNTRACKED


def _window(migrations: Collection[Migration]) -> Explanation | None:
    if not migrations:
        return None
    names = ", ".join(m.version if m.applied else f"{m.version} (rolled back)" for m in migrations)
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
    """Give the objects that entries name, in the order of the entries: the latest stays.

    What an entry names was perhaps renamed: then it names what that was before, too.
    """
    by_name: dict[tuple[str, ...], list[ObjectId]] = {}
    for i in {**before.objects, **after.objects}:
        by_name.setdefault(i.path, []).append(i)
    by_oid: dict[str, list[ObjectId]] = {}
    for i, o in (*before.objects.items(), *after.objects.items()):
        if i.kind in _ROUTINES:
            by_oid.setdefault(str(o.oid), []).append(i)
    old_names = _old_names(before, after)
    for entry in entries:
        if entry.object_type == "FUNCTION" and _OID.fullmatch(entry.object_name):
            found = by_oid.get(entry.object_name, [])
        else:
            kinds = _KINDS.get(entry.object_type, frozenset())
            found = [i for i in by_name.get(_path(entry), []) if i.kind in kinds]
        yield from ((i, entry) for i in found)
        yield from ((old_names[i], entry) for i in found if i in old_names)


def _old_names(before: Snapshot, after: Snapshot) -> Mapping[ObjectId, ObjectId]:
    """Return what an object was before, when that is gone and its kind and oid live on in it."""
    gone = {
        (i.kind, o.oid): i for i, o in before.objects.items() if o.oid and i not in after.objects
    }
    if not gone:
        return {}
    living = ((i, gone.get((i.kind, o.oid))) for i, o in after.objects.items())
    return {i: old for i, old in living if old is not None}


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


def _created(window: Iterable[Change]) -> Iterator[str]:
    """Give the names of the relations that were made in the window."""
    for change in window:
        if change.change is ChangeType.ADDED:
            yield from (i.name for i in (change.id, *change.contains) if i.kind in _RELATIONS)


def _moved(before: Iterable[Migration], after: History) -> Iterator[Migration]:
    """Give what one history has more than before, and as not applied what it no longer has."""
    done = {(m.version, m.checksum): m for m in before if _done(m)}
    yield from (m for m in after.migrations if _done(m) and (m.version, m.checksum) not in done)
    there = {m.version for m in after.migrations if m.applied or m.failed}
    # Where only heads are kept, one that went gave way to the next, which may have failed.
    if after.heads_only and not there <= {version for version, _ in done}:
        return
    yield from (replace(m, applied=False) for m in done.values() if m.version not in there)


def _done(migration: Migration) -> bool:
    return migration.applied and not migration.failed


def _versions(histories: Iterable[History]) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for h in histories:
        versions.setdefault(h.tool, set()).update(m.version for m in h.migrations if _done(m))
    return versions
