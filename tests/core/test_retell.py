"""Roles and schemas that are called otherwise elsewhere: told as ours, and nothing else with them."""

from __future__ import annotations

from hypothesis import given

from pgdrift.core.alike.retell import Names, names_of, retold
from pgdrift.core.compare import compare
from pgdrift.core.model import Object, Snapshot, Value
from tests.core.build import ident, obj, snap, snapshots

NONE = Names()
TENANT = names_of({}, {"tenant_42": "tenant"})
ROLES = names_of({"app_prod": "app"}, {})


def text_of(text: Value, theirs: Names, ours: Names, *beside: Object) -> Value:
    view = obj(ident("view", "public", "v"), None, definition=text)
    told = retold(snap(view, *beside), theirs, ours)
    return told.objects[view.id].attributes["definition"]


def in_tenant(name: str) -> Object:
    return obj(ident("table", "tenant", name))


# Schemas


def test_a_schema_is_told_in_paths_and_parents() -> None:
    schema = obj(ident("schema", "tenant"))
    table = obj(ident("table", "tenant", "orders"), schema.id, 7, owner="app")
    mapping = obj(ident("function", "public", "f", args="(tenant.orders, integer)"))
    told = retold(snap(schema, table, mapping), NONE, TENANT)
    assert set(map(str, told.objects)) == {
        "schema:tenant_42",
        "table:tenant_42.orders",
        "function:public.f(tenant_42.orders, integer)",
    }
    moved = told.objects[ident("table", "tenant_42", "orders")]
    assert (moved.parent, moved.oid) == (ident("schema", "tenant_42"), 7)


def test_a_schema_is_told_in_texts_by_token() -> None:
    before = "SELECT tenant.orders.id, 'tenant.orders' FROM tenant.orders -- tenant.orders's\n"
    after = "SELECT tenant_42.orders.id, 'tenant.orders' FROM tenant_42.orders -- tenant.orders's\n"
    assert text_of(before, NONE, TENANT, in_tenant("orders")) == after
    assert text_of(after, TENANT, NONE, obj(ident("table", "tenant_42", "orders"))) == before


def test_a_literal_that_names_an_object_is_told() -> None:
    text = "nextval('tenant.orders_id_seq'::regclass) || 'tenant.orders_id_seq'::text"
    told = "nextval('tenant_42.orders_id_seq'::regclass) || 'tenant.orders_id_seq'::text"
    assert text_of(text, NONE, TENANT) == told
    odd = names_of({}, {"O'Neil": "tenant"})
    assert text_of("'tenant.s'::regclass", NONE, odd) == "'\"O''Neil\".s'::regclass"


def test_what_only_looks_like_the_schema_stays() -> None:
    same = [
        "SELECT a.tenant.b",
        "tenant_x.orders + my_tenant.orders",
        "tenant",
        "E'tenant.orders \\' tenant.orders'",
        "$f$ tenant.orders $f$",
        '"Tenant".orders',
        "/* tenant.orders */ 1",
    ]
    for text in same:
        assert text_of(text, NONE, TENANT, in_tenant("orders")) == text


def test_a_column_of_a_table_that_is_named_like_the_schema_stays() -> None:
    text = "SELECT tenant.id FROM tenant.tenant"
    told = "SELECT tenant.id FROM tenant_42.tenant"
    assert text_of(text, NONE, TENANT, in_tenant("tenant")) == told


def test_lists_a_search_path_and_the_schema_of_an_extension_are_told() -> None:
    assert text_of(["a tenant.kind", "b integer"], NONE, TENANT) == [
        "a tenant_42.kind",
        "b integer",
    ]
    assert text_of(["search_path=tenant, pg_temp"], NONE, TENANT) == [
        "search_path=tenant_42, pg_temp"
    ]
    extension = obj(ident("extension", "citext"), None, schema="tenant", version="1")
    told = retold(snap(extension), NONE, TENANT).objects[extension.id]
    assert told.attributes == {"schema": "tenant_42", "version": "1"}


