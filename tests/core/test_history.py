"""Why did it change? Migrations explain a window, ledger entries the object that they name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core.model import (
    Blame,
    Change,
    Confidence,
    History,
    LedgerEntry,
    Migration,
    Object,
    ObjectId,
    Origin,
    Snapshot,
)
from pgdrift.core.why.history import UNTRACKED, Explanation, Window, applied, explain
from tests.core.build import (
    added,
    changed,
    column,
    function,
    ident,
    index,
    migration,
    obj,
    policy,
    removed,
    snap,
    table,
    table_id,
)

TRACKED = Explanation(Origin.TRACKED, Blame(Confidence.EXACT, who="ann"))


def flyway(*migrations: Migration) -> History:
    return History("flyway", "public.flyway_schema_history", migrations)


def heads(*migrations: Migration, tool: str = "alembic", table: str = "public.heads") -> History:
    """The history of a tool that keeps only the latest."""
    return History(tool, table, migrations, heads_only=True)


def rolled_back(version: str) -> Migration:
    return migration(version, applied=False)


def entry(
    name: str, type_: str = "TABLE", schema: str = "public", who: str = "ann", number: int = 1
) -> LedgerEntry:
    return LedgerEntry(number, type_, schema, name, "ALTER", "2026-11-22 12:00:00", who)


def why(
    change: Change, before: Snapshot, after: Snapshot, *entries: LedgerEntry
) -> Explanation | None:
    return explain([change], Window(before, after, entries, ()))[change.id]


def touched(found: Object, *entries: LedgerEntry, beside: tuple[Object, ...] = ()) -> Explanation:
    """Explain a change of an object that was there before and after, among others."""
    both = snap(found, *beside)
    return explain([changed(found.id)], Window(both, both, entries, ()))[found.id]


# Migration histories


def test_a_new_row_is_a_migration_that_was_applied() -> None:
    before, after = flyway(migration("1")), flyway(migration("1"), migration("2"))
    assert applied([before], [after]) == (migration("2"),)
    assert applied([after], [after]) == ()


def test_the_first_sight_of_a_history_explains_nothing() -> None:
    assert applied([], [flyway(migration("1"))]) == ()
    alembic = History("alembic", "public.alembic_version", (migration("a1"),))
    assert applied([flyway()], [flyway(), alembic]) == ()


def test_the_first_row_of_a_known_history_explains() -> None:
    assert applied([flyway()], [flyway(migration("1"))]) == (migration("1"),)


def test_two_histories_of_one_tool_are_told_apart_by_table() -> None:
    other = History("flyway", "audit.flyway_schema_history", (migration("1"),))
    found = applied([flyway(migration("1"))], [flyway(migration("1")), other])
    assert found == ()


@pytest.mark.parametrize(
    "row", [migration("2", failed=True), migration("2", applied=False)], ids=["failed", "pending"]
)
def test_what_failed_or_waits_explains_nothing(row: Migration) -> None:
    assert applied([flyway(migration("1"))], [flyway(migration("1"), row)]) == ()


def test_a_failed_migration_explains_once_it_is_applied() -> None:
    before = flyway(migration("1"), migration("2", failed=True))
    assert applied([before], [flyway(migration("1"), migration("2"))]) == (migration("2"),)


def test_a_repeatable_migration_explains_again_when_its_text_changed() -> None:
    before, after = (flyway(Migration("", "views", checksum=c)) for c in ("1", "2"))
    assert applied([before], [after]) == after.migrations


def test_a_migration_that_always_runs_explains_each_time() -> None:
    """Liquibase's `runAlways` leaves the text as it is, and writes another time."""
    before, after = (flyway(Migration("1", checksum="9:a", at=at)) for at in ("10:00", "11:00"))
    assert applied([before], [after]) == after.migrations


