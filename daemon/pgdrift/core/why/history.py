"""Why did it change? What a ledger and the migration histories told, in; origin and blame out.

A migration explains every change seen in the same window, and no other: a change that was there
before the migration stays unexplained. A ledger's entry explains the object it names, what that
statement can touch with it, and nothing else.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pgdrift.core.model import (
    Blame,
    Change,
    ChangeType,
    Confidence,
    History,
    LedgerEntry,
    Migration,
    Object,
    ObjectId,
    Origin,
    Reading,
    Snapshot,
)
from pgdrift.core.why.blame import of_entry, of_migrations
from pgdrift.core.why.named import RELATIONS, Named, named, recorded, whole
from pgdrift.core.why.written_by import by_migrations


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an object changed and who did it, as far as is known; `reason`: what more to say."""

    origin: Origin
    blame: Blame
    reason: str = ""


UNTRACKED = Explanation(Origin.UNTRACKED, Blame(Confidence.WINDOW))


def applied(
    before: Iterable[History], after: Iterable[History], window: Iterable[Change] = ()
) -> tuple[Migration, ...]:
    """Return the migrations that were applied or rolled back between two readings.

    One that was rolled back is given as not applied. A history that was not there before is a
    first sight and explains nothing, unless its table was made in this window: then all is new.
    """
    known: dict[str, tuple[Migration, ...]] = dict.fromkeys(_created(window), ())
    known |= {h.table: h.migrations for h in before if not h.unread}
    read = (h for h in after if h.table in known and not h.unread)
    return tuple(m for h in read for m in _moved(known[h.table], h))


def failed(before: Iterable[History], after: Iterable[History]) -> tuple[str, ...]:
    """Return the names of the migrations that failed since a first reading of their histories."""
    known = {h.table: {m.version for m in h.migrations if m.failed} for h in before}
    return tuple(
        f"migration {m.version} ({h.tool})"
        for h in after
        for m in h.migrations
        if m.failed and m.version not in known.get(h.table, {m.version})
    )


@dataclass(frozen=True, slots=True)
class Window:
    """What came about between two looks: the snapshots, and what was written down in between.

    `writers` are the transactions that wrote the rows of migration histories. `identities`: each
    entry names its object as PostgreSQL does. `complete`: and there is one for every object of
    every statement that a ledger can hear of.
    """

    before: Snapshot
    after: Snapshot
    entries: Collection[LedgerEntry] = ()
    migrations: Collection[Migration] = ()
    writers: Collection[int] = ()
    complete: bool = False
    identities: bool = False


def in_between(before: Snapshot, reading: Reading, migrations: Collection[Migration]) -> Window:
    """Return the window between a snapshot and a later reading of the same environment."""
    ledger = reading.ledger
    if ledger is None:
        return Window(before, reading.snapshot, migrations=migrations)
    told = (ledger.entries, migrations, ledger.migrators, ledger.complete, ledger.identities)
    return Window(before, reading.snapshot, *told)


def explain(changes: Iterable[Change], window: Window) -> Mapping[ObjectId, Explanation]:
    """Return for every change of one window why it came about; `UNTRACKED` where nothing says."""
    changes = tuple(changes)
    found = _found(window, changes)
    return {c.id: _explain(c, found) for c in changes}


def unrecorded(changes: Iterable[Change], window: Window) -> tuple[Change, ...]:
    """Return the changes that a ledger says nothing of, although it should.

    Most ledgers miss so much that only a new column tells, of a table that has it from no other.
    """
    changes = tuple(changes)
    found = _found(window, changes)
    expects = found.expects if window.identities else _surely_recorded(window)
    return tuple(c for c in changes if expects(c) and not _entries(c, found))


def named_by(change: Change, window: Window) -> bool:
    """Tell whether an entry of the window names what changed."""
    return bool(_entries(change, _found(window)))


def _surely_recorded(window: Window) -> Callable[[Change], bool]:
    def expects(change: Change) -> bool:
        i = change.id
        if change.change is not ChangeType.ADDED or i.kind != "column":
            return False
        column = window.after.objects.get(i)
        table = window.after.objects.get(column.parent) if column and column.parent else None
        return table is not None and table.id.kind == "table" and not _inherits(table)

    return expects


def _inherits(table: Object) -> bool:
    return any(table.attributes.get(name) for name in ("inherits", "partition_bound"))


