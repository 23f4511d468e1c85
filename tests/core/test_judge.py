"""How grave a change is: what it touches, who moved, whether it is protected, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pgdrift.core import kinds
from pgdrift.core.ignore import Ignore
from pgdrift.core.judge import Grade, Policy, class_of, ignored, judge, severity
from pgdrift.core.model import (
    Blame,
    Change,
    ChangeClass,
    Confidence,
    Direction,
    Finding,
    ObjectId,
    Origin,
    Severity,
)
from pgdrift.core.why.history import Explanation
from tests.core.build import (
    NOW,
    added,
    after,
    changed,
    column,
    finding,
    ident,
    policy,
    removed,
    table_id,
)

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
LOUD = [
    ChangeClass.SECURITY,
    ChangeClass.STRUCTURE,
    ChangeClass.BEHAVIOUR,
    ChangeClass.PERFORMANCE,
]
MOVED = [Direction.AHEAD, Direction.DIVERGED, Direction.CHANGED]
CLASSES = {
    "table": {
        "": ChangeClass.STRUCTURE,
        "owner": ChangeClass.SECURITY,
        "options": ChangeClass.PERFORMANCE,
        "comment": ChangeClass.COSMETIC,
    },
    "policy": {"": ChangeClass.SECURITY, "comment": ChangeClass.COSMETIC},
    "index": {"": ChangeClass.PERFORMANCE, "comment": ChangeClass.COSMETIC},
}


def judged(
    *changes: Change,
    direction: Direction = Direction.CHANGED,
    why: Mapping[ObjectId, Explanation] | None = None,
    before: Sequence[Finding] = (),
    by: Policy | None = None,
    now: datetime = NOW,
) -> tuple[Finding, ...]:
    known = {f.key: f for f in before}
    return judge(changes, lambda _: direction, why or {}, known, by or Policy(), now)


# Severity


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("cls", LOUD)
@pytest.mark.parametrize("moved", MOVED)
def test_a_move_is_a_warning_and_critical_where_it_is_protected(
    cls: ChangeClass, moved: Direction, late: bool
) -> None:
    assert severity(cls, moved, protected=False, late=late) is WARNING
    assert severity(cls, moved, protected=True, late=late) is CRITICAL


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("cls", LOUD)
def test_waiting_for_promotion_is_normal_until_it_is_late(
    cls: ChangeClass, protected: bool
) -> None:
    assert severity(cls, Direction.BEHIND, protected=protected) is INFO
    grave = protected and cls is ChangeClass.SECURITY
    late = severity(cls, Direction.BEHIND, protected=protected, late=True)
    assert late is (CRITICAL if grave else WARNING)


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("cls", LOUD)
def test_where_nobody_knows_who_moved_it_is_a_warning(cls: ChangeClass, protected: bool) -> None:
    """But for security where it is protected, which has a severity of its own."""
    grave = protected and cls is ChangeClass.SECURITY
    assert severity(cls, Direction.UNKNOWN, protected=protected) is (CRITICAL if grave else WARNING)


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("moved", [*MOVED, Direction.UNKNOWN, Direction.BEHIND])
def test_what_only_looks_different_is_for_information(moved: Direction, protected: bool) -> None:
    assert severity(ChangeClass.COSMETIC, moved, protected=protected) is INFO


# Class


def test_a_change_has_the_gravest_class_of_what_it_touches() -> None:
    touch = dict.fromkeys(("comment", "options", "owner"), (1, 2))
    assert class_of(changed(table_id(), **touch), CLASSES) is ChangeClass.SECURITY
    del touch["owner"]
    assert class_of(changed(table_id(), **touch), CLASSES) is ChangeClass.PERFORMANCE
    del touch["options"]
    assert class_of(changed(table_id(), **touch), CLASSES) is ChangeClass.COSMETIC


def test_the_classes_are_in_order_of_concern() -> None:
    for graver, lighter in zip(list(ChangeClass)[:-1], list(ChangeClass)[1:], strict=True):
        classes = {"x": {"a": lighter, "b": graver}}
        assert class_of(changed(ident("x", "n"), a=(1, 2), b=(1, 2)), classes) is graver


def test_coming_and_going_has_the_class_of_the_kind() -> None:
    # Whatever its attributes are: an index with a comment is an index.
    i = ident("index", "public", "i")
    assert class_of(added(i, comment="hi"), CLASSES) is ChangeClass.PERFORMANCE
    assert class_of(removed(policy("p").id, comment="hi"), CLASSES) is ChangeClass.SECURITY


def test_what_comes_or_goes_with_a_telling_attribute_set_has_its_class() -> None:
    classes = {"function": {"": ChangeClass.BEHAVIOUR, "+definer": ChangeClass.SECURITY}}
    i = ident("function", "public", "f", args="()")
    for turn in (added, removed):
        assert class_of(turn(i, definer=True, owner="app"), classes) is ChangeClass.SECURITY
        assert class_of(turn(i, definer=False, owner="app"), classes) is ChangeClass.BEHAVIOUR
        assert class_of(turn(i, definer=None, owner="app"), classes) is ChangeClass.BEHAVIOUR


def test_a_routine_that_runs_with_the_rights_of_its_owner_is_a_matter_of_security() -> None:
    for kind in ("function", "procedure"):
        i = ident(kind, "public", "f", args="()")
        for definer, cls in ((True, ChangeClass.SECURITY), (False, ChangeClass.BEHAVIOUR)):
            new = added(i, security_definer=definer, owner="app", settings=["x=1"])
            assert class_of(new, kinds.classes()) is cls


@pytest.mark.parametrize("turn", [added, removed])
def test_a_policy_that_comes_or_goes_with_its_table_is_a_matter_of_security(turn: Any) -> None:
    plain = (column("id").id, ident("trigger", "public", "orders", "t"))
    assert class_of(turn(table_id(), *plain), kinds.classes()) is ChangeClass.STRUCTURE
    found = turn(table_id(), *plain, policy("p").id)
    assert class_of(found, kinds.classes()) is ChangeClass.SECURITY
    quiet = Grade(INFO, classes=(ChangeClass.SECURITY,))
    by = Policy(protected=True, classes=kinds.classes())
    (late,) = judged(found, direction=Direction.UNKNOWN, by=by)
    assert (late.cls, late.severity) == (ChangeClass.SECURITY, CRITICAL)
    (told,) = judged(
        found,
        direction=Direction.UNKNOWN,
        by=Policy(protected=True, classes=kinds.classes(), severity=[quiet]),
    )
    # The table itself came or went, too.
    assert told.severity is WARNING


@pytest.mark.parametrize(
    ("kind", "grantee", "cls"),
    [
        ("privilege", "PUBLIC", ChangeClass.SECURITY),
        ("column_privilege", "PUBLIC", ChangeClass.SECURITY),
        ("privilege", "app", ChangeClass.STRUCTURE),
        # A role of that name, as its path has it.
        ("privilege", '"PUBLIC"', ChangeClass.STRUCTURE),
    ],
)
def test_a_new_table_that_is_open_to_all_is_a_matter_of_security(
    kind: str, grantee: str, cls: ChangeClass
) -> None:
    grant = ident(kind, "public", "orders", grantee)
    assert class_of(added(table_id(), column("id").id, grant), kinds.classes()) is cls


def test_what_every_new_routine_and_type_is_by_default_is_no_matter_of_security() -> None:
    new = ident("function", "public", "f", args="()")
    grant = ident("routine_privilege", "public", "f", "PUBLIC", args="()")
    assert class_of(added(new, grant), kinds.classes()) is ChangeClass.BEHAVIOUR
    definer = added(new, grant, security_definer=True)
    assert class_of(definer, kinds.classes()) is ChangeClass.SECURITY
    grant = ident("type_privilege", "public", "mood", "PUBLIC")
    mood = added(ident("enum", "public", "mood"), grant)
    assert class_of(mood, kinds.classes()) is ChangeClass.STRUCTURE


def test_of_rights_only_those_of_each_new_object_count_not_with_what_they_belong_to() -> None:
    part = [k for k in kinds.KINDS if k.cls is ChangeClass.SECURITY and k.parent]
    # A database does not come or go while it is watched, and a role is such a matter itself.
    part = [k for k in part if not k.cluster and not k.database]
    open_anyway = {"type_privilege", "routine_privilege", "language_privilege"}
    assert {k.name for k in part if not k.within} == open_anyway


def test_what_no_table_names_is_structure_or_as_its_kind() -> None:
    assert class_of(changed(ident("unheard_of", "x"), a=(1, 2)), CLASSES) is ChangeClass.STRUCTURE
    assert class_of(added(ident("unheard_of", "x")), {}) is ChangeClass.STRUCTURE
    assert class_of(changed(policy("p").id, new=(1, 2)), CLASSES) is ChangeClass.SECURITY


def test_a_finding_carries_class_severity_and_direction() -> None:
    (found,) = judged(
        changed(policy("p").id), direction=Direction.AHEAD, by=Policy(True, classes=CLASSES)
    )
    assert (found.cls, found.severity) == (ChangeClass.SECURITY, CRITICAL)
    assert found.direction is Direction.AHEAD


# Promotion lag


@pytest.mark.parametrize(
    ("seen_before", "late"),
    [
        (timedelta(), False),
        (timedelta(hours=24, microseconds=-1), False),
        (timedelta(hours=24), True),
        (timedelta(days=3), True),
    ],
)
def test_it_is_late_from_the_end_of_the_lag_on(seen_before: timedelta, late: bool) -> None:
    change = changed(table_id())
    old = finding(change, INFO, Direction.BEHIND, first_seen=NOW - seen_before)
    (found,) = judged(change, direction=Direction.BEHIND, before=[old])
    assert found.late is late
    assert found.severity is (WARNING if late else INFO)


def test_without_any_lag_allowed_it_is_late_at_once() -> None:
    (found,) = judged(
        changed(table_id()), direction=Direction.BEHIND, by=Policy(promotion_lag=timedelta())
    )
    assert found.late


@pytest.mark.parametrize("moved", [*MOVED, Direction.UNKNOWN])
def test_only_what_waits_for_promotion_can_be_late(moved: Direction) -> None:
    old = finding(changed(table_id()), direction=moved, first_seen=after(days=-9))
    (found,) = judged(changed(table_id()), direction=moved, before=[old])
    assert not found.late


# Rules of the operator


@pytest.mark.parametrize(
    ("glob", "key", "covered"),
    [
        ("index:public.tmp_*", "index:public.tmp_1", True),
        ("index:public.tmp_*", "index:public.tmp_", True),
        ("index:public.tmp_*", "index:other.tmp_1", False),
        ("index:public.tmp_*", "table:public.tmp_1", False),
        ("*:audit.*", "policy:audit.log.p", True),
        ("*:audit.*", "policy:public.audit.x", False),
        ("table:public.t?", "table:public.t1", True),
        ("table:public.t?", "table:public.t", False),
        ("table:public.[ab]", "table:public.b", True),
        ("table:public.orders", "table:public.orders2", False),
        ("table:public.orders", "table:public.ORDERS", False),
        ('table:public."Order"', 'table:public."Order"', True),
        ('table:*"', 'table:public."line\nfeed"', True),
        ("function:public.f(*)", "function:public.f(integer, text)", True),
        ("function:public.f(integer[], text[])", "function:public.f(integer[], text[])", True),
        ("function:public.f(integer[[][]], *)", "function:public.f(integer[], text[])", True),
        ('table:public."a[b]*"', 'table:public."a[b]*"', True),
        ('table:public."a[b]"', 'table:public."ab"', True),
    ],
)
def test_a_rule_is_a_glob_over_kind_and_name(glob: str, key: str, covered: bool) -> None:
    assert Ignore(glob, "why").covers(key, NOW.date()) is covered


@pytest.mark.parametrize(
    ("today", "holds"),
    [(date(2027, 1, 30), True), (date(2027, 1, 31), True), (date(2027, 2, 1), False)],
)
def test_a_rule_holds_on_its_last_day_and_no_longer(today: date, holds: bool) -> None:
    assert Ignore("*", "why", date(2027, 1, 31)).covers("table:public.t", today) is holds


def test_what_a_rule_covers_is_no_finding_while_it_holds() -> None:
    rule = Ignore("table:*", "why", date(2026, 11, 22))
    changes = [changed(table_id()), changed(policy("p").id)]
    by = Policy(ignore=[rule])
    last = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    assert [f.change.id.kind for f in judged(*changes, by=by, now=last)] == ["policy"]
    found = judged(*changes, by=by, now=last + timedelta(seconds=1))
    assert {f.change.id.kind for f in found} == {"policy", "table"}


def test_what_the_rules_leave_out_is_counted_by_rule() -> None:
    over, until = Ignore("policy:*", "why", date(2026, 11, 21)), date(2026, 11, 22)
    tables, orders = Ignore("table:*", "why", until), Ignore("table:public.orders", "why")
    by = Policy(ignore=[over, tables, orders, Ignore("view:*", "why")])
    changes = [changed(table_id()), added(table_id("b")), changed(policy("p").id)]
    assert ignored(changes, by, NOW) == (2, {"table:*": 2})
    assert ignored(changes, by, after(days=1)) == (1, {"table:public.orders": 1})
    assert ignored(changes, Policy(), NOW) == (0, {})


@pytest.mark.parametrize("days", [0, 1])
def test_every_change_is_a_finding_or_counted_as_ignored(days: int) -> None:
    rules = [Ignore("*:public.o*", "why", date(2026, 11, 22)), Ignore("policy:*", "why")]
    by, now = Policy(ignore=rules), after(days=days)
    changes = [changed(table_id()), changed(table_id("x")), changed(policy("p").id)]
    counted, _ = ignored(changes, by, now)
    assert len(judged(*changes, by=by, now=now)) + counted == len(changes)


def test_a_rule_for_an_attribute_leaves_the_others_of_the_same_change_told() -> None:
    rule = Ignore("table:*", "why", attributes=("comment", "opt*"))
    change = changed(table_id(), owner=("app", "root"), comment=("a", "b"), options=([], ["x"]))
    (found,) = judged(change, by=Policy(ignore=[rule]))
    assert found.change.attributes == {"owner": ("app", "root")}
    assert ignored([change], Policy(ignore=[rule]), NOW) == (1, {"table:* [comment, opt*]": 1})


def test_a_change_of_which_rules_leave_nothing_is_no_finding() -> None:
    rules = [Ignore("*", "why", attributes=("comment",)), Ignore("*", "why", attributes=("owner",))]
    change = changed(table_id(), owner=("app", "root"), comment=("a", "b"))
    assert judged(change, by=Policy(ignore=rules)) == ()
    assert ignored([change], Policy(ignore=rules), NOW) == (1, {"* [comment]": 1, "* [owner]": 1})


@pytest.mark.parametrize("turn", [added, removed])
def test_a_rule_for_an_attribute_says_nothing_of_what_comes_or_goes(turn: Any) -> None:
    by = Policy(ignore=[Ignore("*", "why", attributes=("owner",))])
    assert len(judged(turn(table_id(), owner="app"), by=by)) == 1
    assert ignored([turn(table_id(), owner="app")], by, NOW) == (0, {})


def test_a_rule_for_an_attribute_ends_with_its_last_day() -> None:
    by = Policy(ignore=[Ignore("*", "why", date(2026, 11, 22), ("owner",))])
    assert judged(changed(table_id()), by=by) == ()
    assert len(judged(changed(table_id()), by=by, now=after(days=1))) == 1


# Severity by rule


def graded(*rules: Grade, direction: Direction = Direction.CHANGED, **pairs: Any) -> Severity:
    """Return how grave a change of a table is in a protected environment."""
    by = Policy(protected=True, severity=rules, classes=CLASSES)
    (found,) = judged(changed(table_id(), **pairs), by=by, direction=direction)
    return found.severity


def test_the_first_rule_that_is_for_a_change_decides_how_grave_it_is() -> None:
    assert graded(owner=(1, 2)) is CRITICAL
    assert graded(Grade(INFO, "index:*"), owner=(1, 2)) is CRITICAL
    assert graded(Grade(INFO, "table:*"), owner=(1, 2)) is INFO
    assert graded(Grade(WARNING, "table:*"), Grade(INFO), owner=(1, 2)) is WARNING


def test_a_rule_can_be_for_attributes_classes_and_directions() -> None:
    assert graded(Grade(INFO, attributes=("opt*",)), options=(1, 2)) is INFO
    assert graded(Grade(INFO, attributes=("opt*",)), owner=(1, 2)) is CRITICAL
    assert graded(Grade(WARNING, classes=(ChangeClass.COSMETIC,)), comment=(1, 2)) is WARNING
    behind = Grade(WARNING, directions=(Direction.BEHIND,))
    assert graded(behind, owner=(1, 2), direction=Direction.BEHIND) is WARNING
    assert graded(behind, owner=(1, 2)) is CRITICAL


def test_a_rule_for_one_attribute_takes_no_weight_from_the_others() -> None:
    quiet = Grade(INFO, attributes=("options",))
    assert graded(quiet, options=(1, 2), owner=(1, 2)) is CRITICAL
    loud = Grade(CRITICAL, attributes=("comment",))
    assert graded(loud, comment=(1, 2)) is CRITICAL


def test_a_rule_for_an_attribute_is_not_for_what_comes_or_goes() -> None:
    by = Policy(protected=True, severity=[Grade(INFO, attributes=("*",))], classes=CLASSES)
    (found,) = judged(added(policy("p").id, owner="app"), by=by)
    assert found.severity is CRITICAL


# What lasts


EXPLAINED = Explanation(Origin.TRACKED, Blame(Confidence.EXACT, who="ann"))


def test_a_new_finding_is_first_seen_now() -> None:
    (found,) = judged(changed(table_id()))
    assert found.first_seen == NOW


def test_a_finding_that_lasts_keeps_when_and_why_it_came_about() -> None:
    change = changed(table_id())
    (first,) = judged(change, why={change.id: EXPLAINED})
    (second,) = judged(change, before=[first], now=after(hours=1))
    assert second == first
    assert (second.origin, second.blame.who) == (Origin.TRACKED, "ann")


def test_a_finding_that_moved_again_keeps_when_it_was_first_seen_but_not_why() -> None:
    (first,) = judged(changed(table_id(), a=(1, 2)), why={table_id(): EXPLAINED})
    (second,) = judged(changed(table_id(), a=(1, 3)), before=[first], now=after(hours=1))
    assert second.first_seen == NOW
    assert (second.origin, second.blame) == (None, Blame())


def test_the_latest_explanation_counts() -> None:
    change = changed(table_id())
    (first,) = judged(change, why={change.id: EXPLAINED})
    newer = Explanation(Origin.UNTRACKED, Blame(Confidence.WINDOW))
    (second,) = judged(change, why={change.id: newer}, before=[first])
    assert (second.origin, second.blame) == (newer.origin, newer.blame)


def test_a_finding_that_was_gone_is_first_seen_anew() -> None:
    change = changed(table_id())
    (first,) = judged(change)
    other = judged(changed(policy("p").id), before=[first], now=after(hours=1))
    (again,) = judged(change, before=other, now=after(hours=2))
    assert again.first_seen == after(hours=2)


def test_the_gravest_comes_first_then_security_then_kind_and_name() -> None:
    cosmetic = changed(table_id("a"), comment=(1, 2))
    performance = changed(table_id("b"), options=(1, 2))
    security = [changed(i, owner=(1, 2)) for i in (table_id("d"), table_id("c"))]
    found = judged(
        cosmetic,
        changed(column("x").id),
        performance,
        *security,
        by=Policy(protected=True, classes=CLASSES),
    )
    assert [(f.severity, f.cls, f.key) for f in found] == [
        (CRITICAL, ChangeClass.SECURITY, "table:public.c"),
        (CRITICAL, ChangeClass.SECURITY, "table:public.d"),
        (CRITICAL, ChangeClass.STRUCTURE, "column:public.orders.x"),
        (CRITICAL, ChangeClass.PERFORMANCE, "table:public.b"),
        (INFO, ChangeClass.COSMETIC, "table:public.a"),
    ]


def test_every_change_is_asked_for_its_own_direction() -> None:
    who = {table_id(): Direction.AHEAD, policy("p").id: Direction.BEHIND}
    found = judge([changed(i) for i in who], who.__getitem__, {}, {}, Policy(), NOW)
    assert {f.change.id: f.direction for f in found} == who