def test_what_writes_checksums_anew_ran_nothing() -> None:
    """Flyway's `repair` does, and a Liquibase whose checksums are of another kind than before."""
    before, after = (flyway(Migration("1", checksum=c, at="10:00")) for c in ("8:a", "9:b"))
    assert applied([before], [after]) == ()


def test_a_time_that_was_not_read_before_says_nothing() -> None:
    """An older release of pgdrift read none of this tool."""
    before, after = (flyway(Migration("1", checksum="a", at=at)) for at in (None, "11:00"))
    assert applied([before], [after]) == ()


@pytest.mark.parametrize("left", [(), (rolled_back("2"),)], ids=["deleted", "undone"])
def test_a_version_that_is_no_longer_applied_was_rolled_back(left: tuple[Migration, ...]) -> None:
    before = flyway(migration("1"), migration("2"))
    assert applied([before], [flyway(migration("1"), *left)]) == (rolled_back("2"),)


def test_what_fails_when_it_is_done_or_undone_again_was_not_rolled_back() -> None:
    before = flyway(migration("1"), migration("2"))
    assert applied([before], [flyway(migration("1"), migration("2", failed=True))]) == ()


def test_a_history_that_went_away_explains_nothing() -> None:
    assert applied([flyway(migration("1"))], []) == ()


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (heads(migration("a")), heads(migration("b")), (migration("b"),)),
        (heads(migration("a"), migration("b")), heads(migration("m")), (migration("m"),)),
        (heads(migration("a")), heads(), (rolled_back("a"),)),
        (heads(migration("a"), migration("b")), heads(migration("a")), (rolled_back("b"),)),
        (heads(migration("7")), heads(migration("8", applied=False, failed=True)), ()),
        (heads(migration("7")), heads(migration("7", applied=False, failed=True)), ()),
    ],
    ids=["next", "merged", "none left", "one branch less", "next failed", "failed on the way"],
)
def test_a_head_that_gives_way_to_another_was_not_rolled_back(
    before: History, after: History, moved: tuple[Migration, ...]
) -> None:
    assert applied([before], [after]) == moved


HISTORY_TABLE = ident("table", "public", "flyway_schema_history")


@pytest.mark.parametrize(
    "change",
    [added(HISTORY_TABLE), added(ident("schema", "public"), table_id(), HISTORY_TABLE)],
    ids=["alone", "with its schema"],
)
def test_a_history_whose_table_was_made_in_the_window_explains_it(change: Change) -> None:
    after = flyway(migration("1"), migration("2", failed=True))
    assert applied([], [after], [changed(table_id()), change]) == (migration("1"),)


@pytest.mark.parametrize(
    "change",
    [
        changed(HISTORY_TABLE),
        removed(HISTORY_TABLE),
        added(table_id("flyway_schema_history", "audit")),
        # A role that is named as the table.
        added(ident("schema_privilege", "public", "flyway_schema_history")),
    ],
    ids=["changed", "removed", "another schema", "another kind"],
)
def test_a_history_whose_table_was_there_or_not_seen_to_come_is_a_first_sight(
    change: Change,
) -> None:
    assert applied([], [flyway(migration("1"))], [change]) == ()


def test_a_known_history_is_not_new_because_its_table_was_made_again() -> None:
    known = flyway(migration("1"))
    assert applied([known], [known], [added(HISTORY_TABLE)]) == ()


# A window


def test_a_migration_explains_every_change_of_its_window() -> None:
    both = snap(table(), column("id"), policy("p"))
    changes = [changed(i) for i in both.objects]
    found = explain(changes, Window(both, both, (), [migration("2"), migration("3")]))
    blame = Blame(Confidence.WINDOW, migration="2, 3")
    assert found == {c.id: Explanation(Origin.MIGRATION, blame) for c in changes}


def test_what_was_rolled_back_is_named_as_that() -> None:
    both = snap(table())
    found = explain(
        [changed(table_id())], Window(both, both, (), [migration("43"), rolled_back("42")])
    )
    assert found[table_id()].origin is Origin.MIGRATION
    assert found[table_id()].blame.migration == "43, 42 (rolled back)"


