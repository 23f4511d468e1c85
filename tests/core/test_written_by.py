"""One window, a migration and a change by hand: which entries are the migration's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core.model import (
    Change,
    ChangeType,
    LedgerEntry,
    Migration,
    Object,
    ObjectId,
    Origin,
    Snapshot,
)
from pgdrift.core.why.blame import of_entry
from pgdrift.core.why.history import UNTRACKED, Explanation, Window, explain, unrecorded
from pgdrift.core.why.written_by import by_migrations
from tests.core.build import added, changed, column, ident, index, migration, obj, policy, table

HAND = ("ann", "psql", None)
TOOL = ("deploy", "flyway", "10.0.0.7")


def entry(number: int, transaction: int | None, who: tuple[str | None, ...] = HAND) -> LedgerEntry:
    login, application, address = who
    return LedgerEntry(
        number,
        "TABLE",
        "public",
        "orders",
        "ALTER",
        at=None if transaction else f"2026-11-22 12:00:0{number}",
        who=login,
        xid=(transaction or number * 10) + 1,
        login_role=login if transaction else None,
        application_name=application,
        client_address=address,
        transaction_id=str(transaction) if transaction else None,
    )


def own(
    *entries: LedgerEntry, writers: tuple[int, ...], migrations: tuple[Migration, ...] = ()
) -> set[int]:
    return set(by_migrations(entries, migrations or (migration("2"),), writers))


def test_the_transaction_that_wrote_the_migration_s_row_is_the_migration_s() -> None:
    by_hand, by_tool = entry(1, 100), entry(2, 200, TOOL)
    assert own(by_hand, by_tool, writers=(200,)) == {2}
    assert own(by_hand, by_tool, writers=(100,)) == {1}
    assert own(by_hand, by_tool, writers=(201,)) == {2}, "a part of the transaction has its own id"


def test_another_transaction_of_the_same_client_is_not() -> None:
    assert own(entry(1, 100), entry(2, 200), writers=(200,)) == {2}


def test_a_row_that_was_written_alone_is_of_what_was_changed_right_before() -> None:
    first, by_hand, second = entry(1, 100, TOOL), entry(2, 200), entry(3, 300, TOOL)
    assert own(first, by_hand, second, writers=(310,)) == {1, 3}
    assert own(first, by_hand, writers=(210,)) == {2}
    assert own(first, by_hand, writers=(110,)) == {1}


def test_who_applied_the_migration_says_more_than_what_came_right_before() -> None:
    by_tool, by_hand = entry(1, 100, TOOL), entry(2, 200)
    applied = (replace(migration("2"), by="deploy"),)
    assert own(by_tool, by_hand, writers=(210,), migrations=applied) == {1}
    nobody = (replace(migration("2"), by="Some Tool 1.0"),)
    assert own(by_tool, by_hand, writers=(210,), migrations=nobody) == {2}


def test_where_nothing_tells_two_apart_all_is_the_migration_s() -> None:
    assert own(entry(1, 100), entry(2, 100), writers=(500,)) == {1, 2}
    assert own(entry(1, 100), entry(2, 200, TOOL), writers=()) == {1, 2}
    assert by_migrations([entry(1, 100)], (), (100,)) == frozenset()


def test_a_ledger_without_transactions_tells_them_by_their_start_and_role() -> None:
    one, two = entry(1, None), entry(2, None)
    assert own(one, two, writers=(21,)) == {2}
    assert own(one, replace(two, at=one.at), writers=(21,)) == {1, 2}


@pytest.mark.parametrize("forged", ["²", "9" * 5000, "-1", "", "x"])
def test_a_forged_transaction_breaks_nothing(forged: str) -> None:
    assert own(replace(entry(1, 100), transaction_id=forged), entry(2, 200), writers=(200,)) == {2}


# What an entry with an identity names


def told(
    kind: str, *names: str, args: tuple[str, ...] = (), number: int = 1, transaction: int = 100
) -> LedgerEntry:
    at = entry(number, transaction)
    return replace(at, object_kind=kind, address_names=names, address_args=args, object_type="X")


def snap(*objects: Object, depends: tuple[tuple[ObjectId, ObjectId], ...] = ()) -> Snapshot:
    from tests.core.build import snap as plain

    return replace(plain(*objects), dependencies=depends)


def why(change: Change, both: Snapshot, *entries: LedgerEntry, **more: object) -> Explanation:
    window = Window(both, both, entries, complete=True, identities=True, **more)  # type: ignore[arg-type]
    return explain([change], window)[change.id]


@pytest.mark.parametrize(
    ("path", "args", "said"),
    [
        (("table", "public", "orders"), "", told("table", "public", "orders")),
        (("foreign_table", "s", "f"), "", told("foreign table", "s", "f")),
        (("column", "s", "t", "c"), "", told("table column", "s", "t", "c")),
        (("column", "s", "t", "c"), "", told("default value", "s", "t", "c")),
        (("constraint", "s", "t", "k"), "", told("table constraint", "s", "t", "k")),
        (("constraint", "s", "D", "k"), "", told("domain constraint", 's."D"', args=("k",))),
        (("enum", "s", "a.b"), "", told("type", 's."a.b"')),
        (("function", "s", "f"), "(integer, text)",
         told("function", "s", "f", args=("integer", "pg_catalog.text"))),
        (("foreign_server", "w"), "", told("server", "w")),
        (("user_mapping", "w", "ann"), "", told("user mapping", "ann", args=("w",))),
        (("operator_class", "s", "o", "btree"), "", told("operator class", "btree", "s", "o")),
        (("cast", "text", "s.d"), "", told("cast", "pg_catalog.text", args=("s.d",))),
        (("default_privilege", "ann", "s", "tables"), "",
         told("default acl", "ann", "s", args=("tables",))),
        (("text_search_parser", "s", "p"), "", told("text search parser", "s", "p")),
    ],
    ids=lambda v: v.object_kind if isinstance(v, LedgerEntry) else "",
)  # fmt: skip
def test_an_identity_names_its_object(path: tuple[str, ...], args: str, said: LedgerEntry) -> None:
    i = ObjectId(path[0], path[1:], args)
    other = ObjectId("policy", ("public", "elsewhere", "p"))
    both = snap(obj(i), obj(other))
    assert why(changed(i), both, said) == Explanation(Origin.TRACKED, of_entry(said))
    assert why(changed(other), both, said) == UNTRACKED


def test_of_two_routines_of_one_name_that_with_the_arguments_is_named() -> None:
    one, two = (ident("function", "s", "f", args=a) for a in ("(integer)", "(text)"))
    both, said = snap(obj(one), obj(two)), told("function", "s", "f", args=("text",))
    assert why(changed(one), both, said) == UNTRACKED
    assert why(changed(two), both, said).origin is Origin.TRACKED


GRANT = obj(ident("privilege", "public", "orders", "joe"), table().id)


@pytest.mark.parametrize("part", [GRANT, index("i"), column("id")], ids=lambda o: o.id.kind)
def test_what_is_told_by_its_whole_is_named_with_it(part: Object) -> None:
    both, said = snap(table(), part), told("table", "public", "orders")
    assert why(changed(part.id), both, said).origin is Origin.TRACKED


def test_a_column_has_an_entry_of_its_own_beside_its_table_s() -> None:
    # A migration adds one column, and somebody the other: each is whose it is.
    entries = (
        told("table", "public", "orders", number=1, transaction=100),
        told("table column", "public", "orders", "planned", number=2, transaction=100),
        told("table", "public", "orders", number=3, transaction=200),
        told("table column", "public", "orders", "hotfix", number=4, transaction=200),
    )
    planned, hotfix = column("planned"), column("hotfix")
    both = snap(table(), planned, hotfix)
    more = {"migrations": (migration("2"),), "writers": (100,)}
    assert why(added(planned.id), both, *entries, **more).origin is Origin.MIGRATION
    assert why(added(hotfix.id), both, *entries, **more).origin is Origin.TRACKED
    # Nobody can say whose the table is: so it is not the migration's alone.
    assert why(changed(table().id), both, *entries, **more).origin is Origin.TRACKED


VIEW = obj(ident("view", "public", "v"), ident("schema", "public"))


def test_a_text_that_moved_with_what_it_refers_to_is_named_by_that() -> None:
    renamed = told("table column", "public", "orders", "id")
    both = snap(table(), column("id"), VIEW, depends=((VIEW.id, column("id").id),))
    assert why(changed(VIEW.id), both, renamed).origin is Origin.TRACKED
    assert why(added(VIEW.id), both, renamed) == UNTRACKED, "it does not come with that"
    schema = told("schema", "public")
    depends = ((VIEW.id, ident("schema", "public")),)
    both = snap(obj(ident("schema", "public")), VIEW, depends=depends)
    assert why(changed(VIEW.id), both, schema) == UNTRACKED


def test_a_migration_explains_nothing_that_a_complete_ledger_is_silent_on() -> None:
    both = snap(table(), policy("p"), obj(ident("role", "joe")))
    said = told("table", "public", "orders")
    more = {"migrations": (migration("2"),)}
    other = changed(policy("p").id, using=("a", "b"))
    assert why(other, both, said, **more) == UNTRACKED
    # No ledger can hear of a role.
    assert why(changed(ident("role", "joe")), both, said, **more).origin is Origin.MIGRATION
    changes = [changed(i, comment=(None, "b")) for i in both.objects]
    silent = unrecorded(changes, Window(both, both, [said], complete=True, identities=True))
    assert [c.id for c in silent] == [policy("p").id]


def test_another_owner_alone_is_nothing_that_a_ledger_must_have_heard_of() -> None:
    right = obj(ident("table_privilege", "public", "items", "joe"), table("items").id)
    both = snap(table("items"), right)
    said = told("table", "public", "orders")
    given = changed(table("items").id, owner=("ann", "joe"))
    taken = Change(right.id, ChangeType.REMOVED, {})
    window = Window(both, both, [said], [migration("2")], complete=True, identities=True)
    assert unrecorded([given, taken], window) == ()
    assert {e.origin for e in explain([given, taken], window).values()} == {Origin.MIGRATION}
    assert unrecorded([taken], window) == (taken,), "a right alone is heard of"