def test_the_same_schema_under_two_names_is_the_same() -> None:
    def database(schema: str) -> Snapshot:
        of = obj(ident("schema", schema))
        table = obj(ident("table", schema, "orders"), of.id)
        seq = f"nextval('{schema}.s'::regclass)"
        column = obj(ident("column", schema, "orders", "id"), table.id, default=seq)
        return snap(of, table, column)

    one, two = (names_of({}, {f"tenant_{n}": "tenant"}) for n in (1, 2))
    assert retold(database("tenant_1"), one, two).root == database("tenant_2").root
    assert retold(database("tenant_1"), one, NONE).root == database("tenant").root
    assert compare(database("tenant_1"), database("tenant_2")).changes


# Roles


def test_a_role_is_told_wherever_it_stands() -> None:
    objects = [
        obj(ident("table", "public", "app"), None, owner="app", comment="app"),
        obj(ident("privilege", "public", "app", "app"), None, privileges=["SELECT"]),
        obj(ident("policy", "public", "t", "app"), None, roles=["PUBLIC", "app", "zed"]),
        obj(
            ident("default_privilege", "app", "public", "tables"),
            None,
            privileges=['"Odd"=SELECT', "app=INSERT WITH GRANT OPTION", "b=SELECT"],
        ),
    ]
    told = retold(snap(*objects), NONE, ROLES)
    assert {str(i): o.attributes for i, o in told.objects.items()} == {
        "table:public.app": {"owner": "app_prod", "comment": "app"},
        "privilege:public.app.app_prod": {"privileges": ["SELECT"]},
        "policy:public.t.app": {"roles": ["PUBLIC", "app_prod", "zed"]},
        "default_privilege:app_prod.public.tables": {
            "privileges": ['"Odd"=SELECT', "app_prod=INSERT WITH GRANT OPTION", "b=SELECT"]
        },
    }


def test_sets_are_sorted_anew_and_odd_roles_are_quoted() -> None:
    odd = names_of({'Z"': "b"}, {})
    policy = obj(ident("policy", "public", "t", "p"), None, roles=["PUBLIC", "a", "b"])
    (told,) = retold(snap(policy), NONE, odd).objects.values()
    assert told.attributes["roles"] == ['"Z"""', "PUBLIC", "a"]


def test_a_privilege_is_no_role() -> None:
    select = names_of({"x": "select"}, {})
    right = obj(ident("privilege", "public", "t", "select"), None, privileges=["SELECT"])
    (told,) = retold(snap(right), NONE, select).objects.values()
    assert (told.id.path[-1], told.attributes["privileges"]) == ("x", ["SELECT"])


# Both


def test_an_object_whose_new_name_is_taken_keeps_its_own() -> None:
    taken = snap(obj(ident("role", "app"), None, login=True), obj(ident("role", "app_prod")))
    told = retold(taken, NONE, ROLES)
    assert set(told.objects) == set(taken.objects)


def test_names_are_told_from_theirs_over_common_ones_to_ours() -> None:
    theirs = names_of({"app_stage": "app", "ops": "ops"}, {})
    role = obj(ident("role", "app_stage"))
    (told,) = retold(snap(role), theirs, ROLES).objects
    assert told.path == ("app_prod",)
    assert list(retold(snap(obj(ident("role", "x"))), theirs, ROLES).objects) == [
        ident("role", "x")
    ]


def test_what_depends_is_told_too() -> None:
    view, table = obj(ident("view", "tenant", "v")), in_tenant("orders")
    one = Snapshot(
        {o.id: o for o in (view, table)},
        frozenset({"view", "table"}),
        150000,
        snap().taken_at,
        dependencies=((view.id, table.id),),
    )
    assert retold(one, NONE, TENANT).dependencies == (
        (ident("view", "tenant_42", "v"), ident("table", "tenant_42", "orders")),
    )


@given(one=snapshots())
def test_no_object_is_lost_and_where_names_are_the_same_nothing_moves(one: Snapshot) -> None:
    assert retold(one, TENANT, TENANT) is one
    assert retold(one, NONE, names_of({}, {"x": "x"})).root == one.root
    schemas = {i.path[0]: f"common {n}" for n, i in enumerate(sorted(one.objects))}
    told = retold(one, names_of({}, dict(list(schemas.items())[:2])), NONE)
    assert len(told.objects) == len(one.objects)
    assert all(o.parent is None or o.parent in told.objects for o in told.objects.values())
