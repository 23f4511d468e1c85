"""What only servers of two majors tell differently is no difference; the same on one major is."""

from __future__ import annotations

from itertools import permutations

import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Direction, Object, ObjectId, Snapshot
from pgdrift.core.watched import Watched
from tests.core.build import KINDS, column, ident, obj, snap, table, table_id
from tests.core.environment import Environment

STRICT = Options(server_versions=True)
SEVEN = "DELETE INSERT REFERENCES SELECT TRIGGER TRUNCATE UPDATE".split()
ALL_KINDS = KINDS | {"domain", "default_privilege", "schema_privilege", "routine_privilege"}
ALL_KINDS |= {"range", "subscription"}


def at(major: int, *objects: Object) -> Snapshot:
    return snap(table(), *objects, kinds=ALL_KINDS, version=major * 10000 + 3)


def told(one: Snapshot, other: Snapshot, options: Options = Options()) -> list[str]:  # noqa: B008
    found = normalise(other, options)
    changes = compare(align(normalise(one, options), found, options), found).changes
    return [f"{c.change.value} {c.id}" for c in changes]


def silent(*sides: Snapshot) -> bool:
    return not any(told(one, other) for one, other in permutations(sides, 2))


def grant(who: str, *rights: str) -> Object:
    i = ident("privilege", "public", "orders", who)
    return obj(i, table_id(), privileges=sorted(rights))


def test_maintain_is_no_difference_where_the_other_cannot_have_it() -> None:
    old, new = at(16, grant("bob", *SEVEN)), at(17, grant("bob", *SEVEN, "MAINTAIN"))
    assert silent(old, new, at(13, grant("bob", *SEVEN)), at(18, grant("bob", *SEVEN, "MAINTAIN")))
    assert told(old, new, STRICT) == ["changed privilege:public.orders.bob"]
    assert told(at(17, grant("bob", *SEVEN)), new) == ["changed privilege:public.orders.bob"]


def test_who_has_nothing_but_maintain_has_nothing_there() -> None:
    old, new = at(16), at(17, grant("bob", "MAINTAIN WITH GRANT OPTION"))
    assert silent(old, new)
    assert told(at(17), new) == ["added privilege:public.orders.bob"]
    assert told(old, new, STRICT) == ["added privilege:public.orders.bob"]


def test_every_other_right_is_told_beside_maintain() -> None:
    new = at(17, grant("bob", "SELECT", "MAINTAIN"))
    for old in (at(16, grant("bob", "INSERT")), at(16)):
        for one, other in ((old, new), (new, old)):
            assert len(told(one, other)) == 1
    found = normalise(new, Options())
    (change,) = compare(
        align(normalise(at(16, grant("bob", "INSERT")), Options()), found, Options()), found
    ).changes
    assert change.attributes == {"privileges": (["INSERT", "MAINTAIN"], ["MAINTAIN", "SELECT"])}


def test_an_owner_without_maintain_has_all_where_there_is_none() -> None:
    assert silent(at(16), at(17, grant("app", *SEVEN)))
    less = SEVEN[1:]
    assert silent(at(16, grant("app", *less)), at(17, grant("app", *less, "MAINTAIN")))
    assert told(at(16), at(17, grant("bob", *SEVEN))) == ["added privilege:public.orders.bob"]
    assert told(at(16), at(17, grant("app", *less))) == ["added privilege:public.orders.app"]


def test_maintain_in_default_privileges_is_no_difference_either() -> None:
    def rule(*rights: str) -> Object:
        return obj(ident("default_privilege", "app", "tables"), privileges=list(rights))

    old, new = at(13, rule("bob=SELECT")), at(18, rule("bob=MAINTAIN", "bob=SELECT"))
    assert silent(old, new)
    assert silent(at(13), at(18, rule("bob=MAINTAIN WITH GRANT OPTION")))
    assert told(at(18, rule("bob=SELECT")), new) == ["changed default_privilege:app.tables"]
    # A role may be named so.
    odd = at(18, rule('"x=MAINTAIN"=SELECT'))
    assert told(at(13), odd) == ["added default_privilege:app.tables"]


def not_null(
    name: str = "nn", definition: str = "NOT NULL a", of: ObjectId | None = None
) -> Object:
    i = ident("constraint", "public", (of or table_id()).path[-1], name)
    return obj(i, of or table_id(), type="not null", definition=definition, comment=None)


@pytest.mark.parametrize("definition", ["NOT NULL a", "NOT NULL a NO INHERIT"])
def test_a_named_not_null_is_the_columns_where_it_has_no_name(definition: str) -> None:
    old, new = at(17), at(18, not_null(definition=definition))
    assert silent(old, new)
    assert told(at(18), new) == ["added constraint:public.orders.nn"]
    assert told(old, new, STRICT) == ["added constraint:public.orders.nn"]


def test_one_that_is_not_valid_is_told_everywhere() -> None:
    new = at(18, not_null(definition="NOT NULL a NOT VALID"))
    for old in (at(17), at(18)):
        assert told(old, new) == ["added constraint:public.orders.nn"]


def test_two_given_names_of_not_null_are_told_on_one_major() -> None:
    assert len(told(at(18, not_null("one")), at(18, not_null("two")))) == 2


def test_a_domains_not_null_has_a_name_since_17() -> None:
    d = obj(ident("domain", "public", "d"), ident("schema", "public"), owner="app")
    named = not_null(of=d.id, definition="NOT NULL")
    assert silent(at(16, d), at(17, d, named))
    assert told(at(17, d), at(18, d, named)) == ["added constraint:public.d.nn"]