def test_a_ledger_says_who_ran_the_migration() -> None:
    both = snap(table(), policy("p"))
    changes = [changed(i) for i in both.objects]
    found = explain(changes, Window(both, both, [entry("orders")], [migration("2")]))
    assert found[table_id()] == Explanation(
        Origin.MIGRATION, Blame(Confidence.EXACT, who="ann", migration="2")
    )
    assert found[policy("p").id].blame == Blame(Confidence.WINDOW, migration="2")


def test_what_somebody_did_by_hand_in_the_window_is_not_the_migration_s() -> None:
    both = snap(table(), table("account"))
    own = replace(entry("account", who="deploy", number=1), transaction_id="7", xid=7)
    by_hand = replace(entry("orders", number=2), transaction_id="8", xid=8)
    window = Window(both, both, [own, by_hand], [migration("2")], [7])
    found = explain([changed(i) for i in both.objects], window)
    assert found[table_id("account")].origin is Origin.MIGRATION
    assert found[table_id()] == TRACKED
    # Nor is it where both touched one object.
    both_did = replace(own, id=3, object_name="orders")
    window = replace(window, entries=[own, by_hand, both_did])
    assert explain([changed(table_id())], window)[table_id()] == TRACKED


def test_what_a_ledger_that_names_all_does_not_name_no_migration_did() -> None:
    both = snap(table(), policy("p"))
    window = Window(both, both, [entry("orders")], [migration("2")], identities=True)
    hidden = changed(policy("p").id, using=("a", "b"))
    assert explain([hidden], window)[hidden.id].origin is Origin.MIGRATION
    assert explain([hidden], replace(window, complete=True))[hidden.id] == UNTRACKED


def test_what_nothing_explains_is_untracked() -> None:
    assert touched(table()) == UNTRACKED
    assert Explanation(Origin.UNTRACKED, Blame(Confidence.WINDOW)) == UNTRACKED


def test_no_changes_need_no_explanation() -> None:
    assert explain([], Window(snap(), snap(), [entry("orders")], [migration("1")])) == {}


# The ledger, by name


@pytest.mark.parametrize(
    ("schema", "name", "stored_schema", "stored"),
    [
        ("public", "orders", "public", "orders"),
        ("public", "Orders", "public", '"Orders"'),
        ("public", 'a"b', "public", '"a""b"'),
        ("public", "with.dot", "public", '"with.dot"'),
        ("public", "public.orders", "public", '"public.orders"'),
        # With a schema that needs quotes, the object's name holds the schema, too.
        ("Sales Dept", "orders", '"Sales Dept"', '"Sales Dept".orders'),
        ("Sales Dept", "Orders", '"Sales Dept"', '"Sales Dept"."Orders"'),
        ("Sales Dept", "Orders", "Sales Dept", '"Sales Dept"."Orders"'),
        # The oldest extension qualifies every name.
        ("public", "orders", "public", "public.orders"),
    ],
)
def test_an_entry_names_an_object_as_the_ledger_quotes_it(
    schema: str, name: str, stored_schema: str, stored: str
) -> None:
    found = touched(table(name, schema), entry(stored, schema=stored_schema))
    assert found == TRACKED


@pytest.mark.parametrize(
    ("schema", "stored"),
    [
        ("public", "order"),
        ("public", "ORDERS"),
        ("public", "orders.id"),
        ("public", '"orders'),
        ("other", "orders"),
        ("public", ""),
    ],
)
def test_an_entry_explains_no_object_that_it_does_not_name(schema: str, stored: str) -> None:
    assert touched(table(), entry(stored, schema=schema)) == UNTRACKED


def test_an_entry_explains_what_is_gone_and_what_is_new() -> None:
    assert why(removed(table_id()), snap(table()), snap(), entry("orders")) == TRACKED
    assert why(added(table_id()), snap(), snap(table()), entry("orders")) == TRACKED


