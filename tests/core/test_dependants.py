"""What hangs on what differs is named once, when it is found."""

from datetime import UTC, datetime

from pgdrift.core.dependants import with_dependants
from pgdrift.core.model import (
    Change,
    ChangeClass,
    ChangeType,
    Dependants,
    Direction,
    Finding,
    Object,
    ObjectId,
    Severity,
    Snapshot,
)
from pgdrift.core.shown.render import dependants_words

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TABLE = ObjectId("table", ("app", "t"))
COLUMN = ObjectId("column", ("app", "t", "c"))
VIEWS = tuple(ObjectId("view", ("app", f"v{i:02}")) for i in range(12))


def snapshot(*pairs: tuple[ObjectId, ObjectId]) -> Snapshot:
    objects = {i: Object(i, {}) for i in (TABLE, *VIEWS)} | {
        COLUMN: Object(COLUMN, {}, parent=TABLE)
    }
    kinds = frozenset(i.kind for i in objects)
    return Snapshot(objects, kinds, 180000, NOW, dependencies=tuple(sorted(pairs)))


def finding(i: ObjectId, after: str = "text") -> Finding:
    change = Change(i, ChangeType.CHANGED, {"type": ("integer", after)})
    return Finding(change, Direction.CHANGED, Severity.WARNING, ChangeClass.STRUCTURE, None, NOW)


def test_what_depends_is_counted_and_the_first_are_named() -> None:
    now = snapshot((COLUMN, TABLE), *((v, COLUMN) for v in VIEWS))
    table, column = with_dependants([finding(TABLE), finding(COLUMN)], now, {})
    assert table.dependants == Dependants(), "its own column goes without saying"
    assert column.dependants == Dependants(12, VIEWS[:10])
    assert dependants_words(table) == ""
    said = "12 objects depend on it: view app.v00, view app.v01, view app.v02 and 9 more"
    assert dependants_words(column) == said


def test_of_what_lasts_it_is_what_was_found_first() -> None:
    (first,) = with_dependants([finding(COLUMN)], snapshot((VIEWS[0], COLUMN)), {})
    later = snapshot((VIEWS[1], COLUMN))
    before = {first.key: first}
    (lasts,) = with_dependants([finding(COLUMN)], later, before)
    assert lasts.dependants.some == VIEWS[:1]
    (moved,) = with_dependants([finding(COLUMN, "bigint")], later, before)
    assert moved.dependants.some == VIEWS[1:2]
    assert dependants_words(moved) == "1 object depends on it: view app.v01"
