"""Why did it change? Migrations explain a window, ledger entries the object that they name."""

from __future__ import annotations

import pytest

from pgdrift.core.history import UNTRACKED, Explanation, applied, explain, missing
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


def entry(
    name: str, type_: str = "TABLE", schema: str = "public", who: str = "ann", number: int = 1
) -> LedgerEntry:
    return LedgerEntry(number, type_, schema, name, "ALTER", "2026-11-22 12:00:00", who)


def why(
    change: Change, before: Snapshot, after: Snapshot, *entries: LedgerEntry
) -> Explanation | None:
    return explain([change], before, after, entries, ())[change.id]


def touched(found: Object, *entries: LedgerEntry, beside: tuple[Object, ...] = ()) -> Explanation:
    """Explain a change of an object that was there before and after, among others."""
    both = snap(found, *beside)
    return explain([changed(found.id)], both, both, entries, ())[found.id]


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


def test_a_row_that_went_away_explains_nothing() -> None:
    assert applied([flyway(migration("1"), migration("2"))], [flyway(migration("1"))]) == ()


def test_missing_counts_what_the_upstream_applied_and_we_did_not() -> None:
    here = [flyway(migration("1"), migration("9"))]
    there = [flyway(migration("1"), migration("2"), migration("3"))]
    assert missing(here, there) == 2
    assert missing(there, here) == 1
    assert missing(here, here) == 0


def test_missing_counts_no_migration_that_failed_or_waits() -> None:
    there = [flyway(migration("1"), migration("2", failed=True), migration("3", applied=False))]
    assert missing([flyway(migration("1"))], there) == 0
    assert missing([flyway(migration("1", failed=True))], there) == 1


def test_missing_is_not_known_without_a_tool_on_both_sides() -> None:
    alembic = History("alembic", "public.alembic_version", (migration("a1"),))
    assert missing([flyway(migration("1"))], [alembic]) is None
    assert missing([], []) is None
    assert missing([flyway()], [alembic, flyway(migration("1"))]) == 1


# A window


def test_a_migration_explains_every_change_of_its_window() -> None:
    both = snap(table(), column("id"), policy("p"))
    changes = [changed(i) for i in both.objects]
    found = explain(changes, both, both, (), [migration("2"), migration("3")])
    blame = Blame(Confidence.WINDOW, migration="2, 3")
    assert found == {c.id: Explanation(Origin.MIGRATION, blame) for c in changes}


def test_a_ledger_says_who_ran_the_migration() -> None:
    both = snap(table(), policy("p"))
    changes = [changed(i) for i in both.objects]
    found = explain(changes, both, both, [entry("orders")], [migration("2")])
    assert found[table_id()] == Explanation(
        Origin.MIGRATION, Blame(Confidence.EXACT, who="ann", migration="2")
    )
    assert found[policy("p").id].blame == Blame(Confidence.WINDOW, migration="2")


def test_what_nothing_explains_is_untracked() -> None:
    assert touched(table()) == UNTRACKED
    assert Explanation(Origin.UNTRACKED, Blame(Confidence.WINDOW)) == UNTRACKED


def test_no_changes_need_no_explanation() -> None:
    assert explain([], snap(), snap(), [entry("orders")], [migration("1")]) == {}


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


def test_an_entry_on_an_index_does_not_explain_its_table() -> None:
    assert touched(table(), entry("i", "INDEX"), beside=(index("i"),)) == UNTRACKED


def test_a_label_that_nobody_knows_is_tolerated() -> None:
    assert touched(table(), entry("orders", "BRANCH")) in (TRACKED, UNTRACKED)


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
    first = explain([changed(table_id())], both, both, (), ())
    second = explain([changed(column("id").id)], both, both, (), [migration("2")])
    assert first[table_id()] == UNTRACKED
    assert table_id() not in second


def test_an_identity_without_an_object_is_untracked_not_an_error() -> None:
    nowhere = changed(ObjectId("column", ("public", "orders", "ghost")))
    assert why(nowhere, snap(), snap(), entry("orders")) == UNTRACKED
