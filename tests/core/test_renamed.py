"""A rename is seen for what it is: for sure by OID, as a candidate by shape, and else not at all."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Object, ObjectId, Renamed, Snapshot
from pgdrift.core.renamed import with_renames
from pgdrift.core.shown.render import change_json, change_markdown, change_text
from tests.core.build import (
    column,
    ident,
    index,
    obj,
    pairs_of_snapshots,
    policy,
    snap,
    table,
    table_id,
)


def renames(before: Snapshot, after: Snapshot, *, one_database: bool = False) -> dict[str, Renamed]:
    changes = compare(before, after).changes
    found = with_renames(changes, before, after, one_database=one_database)
    assert found == changes  # which ride along uncompared
    return {str(c.id): c.renamed for c in found if c.renamed}


def at(oid: int, found: Object) -> Object:
    return replace(found, oid=oid)


def test_one_oid_is_one_object_whatever_else_became_of_it() -> None:
    before = snap(at(7, table("orders")), at(8, table("other")))
    after = snap(at(7, table("purchases", owner="root")), at(8, table("other")))
    assert renames(before, after, one_database=True) == {
        "table:public.orders": Renamed(table_id("purchases"), sure=True),
        "table:public.purchases": Renamed(table_id("orders"), sure=True),
    }


def test_the_oids_of_two_databases_say_nothing() -> None:
    before, after = snap(at(7, table("a"))), snap(at(7, table("b", owner="root")))
    assert renames(before, after) == {}
    assert renames(snap(at(0, table("a"))), snap(table("b", owner="x")), one_database=True) == {}


def test_the_parts_of_one_object_are_not_taken_for_each_other() -> None:
    # Where a part has no more than the OID of the whole.
    whole = at(7, table())
    before = snap(whole, at(7, column("a", type="text")))
    after = snap(whole, at(7, column("b", type="integer")))
    assert renames(before, after, one_database=True) == {}


def test_what_is_alike_in_all_else_is_a_candidate() -> None:
    before = snap(table(), column("id"), column("mail", type="text"))
    after = snap(table(), column("id"), column("email", type="text"))
    assert renames(before, after) == {
        "column:public.orders.mail": Renamed(column("email").id),
        "column:public.orders.email": Renamed(column("mail").id),
    }


def test_what_differs_in_content_or_parent_is_no_candidate() -> None:
    one = snap(table(), column("mail", type="text"))
    assert renames(one, snap(table(), column("email", type="citext"))) == {}
    two = snap(table(), table("other"), column("mail"))
    assert renames(two, snap(table(), table("other"), column("email", "other"))) == {}
    assert renames(snap(table(), index("x")), snap(table(), policy("x"))) == {}


def test_a_guess_among_several_is_none() -> None:
    before = snap(table(), column("a"))
    assert renames(before, snap(table(), column("b"), column("c"))) == {}


def test_where_very_much_differs_nothing_is_guessed() -> None:
    before = snap(*(table(f"a{n}", comment=str(n)) for n in range(201)))
    after = snap(*(table(f"b{n}", comment=str(n)) for n in range(201)))
    assert renames(before, after) == {}
    few = [snap(*(table(f"{x}{n}", comment=str(n)) for n in range(20))) for x in "ab"]
    assert len(renames(*few)) == 40


def _whole(name: str, *, column_type: str = "integer", pkey: str = "") -> list[Object]:
    key = ident("constraint", "public", name, pkey or f"{name}_pkey")
    watch = ident("trigger", "public", name, "watch")
    definition = f"CREATE TRIGGER watch AFTER INSERT ON public.{name} EXECUTE FUNCTION w()"
    return [
        table(name),
        column("id", name, type=column_type),
        obj(key, table_id(name), definition="PRIMARY KEY (id)"),
        obj(watch, table_id(name), definition=definition),
    ]


def test_a_table_is_a_candidate_with_all_that_it_holds() -> None:
    before = snap(*_whole("orders"))
    # Renamed, its key keeps its name; made anew, the key is named after the table.
    assert "table:public.orders" in renames(before, snap(*_whole("purchases")))
    assert renames(before, snap(*_whole("purchases", column_type="bigint"))) == {}
    assert "table:public.orders" in renames(before, snap(*_whole("purchases", pkey="orders_pkey")))
    assert renames(before, snap(*_whole("purchases", pkey="other_key"))) == {}


def test_an_older_server_that_reads_less_hides_no_candidate() -> None:
    before = snap(table(), column("a", compression="lz4"), version=140000)
    assert renames(before, snap(table(), column("b"), version=130000))


@given(sides=pairs_of_snapshots())
def test_every_rename_has_two_halves_that_name_each_other(sides: tuple[Snapshot, Snapshot]) -> None:
    changes = with_renames(compare(*sides).changes, *sides, one_database=True)
    named: dict[ObjectId, Change] = {c.id: c for c in changes if c.renamed}
    for i, change in named.items():
        assert change.renamed
        other = named[change.renamed.id]
        assert other.renamed == Renamed(i, change.renamed.sure)
        assert {change.change.value, other.change.value} == {"added", "removed"}
        assert other.id.kind == i.kind


def test_a_rename_is_told_everywhere() -> None:
    before, after = snap(at(7, table("a"))), snap(at(7, table("b`\x1b", owner="root")))
    changes = compare(before, after).changes
    gone, come = sorted(
        with_renames(changes, before, after, one_database=True), key=lambda c: c.change.value
    )[::-1]
    assert change_text(gone).startswith('- table public.a removed, renamed to public."b`\\u001b"')
    assert change_text(come).split("\n")[0].endswith("added, renamed from public.a")
    assert change_markdown(gone).startswith(
        '- **removed** table `public.a`, renamed to ``public."b`\\u001b"``'
    )
    assert json.loads(json.dumps(change_json(come)))["renamed"] == {
        "kind": "table",
        "name": "public.a",
        "sure": True,
    }
    guess = replace(come, renamed=Renamed(table_id("a")))
    assert ", perhaps renamed from public.a" in change_text(guess)