def test_the_latest_entry_on_an_object_is_to_blame() -> None:
    found = touched(table(), entry("orders", who="ann"), entry("orders", who="ben", number=2))
    assert found.blame == Blame(Confidence.EXACT, who="ben")


SERIAL = obj(ident("sequence", "public", "orders_id_seq"), column("id").id)
CONSTRAINT = obj(ident("constraint", "public", "orders", "orders_pkey"), table_id())


@pytest.mark.parametrize(
    "part", [column("id"), CONSTRAINT, index("i"), SERIAL], ids=lambda o: o.id.kind
)
def test_an_entry_on_a_table_explains_what_that_statement_changes_with_it(part: Object) -> None:
    beside = (table(), column("id"))
    assert touched(part, entry("orders"), beside=beside) == TRACKED
    assert touched(part, entry("others"), beside=beside) == UNTRACKED


def test_a_dropped_column_is_explained_by_its_table() -> None:
    before = snap(table(), column("id"))
    assert why(removed(column("id").id), before, snap(table()), entry("orders")) == TRACKED


@pytest.mark.parametrize(
    "part",
    [
        policy("p"),
        obj(ident("trigger", "public", "orders", "t"), table_id()),
        obj(ident("rule", "public", "orders", "r"), table_id()),
        obj(ident("privilege", "public", "orders", "joe"), table_id()),
        obj(ident("column_privilege", "public", "orders", "id", "joe"), column("id").id),
        # A role that is named as the table: path and entry look the same.
        obj(ident("schema_privilege", "public", "orders"), ident("schema", "public")),
        obj(ident("default_privilege", "public", "orders")),
    ],
    ids=lambda o: o.id.kind,
)
def test_an_entry_on_a_table_never_explains_what_another_statement_changes(part: Object) -> None:
    assert touched(part, entry("orders"), beside=(table(), column("id"))) == UNTRACKED


def test_an_entry_explains_only_objects_of_the_kind_that_it_says() -> None:
    domain = obj(ident("domain", "public", "orders"))
    assert touched(domain, entry("orders"), beside=(table(),)) == UNTRACKED
    assert touched(index("i"), entry("i", "INDEX"), beside=(table(),)) == TRACKED
    view = obj(ident("view", "public", "v"))
    assert touched(view, entry("v", "VIEW")) == TRACKED


@pytest.mark.parametrize("kind", ["enum", "domain", "composite_type", "range", "base_type"])
def test_what_the_ledger_calls_a_type_is_any_type(kind: str) -> None:
    made = obj(ident(kind, "public", "amount"), ident("schema", "public"))
    assert touched(made, entry("amount", "TYPE")) == TRACKED


def test_an_entry_on_an_index_does_not_explain_its_table() -> None:
    assert touched(table(), entry("i", "INDEX"), beside=(index("i"),)) == UNTRACKED


def test_a_label_that_nobody_knows_is_tolerated() -> None:
    assert touched(table(), entry("orders", "BRANCH")) in (TRACKED, UNTRACKED)


# The ledger, renames


def relation(name: str, number: int, key: str = "table", schema: str = "public") -> Object:
    return obj(ident(key, schema, name), ident("schema", schema), number)


def renamed(old: Object, new: Object, *entries: LedgerEntry) -> tuple[Explanation, Explanation]:
    """Explain the two halves of a rename: what is gone, and what is new."""
    changes = [removed(old.id), added(new.id)]
    found = explain(changes, Window(snap(old), snap(new), entries, ()))
    return found[old.id], found[new.id]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (relation("a", 500), relation("b", 500), entry("b")),
        (relation("a", 500), relation("a", 500, schema="s"), entry("a", schema="s")),
        (relation("a", 500, "view"), relation("b", 500, "view"), entry("b", "VIEW")),
        (relation("a", 500, "index"), relation("b", 500, "index"), entry("b", "INDEX")),
    ],
    ids=["table", "schema", "view", "index"],
)
def test_an_entry_on_what_was_renamed_explains_the_old_name_too(
    old: Object, new: Object, named: LedgerEntry
) -> None:
    assert renamed(old, new, named) == (TRACKED, TRACKED)