@dataclass(frozen=True, slots=True)
class _Found:
    """A window with what its entries name, and which of them (by id) the migrations wrote."""

    window: Window
    named: Named
    own: Collection[int] = ()
    migrations: Blame | None = None
    references: Mapping[ObjectId, Collection[ObjectId]] = field(default_factory=dict)
    # REASSIGN OWNED fires no event trigger: what has but another owner, no ledger has to know.
    reassigned: Collection[ObjectId] = ()

    def expects(self, change: Change) -> bool:
        """Tell whether a ledger with identities should say something of a change."""
        given_away = {change.id, self.whole(change.id)} & {*self.reassigned}
        return recorded(change) and not given_away

    def whole(self, i: ObjectId) -> ObjectId | None:
        """Return the object by which the ledger tells a change of this one, if there is one."""
        sides = (self.window.after, self.window.before)
        return whole(i, sides, by_identity=self.window.identities)


def _found(window: Window, changes: Iterable[Change] = ()) -> _Found:
    references: dict[ObjectId, list[ObjectId]] = {}
    for one, other in window.after.dependencies if window.identities else ():
        # A schema holds what is in it; no statement on the schema itself changes that.
        if len(other.path) > 1:
            references.setdefault(one, []).append(other)
    return _Found(
        window,
        named(window.entries, window.before, window.after) if window.entries else {},
        by_migrations(window.entries, window.migrations, window.writers),
        of_migrations(window.migrations) if window.migrations else None,
        references,
        frozenset(c.id for c in changes if c.attributes.keys() == {"owner"}),
    )


def _explain(change: Change, found: _Found) -> Explanation:
    entries = _entries(change, found)
    foreign = [e for e in entries if e.id not in found.own]
    if foreign:
        # What a migration and somebody else did to one object is not the migration's alone.
        return Explanation(Origin.TRACKED, of_entry(foreign[-1]))
    if found.migrations is None:
        return UNTRACKED
    if entries:
        blame = of_entry(entries[-1], found.migrations.migration)
        return Explanation(Origin.MIGRATION, blame)
    # A ledger that does not name an object proves nothing, unless it names all: the others miss
    # CREATE TABLE AS, children changed through a parent and more.
    missed = found.window.complete and found.expects(change)
    return UNTRACKED if missed else Explanation(Origin.MIGRATION, found.migrations)


def _entries(change: Change, found: _Found) -> tuple[LedgerEntry, ...]:
    """Return the entries on the object, or on what it is a part of, or on what its text is of."""
    part: ObjectId | None = change.id
    while part is not None:
        if part in found.named:
            return found.named[part]
        part = found.whole(part)
    return _of_references(change.id, found) if change.change is ChangeType.CHANGED else ()


def _of_references(i: ObjectId, found: _Found) -> tuple[LedgerEntry, ...]:
    """Return the entries on what it refers to: the text of a view moves with a column's name."""
    todo, done = [i], {i}
    while todo:
        one = todo.pop()
        if one in found.named:
            return found.named[one]
        nearest = {*found.references.get(one, ()), *filter(None, [found.whole(one)])} - done
        todo += sorted(nearest)
        done |= nearest
    return ()


def _created(window: Iterable[Change]) -> Iterator[str]:
    """Give the names of the relations that were made in the window."""
    for change in window:
        if change.change is ChangeType.ADDED:
            yield from (i.name for i in (change.id, *change.contains) if i.kind in RELATIONS)


def _moved(before: Iterable[Migration], after: History) -> Iterator[Migration]:
    """Give what one history has more than before, and as not applied what it no longer has."""
    done = {m.version: m for m in before if _done(m)}
    yield from (m for m in after.migrations if _done(m) and _ran(done.get(m.version), m))
    there = {m.version for m in after.migrations if m.applied or m.failed}
    # Where only heads are kept, one that went gave way to the next, which may have failed.
    if after.heads_only and not there <= done.keys():
        return
    yield from (replace(m, applied=False) for m in done.values() if m.version not in there)


def _ran(before: Migration | None, now: Migration) -> bool:
    """Tell whether what is applied now ran since it was read before.

    To repair a history, or to upgrade its tool, is to write checksums anew: that runs nothing.
    """
    if before is None:
        return True
    if before.at and now.at:
        return before.at != now.at
    return before.checksum != now.checksum


def _done(migration: Migration) -> bool:
    return migration.applied and not migration.failed