def test_a_new_table_speaks_for_its_named_not_null() -> None:
    new = at(18, table("t"), not_null(of=table_id("t")))
    assert told(at(17), new) == ["added table:public.t"]
    assert told(new, at(17)) == ["removed table:public.t"]


def multirange(name: str, args: str) -> Object:
    """Return what is left of the rights to a function that came with the range type `r`."""
    i = ident("routine_privilege", "public", name, "PUBLIC", args=args)
    return obj(i, ident("range", "public", "r"), privileges=[])


def test_the_functions_of_a_multirange_come_with_14() -> None:
    made = (obj(ident("schema", "public")), obj(ident("range", "public", "r")))
    new = at(14, *made, multirange("r_multirange", "()"))
    assert silent(at(13, *made), new)
    assert told(at(15, *made), new) == ['added routine_privilege:public.r_multirange."PUBLIC"()']
    assert told(at(13, *made), new, STRICT) != []
    assert len(told(at(13, *made), at(14, *made, multirange("r", "(x)")))) == 1


def subscription(streaming: str) -> Object:
    return obj(ident("subscription", "s"), streaming=streaming)


def test_a_subscription_streams_as_its_major_does_by_default() -> None:
    old, new = at(17, subscription("off")), at(18, subscription("parallel"))
    assert silent(at(14, subscription("off")), old, new)
    assert len(told(old, new, STRICT)) == 1


@pytest.mark.parametrize(("old", "new"), [("parallel", "off"), ("on", "parallel"), ("off", "on")])
def test_a_subscription_that_was_told_how_to_stream_is_told(old: str, new: str) -> None:
    one, other = at(17, subscription(old)), at(18, subscription(new))
    assert told(one, other) == told(other, one) == ["changed subscription:s"]
    assert told(at(17, subscription("off")), at(16, subscription("parallel"))) != []
    assert told(at(18, subscription("off")), at(18, subscription("parallel"))) != []


def public(owner: str, *rights: str, as_initdb: bool = True) -> tuple[Object, Object]:
    i = ident("schema_privilege", "public", "PUBLIC")
    schema = obj(ident("schema", "public"), owner=owner, as_initdb=as_initdb)
    return schema, obj(i, schema.id, privileges=list(rights))


def test_the_schema_public_as_initdb_made_it_is_the_same_on_all_majors() -> None:
    old = at(14, *public("postgres", "CREATE", "USAGE"))
    new = at(15, *public("pg_database_owner", "USAGE"))
    assert silent(old, new)
    assert len(told(old, new, STRICT)) == 2


def test_the_schema_public_of_one_major_is_told() -> None:
    open_, shut = public("postgres", "CREATE", "USAGE"), public("postgres", "USAGE")
    for major in (14, 15):
        assert told(at(major, *open_), at(major, *shut)) == [
            'changed schema_privilege:public."PUBLIC"'
        ]


def test_a_schema_public_that_was_changed_is_told() -> None:
    new = at(15, *public("pg_database_owner", "USAGE"))
    owned = at(14, *public("app", "CREATE", "USAGE", as_initdb=False))
    assert told(owned, new) == told(new, owned) == ["changed schema:public"]
    # What was closed by hand is what is closed since; what was opened since is told.
    assert silent(at(14, *public("postgres", "USAGE")), new)
    opened = at(15, *public("pg_database_owner", "CREATE", "USAGE"))
    assert told(at(14, *public("postgres", "USAGE")), opened) == [
        'changed schema_privilege:public."PUBLIC"'
    ]


def test_an_upgrade_in_place_is_no_drift_and_floods_nothing() -> None:
    env = Environment(Watched("production", follows="staging"))
    old = (grant("bob", *SEVEN), column("a", not_null=True))
    new = (grant("bob", *SEVEN, "MAINTAIN"), column("a", not_null=True), not_null())
    env.upstream = at(13, *old)
    env.look(at(13, *old))
    env.look(at(18, *new))
    for _ in range(2):
        assert env.keys() == env.keys("staging") == []
        assert [e for e in env.events() if e[0] == "changed"] == []
        env.look(at(18, *new))

    env.look(at(18, grant("bob", *SEVEN), *new[1:]))
    assert env.keys() == ["privilege:public.orders.bob"]


def test_who_moved_is_told_across_majors() -> None:
    env = Environment(Watched("production", follows="staging"))
    env.upstream = at(13, grant("bob", *SEVEN))
    env.look(at(18, grant("bob", *SEVEN, "MAINTAIN")))
    env.upstream = at(13, grant("bob", "SELECT"))
    env.look(at(18, grant("bob", *SEVEN, "MAINTAIN")))
    assert [f.direction for f in env.against("staging").findings] == [Direction.BEHIND]
    env.upstream = at(13, grant("bob", *SEVEN))
    env.look(at(18, grant("bob", "SELECT")), hours=24)
    assert [f.direction for f in env.against("staging").findings] == [Direction.AHEAD]


def test_a_name_that_only_the_new_major_has_comes_and_goes_unnoticed_by_the_old() -> None:
    env = Environment(Watched("production", follows="staging"), upstream=at(13))
    env.look(at(18, not_null()))
    env.look(at(18))
    assert env.keys("staging") == []
    assert env.keys() == ["constraint:public.orders.nn"]