def test_the_parts_of_a_renamed_table_went_with_it() -> None:
    old, new = relation("a", 500), relation("b", 500)
    part = column("id", "a")
    found = explain([removed(part.id)], Window(snap(old, part), snap(new), [entry("b")], ()))
    assert found[part.id] == TRACKED


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (relation("a", 500), relation("b", 501), entry("b")),
        (relation("a", 500, "view"), relation("b", 500), entry("b")),
        (relation("a", 0), relation("b", 0), entry("b")),
    ],
    ids=["another oid", "another kind", "no oid read"],
)
def test_what_is_not_the_same_object_was_not_renamed(
    old: Object, new: Object, named: LedgerEntry
) -> None:
    assert renamed(old, new, named) == (UNTRACKED, TRACKED)


def test_a_rename_that_no_entry_names_is_untracked() -> None:
    assert renamed(relation("a", 500), relation("b", 500), entry("c")) == (UNTRACKED, UNTRACKED)


def test_a_name_that_lives_on_was_not_given_up() -> None:
    # `a` was renamed to `b`, and another `a` was made.
    before, after = snap(relation("a", 500)), snap(relation("b", 500), relation("a", 501))
    assert why(changed(ident("table", "public", "a")), before, after, entry("b")) == UNTRACKED


def test_a_table_that_takes_the_name_of_one_that_was_dropped_gives_up_its_own() -> None:
    old = relation("b_new", 500)
    before, after = snap(old, relation("b", 400)), snap(relation("b", 500))
    assert why(removed(old.id), before, after, entry("b")) == TRACKED


# The ledger, functions by OID


def test_a_function_is_named_by_its_oid() -> None:
    one, two = function("f", "(integer)", 4711), function("f", "(text)", 4712)
    assert touched(one, entry("4711", "FUNCTION"), beside=(two,)) == TRACKED
    assert touched(two, entry("4711", "FUNCTION"), beside=(one,)) == UNTRACKED


def test_a_dropped_function_is_named_by_the_oid_that_it_had() -> None:
    gone = function("f", "()", 4711)
    assert why(removed(gone.id), snap(gone), snap(), entry("4711", "FUNCTION")) == TRACKED


def test_an_oid_means_a_function_and_nothing_else() -> None:
    other = obj(table_id(), None, 4711)
    assert touched(other, entry("4711", "FUNCTION")) == UNTRACKED
    grant = obj(ident("routine_privilege", "public", "f", "joe", args="()"), None, 0)
    assert touched(grant, entry("0", "FUNCTION")) == UNTRACKED


@pytest.mark.parametrize("forged", ["²", "٤٧١١", "9" * 5000, "-1", "4711 ", "", "f(integer)"])
def test_a_forged_entry_explains_nothing_and_breaks_nothing(forged: str) -> None:
    assert touched(function("f", "()", 4711), entry(forged, "FUNCTION")) == UNTRACKED


def test_an_entry_of_an_earlier_window_is_not_asked_again() -> None:
    # Each look hands over the entries and migrations of its own window alone.
    both = snap(table())
    first = explain([changed(table_id())], Window(both, both, (), ()))
    second = explain([changed(column("id").id)], Window(both, both, (), [migration("2")]))
    assert first[table_id()] == UNTRACKED
    assert table_id() not in second


def test_an_identity_without_an_object_is_untracked_not_an_error() -> None:
    nowhere = changed(ObjectId("column", ("public", "orders", "ghost")))
    assert why(nowhere, snap(), snap(), entry("orders")) == UNTRACKED
