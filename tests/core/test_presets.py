"""What the operator's presets leave out, and what they leave in; it is counted in any case."""

from __future__ import annotations

import pytest
from hypothesis import given

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.alike.presets import MIGRATION_TABLES, Presets, left_out
from pgdrift.core.compare import compare
from pgdrift.core.model import Object, Snapshot, Value
from pgdrift.sources.histories import TOOLS
from tests.core.build import KINDS, column, ident, obj, snap, snapshots, table, table_id

CRON = Presets(extension_schemas=True)


def out(presets: Presets, *objects: Object) -> dict[str, str]:
    found = left_out({o.id: o for o in objects}, presets)
    return {str(i): why for i, why in found.items()}


def partition(name: str, of: str = "public.orders", bound: str | None = "DEFAULT") -> Object:
    return table(name, partition_bound=bound, inherits=[of])


def whole(**attributes: Value) -> Object:
    return table("orders", partition_bound=None, inherits=[], **attributes)


# Partitions


@pytest.mark.parametrize(
    "name", ["orders_p20260101", "orders_p2026_01", "orders_p0", "orders_default"]
)
def test_partitions_that_a_tool_made_are_known_by_their_names(name: str) -> None:
    made = (partition(name), column("id", name))
    gone = {f"table:public.{name}": "of_partitions", f"column:public.{name}.id": "of_partitions"}
    assert out(Presets("generated"), whole(), *made) == gone
    assert out(Presets("parents"), whole(), *made) == gone
    assert out(Presets(), whole(), *made) == {}


@pytest.mark.parametrize(
    "name", ["orders_archive", "orders_p", "orders_px", "other_p20260101", "p0"]
)
def test_a_partition_that_somebody_named_is_compared_unless_parents_alone_are(name: str) -> None:
    assert out(Presets("generated"), whole(), partition(name)) == {}
    assert list(out(Presets("parents"), whole(), partition(name))) == [f"table:public.{name}"]


def test_a_table_that_is_no_partition_is_compared_whatever_its_name() -> None:
    alone = table("orders_p20260101", partition_bound=None, inherits=[])
    assert out(Presets("generated"), alone) == out(Presets("parents"), alone) == {}
    # A child by INHERITS has its parent, but no bound.
    child = partition("orders_p20260101", bound=None)
    assert list(out(Presets("generated"), child)) == ["table:public.orders_p20260101"]
    assert out(Presets("parents"), child) == {}


def test_a_name_that_had_to_be_cut_and_a_name_in_quotes_are_known() -> None:
    long = "o" * 63
    cut = "o" * 53 + "_p20260101"
    assert out(Presets("generated"), partition(cut, of=f"public.{long}"))
    assert out(Presets("generated"), partition("o_p20260101", of=f"public.{long}")) == {}
    assert out(Presets("generated"), partition('A"b_p1', of='public."A""b"'))


def test_tables_can_be_left_out_as_partitions_by_name() -> None:
    event = table("event_2026", inherits=[], partition_bound=None)
    by_name = Presets(partition_names=("public.event_20*",))
    assert list(out(by_name, event, whole())) == ["table:public.event_2026"]
    # Tables alone: a function may be named alike.
    assert out(by_name, obj(ident("function", "public", "event_2026"))) == {}


# Schemas of extensions


def in_cron(name: str, parent: Object | None = None) -> Object:
    return obj(ident("table", "cron", name), parent.id if parent else None, owner="app")


def test_what_an_extension_made_in_its_schema_is_left_out_where_the_extension_is() -> None:
    extension, schema = obj(ident("extension", "pg_cron")), obj(ident("schema", "cron"))
    made = in_cron("log_1", schema)
    held = obj(ident("column", "cron", "log_1", "id"), made.id)
    elsewhere = table("log_1")
    assert out(CRON, extension, schema, made, held, elsewhere) == {
        "table:cron.log_1": "of_extension_schemas",
        "column:cron.log_1.id": "of_extension_schemas",
    }
    # The schema may belong to the extension, and is no object then.
    assert list(out(CRON, extension, in_cron("log_1"))) == ["table:cron.log_1"]
    assert out(CRON, schema, made, held) == {}
    assert out(Presets(), extension, made) == {}


def test_rights_to_an_extension_and_to_its_schema_are_compared() -> None:
    extension = obj(ident("extension", "supabase_vault"))
    right = obj(ident("privilege", "vault", "secrets", "anon"), extension.id, privileges=["SELECT"])
    usage = obj(ident("schema_privilege", "vault", "anon"), extension.id, privileges=["USAGE"])
    assert out(CRON, extension, right, usage) == {}


# Migration tools' tables


def test_the_tables_of_migration_tools_are_those_whose_histories_are_read() -> None:
    ledgers = {"gitversion", "pggit"}
    read = {
        (t.name, t.tables, frozenset(t.columns), t.sole, t.schema)
        for t in TOOLS
        if t.name not in ledgers
    }
    kept = {(t.tool, t.tables, t.columns, t.sole, t.schema) for t in MIGRATION_TABLES}
    assert kept == read
    beside = {name for t in TOOLS for name in (t.lock_table, *t.needs) if name}
    assert beside <= {name for t in MIGRATION_TABLES for name in t.beside}


@pytest.mark.parametrize("tool", MIGRATION_TABLES, ids=lambda t: t.tool)
def test_the_tables_of_a_migration_tool_are_left_out(tool: object) -> None:
    assert isinstance(tool, type(MIGRATION_TABLES[0]))
    own, schema = tool.tables[0], tool.schema or "public"
    objects = [table(own, schema), *(column(c, own, schema) for c in tool.columns)]
    for other in tool.beside:
        objects += [table(other, schema), column("x", other, schema)]
    rest = [table("orders"), column("id")]
    found = out(Presets(migration_tables=True), *objects, *rest)
    assert set(found) == {str(o.id) for o in objects}
    assert out(Presets(), *objects) == {}


def test_a_table_that_is_merely_named_alike_is_compared() -> None:
    mine = [table("schema_migrations"), column("version", "schema_migrations")]
    more = column("author", "schema_migrations")
    on = Presets(migration_tables=True)
    assert out(on, *mine)
    assert out(on, *mine, more) == {}
    assert out(on, table("alembic_version"), column("id", "alembic_version")) == {}
    # What comes beside a tool's table is nothing without it.
    assert out(on, table("ar_internal_metadata"), column("key", "ar_internal_metadata")) == {}


# In the comparison


def test_what_is_left_out_is_no_difference_and_is_counted() -> None:
    before = snap(whole())
    after = snap(whole(), partition("orders_p1"), column("id", "orders_p1"))
    options = Options(presets=Presets("generated"))
    here, there = (normalise(s, options) for s in (before, after))
    assert compare(here, there).changes == ()
    assert there.left_out == {"of_partitions": 2}
    assert here.left_out == {}
    assert len(compare(*(normalise(s, Options()) for s in (before, after))).changes) == 1
    assert set(after.objects) - set(there.objects) == {
        table_id("orders_p1"),
        column("id", "orders_p1").id,
    }


@given(one=snapshots())
def test_without_presets_everything_is_compared(one: Snapshot) -> None:
    assert left_out(one.objects, Presets()) == {}
    every = Presets("parents", ("*",), extension_schemas=True, migration_tables=True)
    gone = left_out(one.objects, every)
    assert all(o.parent not in gone or o.id in gone for o in one.objects.values())
    assert one.kinds <= KINDS
