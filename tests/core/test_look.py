"""What a look concludes, from the first look at an environment to the end of an incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pgdrift.core.alerts.route import Route
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.presets import Presets
from pgdrift.core.alike.retell import names_of
from pgdrift.core.book import Book
from pgdrift.core.ignore import Ignore
from pgdrift.core.judge import Policy
from pgdrift.core.look import Conclusion, Upstream, Watched, seen
from pgdrift.core.model import (
    LEDGER,
    REACH,
    SYNC,
    ChangeType,
    Confidence,
    Direction,
    Ledger,
    LedgerEntry,
    LedgerMark,
    Origin,
    Outcome,
    Reading,
    Severity,
    Snapshot,
)
from pgdrift.core.shown.render import blame_words, headline
from pgdrift.core.standing import remembered
from tests.core.build import KINDS, NOW, column, ident, obj, policy, snap, table, table_id
from tests.core.environment import Environment

BASE = snap(table(), column("id"))
BY_HAND = snap(table(), column("id"), column("tmp"))
TMP = "column:public.orders.tmp"
HOURLY = Route(["chat"], repeat=timedelta(hours=1))
NO_POLICY = KINDS - {"policy"}
WHY = {"policy": "permission denied for table pg_policy"}
TO_CHAT = Watched("production", routes=[Route(["chat"])])


def entry(name: str, who: str = "ann") -> LedgerEntry:
    return LedgerEntry(1, "TABLE", "public", name, "ALTER", None, who)


def following(protected: bool = False) -> Environment:
    """Production after a first look, in sync with the staging that it follows."""
    by = Policy(protected)
    made = Environment(Watched("production", "staging", by, routes=[Route(["chat"])]))
    made.upstream = BASE
    made.look(BASE)
    return made


# The first look


def test_the_first_look_makes_a_sync_point_of_what_is_there() -> None:
    production = Environment(TO_CHAT)
    first = production.look(BASE)
    assert first.step.sync_point
    assert first.step.sync_point.at == production.now
    assert first.step.snapshot is BASE
    assert first.standing.outcome is Outcome.IN_SYNC
    assert first.standing.sync_point == first.step.sync_point
    assert production.told == []
    assert production.events() == [
        ("looked_first", "first look, 2 objects: taken as the sync point")
    ]
    assert first.changed == {}


def test_the_second_look_makes_no_other_and_keeps_little() -> None:
    production = Environment()
    production.look(BASE)
    second = production.look(BASE).step
    assert (second.sync_point, second.snapshot, second.expected) == (None, None, None)
    assert (second.events, second.notices, second.incidents) == ((), (), ())
    assert second.based_on == 1


def test_before_any_look_the_outcome_is_unknown() -> None:
    standing = remembered(Watched("production"), Book("production"))
    assert (standing.outcome, standing.reason) == (Outcome.UNKNOWN, "not looked at yet")


def test_after_a_restart_the_last_known_state_is_shown() -> None:
    production = Environment()
    production.look(BASE)
    last = production.look(BY_HAND).standing
    shown = remembered(production.watched, production.book)
    assert replace(shown, not_compared=last.not_compared, notes=last.notes) == last


# Against the own sync point


def test_an_unexplained_change_is_drift() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    found = production.look(BY_HAND)
    (finding,) = production.against().findings
    assert (finding.key, finding.direction) == (TMP, Direction.CHANGED)
    assert finding.origin is Origin.UNTRACKED
    assert finding.first_seen == production.now
    assert found.standing.outcome is Outcome.DRIFTED
    assert found.changed == {Origin.UNTRACKED: 1}
    assert production.reasons() == ["first"]
    assert [v for v, _ in production.events()] == ["changed", "opened"]
    said = dict(production.events())["opened"]
    assert said.startswith("production has drifted"), "the verb says the rest"


def test_drift_is_told_once_while_it_lasts() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    for _ in range(5):
        production.look(BY_HAND)
    assert production.reasons() == ["first"]
    assert len(production.open()) == 1
    assert production.against().findings[0].first_seen == NOW + timedelta(hours=2)


def test_drift_is_repeated_as_its_route_says() -> None:
    production = Environment(Watched("production", routes=[HOURLY]))
    production.look(BASE)
    production.look(BY_HAND)
    production.look(BY_HAND, minutes=59)
    production.look(BY_HAND, minutes=1)
    assert production.reasons() == ["first", "repeat"]


def test_drift_that_is_undone_is_resolved() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    back = production.look(BASE)
    assert back.standing.outcome is Outcome.IN_SYNC
    assert production.reasons() == ["first", "resolved"]
    assert production.open() == []


def test_a_change_that_a_migration_explains_is_expected() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    found = production.look(BY_HAND, migrated="V2")
    assert found.standing.outcome is Outcome.IN_SYNC
    assert found.changed == {Origin.MIGRATION: 1}
    assert production.told == []
    # And going back is now the change that nobody explains.
    production.look(BASE)
    assert production.keys() == [TMP]


RECORDED = frozenset({Origin.MIGRATION, Origin.TRACKED})


def test_a_change_that_the_ledger_names_is_expected_where_that_is_enough() -> None:
    production = Environment(replace(TO_CHAT, explained_by=RECORDED))
    production.look(BASE)
    found = production.look(BY_HAND, entry("orders"))
    assert found.standing.outcome is Outcome.IN_SYNC
    assert found.changed == {Origin.TRACKED: 1}


def test_the_ledger_moves_what_it_names_and_nothing_else() -> None:
    production = Environment(Watched("production", explained_by=RECORDED))
    production.look(snap(table("a"), table("b"), policy("p", "a")))
    production.look(snap(table("a", owner="x"), table("b", owner="x")), entry("a"))
    # An entry on a table says nothing of its policies.
    assert production.keys() == ["policy:public.a.p", "table:public.b"]


def test_where_only_migrations_explain_a_ledger_does_not() -> None:
    production = Environment()
    production.look(BASE)
    production.look(BY_HAND, entry("orders"))
    (finding,) = production.against().findings
    assert (finding.origin, finding.blame.who) == (Origin.TRACKED, "ann")


def test_the_next_migration_launders_no_change_by_hand() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    migrated = snap(table(), column("id"), column("tmp"), column("new"))
    production.look(migrated, migrated="V2")
    production.look(snap(*migrated.objects.values(), column("newer")), migrated="V3")
    assert production.keys() == [TMP]
    assert production.against().findings[0].origin is Origin.UNTRACKED
    assert production.reasons() == ["first"]


def test_a_migration_of_one_look_does_not_explain_the_change_of_the_next() -> None:
    production = Environment()
    production.look(BASE)
    production.look(BASE, migrated="V2")
    production.look(BY_HAND)
    assert production.keys() == [TMP]


def test_a_migration_that_drops_what_was_made_by_hand_ends_the_drift() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    production.look(BASE, migrated="V2")
    assert production.keys() == []
    assert production.reasons() == ["first", "resolved"]


def test_a_migration_that_drops_a_table_takes_its_parts_along() -> None:
    production = Environment()
    production.look(BASE)
    production.look(snap(), migrated="V2")
    assert production.keys() == []
    production.look(BASE)
    assert production.keys() == ["table:public.orders"]


def test_a_declared_sync_point_resolves() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    production.sync()
    found = production.look(BY_HAND)
    assert found.standing.outcome is Outcome.IN_SYNC
    assert found.step.based_on == 2
    assert production.reasons() == ["first", "resolved"]
    production.look(BASE)
    assert production.keys() == [TMP]


def test_the_order_of_columns_is_no_finding_unless_asked_for() -> None:
    one = snap(table(), column("a", position=1), column("b", position=2))
    two = snap(table(), column("a", position=2), column("b", position=1))
    calm, strict = Environment(), Environment(Watched("p", options=Options(column_order=True)))
    for production in (calm, strict):
        production.look(one)
        production.look(two)
    assert calm.keys() == []
    assert calm.last
    assert calm.last.changed == {}
    assert strict.keys() == ["column:public.orders.a", "column:public.orders.b"]


def test_a_rule_of_the_operator_leaves_a_finding_out() -> None:
    rule = Ignore("column:*.tmp", "by hand, for the audit", NOW.date())
    production = Environment(Watched("production", policy=Policy(ignore=[rule])))
    production.look(BASE)
    production.look(BY_HAND)
    assert production.keys() == []
    production.look(BY_HAND, days=1)
    assert production.keys() == [TMP]
    assert production.against().findings[0].first_seen == production.now


def test_a_protected_environment_is_critical_at_once() -> None:
    production = Environment(Watched("production", policy=Policy(protected=True)))
    production.look(BASE)
    production.look(BY_HAND)
    assert production.open()[0].severity is Severity.CRITICAL


def test_the_timeline_names_what_changed_but_not_without_end() -> None:
    production = Environment()
    production.look(snap())
    found = production.look(snap(*(table(f"t{n}") for n in range(250))))
    changes = [e for e in found.step.events if e.verb == "changed"]
    assert len(changes) == 201
    assert changes[0].subject == "table:public.t0"
    assert changes[-1].text == "and 50 more objects"


# Against an upstream


def test_an_environment_and_its_upstream_agree_at_first_look_where_they_are_equal() -> None:
    production = following()
    assert production.against("staging").outcome is Outcome.IN_SYNC
    assert production.book.agreed
    assert production.book.agreed_with == "staging"


def test_what_the_upstream_moved_is_waiting_for_promotion() -> None:
    production = following()
    production.upstream = BY_HAND
    production.look(BASE)
    (finding,) = production.against("staging").findings
    assert (finding.direction, finding.severity) == (Direction.BEHIND, Severity.INFO)
    assert not finding.late
    assert production.keys() == []
    # Nobody is told of what is normal.
    assert [to for _, to in production.told] == [()]


def test_what_waits_for_too_long_is_told_as_late() -> None:
    production = following()
    production.upstream = BY_HAND
    production.look(BASE)
    production.look(BASE, hours=23)
    assert production.reasons("staging") == ["first"]
    production.look(BASE, hours=1)
    (finding,) = production.against("staging").findings
    assert finding.late
    # It became worse, and chat hears of it for the first time.
    assert production.reasons("staging") == ["first", "worse", "first"]
    assert production.heard() == [("first", ()), ("worse", ()), ("first", ("chat",))]


def test_a_hotfix_is_ahead_and_critical_where_it_is_protected() -> None:
    production = following(protected=True)
    production.look(BY_HAND)
    (finding,) = production.against("staging").findings
    assert (finding.direction, finding.severity) == (Direction.AHEAD, Severity.CRITICAL)
    assert finding.origin is Origin.UNTRACKED


def test_both_moved_apart_is_diverged() -> None:
    production = following()
    production.upstream = snap(table(owner="x"), column("id"))
    production.look(snap(table(owner="y"), column("id")))
    assert [f.direction for f in production.against("staging").findings] == [Direction.DIVERGED]


def test_a_promotion_resolves_and_is_agreed_on() -> None:
    production = following()
    production.upstream = BY_HAND
    production.look(BASE)
    production.look(BY_HAND, migrated="V2")
    assert production.against("staging").outcome is Outcome.IN_SYNC
    production.look(BASE)
    assert production.against("staging").findings[0].direction is Direction.AHEAD


def test_what_never_agreed_is_unknown_and_says_so() -> None:
    production = Environment(Watched("production", "staging"))
    production.upstream = BY_HAND
    production.look(BASE)
    assert [f.direction for f in production.against("staging").findings] == [Direction.UNKNOWN]


def test_what_was_agreed_with_another_upstream_says_nothing_of_this_one() -> None:
    production = following()
    production.watched = replace(production.watched, follows="development")
    production.upstream = BY_HAND
    production.look(BASE)
    assert [f.direction for f in production.against("development").findings] == [Direction.UNKNOWN]
    assert production.book.agreed_with == "development"


def test_an_unknown_upstream_keeps_the_last_findings_and_resolves_nothing() -> None:
    production = following()
    production.look(BY_HAND)
    before = production.against("staging").findings
    production.upstream, production.upstream_reason = None, "staging was not looked at yet"
    agreed = production.book.agreed
    production.look(BASE)
    against = production.against("staging")
    assert (against.outcome, against.findings) == (Outcome.UNKNOWN, before)
    assert against.reason == "staging was not looked at yet"
    assert production.reasons("staging") == ["first"]
    assert production.book.agreed is agreed
    # The own sync point is another question, and has its answer.
    assert production.reasons() == ["first", "resolved"]


def test_an_environment_is_never_clean_while_its_upstream_is_unknown() -> None:
    production = following()
    production.upstream_reason = "staging cannot be looked at"
    found = production.look(BASE)
    assert found.standing.outcome is Outcome.UNKNOWN
    assert "staging" in found.standing.reason
    assert found.step.outcome is Outcome.UNKNOWN
    production.look(BY_HAND)
    assert production.last
    assert production.last.standing.outcome is Outcome.DRIFTED


def test_a_known_upstream_again_settles_what_was_left_open() -> None:
    production = following()
    production.look(BY_HAND)
    production.upstream_reason = "staging cannot be looked at"
    production.look(BASE)
    production.upstream_reason = ""
    production.look(BASE)
    assert production.reasons("staging") == ["first", "resolved"]


def test_the_order_of_columns_makes_no_direction() -> None:
    one = snap(column("a", position=1))
    production = Environment(Watched("production", "staging"))
    production.upstream = one
    production.look(snap(column("a", position=9)))
    assert production.against("staging").outcome is Outcome.IN_SYNC
    production.upstream = snap(column("a", position=1, type="text"))
    production.look(snap(column("a", position=9)))
    assert [f.direction for f in production.against("staging").findings] == [Direction.BEHIND]


# An environment that cannot be looked at


def test_a_failed_look_is_unknown_and_told_once() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    seen_at = production.now
    for number in (1, 2, 3):
        found = production.fail()
        assert (found.standing.outcome, found.standing.reason) == (
            Outcome.UNKNOWN,
            "no route to host",
        )
        assert found.step.failures == number
        assert found.standing.seen_at == seen_at
        assert found.standing.looked_at == production.now
    assert production.reasons(REACH) == ["first"]
    assert [n.incident.detail for n, _ in production.told] == ["no route to host"]


def test_a_failed_look_is_in_the_timeline_once() -> None:
    production = Environment()
    production.look(BASE)
    verbs = [[e.verb for e in production.fail().step.events] for _ in range(3)]
    assert verbs == [["unknown", "opened"], [], []]


def test_a_failed_look_resolves_nothing_and_hides_nothing() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    before = production.against().findings
    production.fail()
    assert production.against().findings == before
    assert production.against().outcome is Outcome.UNKNOWN
    assert production.reasons() == ["first"]
    assert len(production.open()) == 1
    assert production.book.snapshot == BY_HAND


def test_being_seen_again_resolves_that_alone() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    production.fail()
    back = production.look(BY_HAND)
    assert production.reasons(REACH) == ["first", "resolved"]
    assert production.reasons() == ["first"]
    assert back.step.failures == 0
    assert back.standing.outcome is Outcome.DRIFTED


def test_what_happened_while_nobody_could_look_is_seen_after_it() -> None:
    production = Environment()
    production.look(BASE)
    production.fail()
    production.look(BY_HAND)
    assert production.keys() == [TMP]


def test_a_migration_while_nobody_could_look_explains_what_it_did() -> None:
    production = Environment()
    production.look(BASE)
    production.fail()
    production.look(BY_HAND, migrated="V2")
    assert production.keys() == []


@pytest.mark.parametrize("protected", [False, True])
def test_silence_is_graver_where_it_is_protected(protected: bool) -> None:
    production = Environment(Watched("production", policy=Policy(protected)))
    production.fail()
    expected = Severity.CRITICAL if protected else Severity.WARNING
    assert production.open(REACH)[0].severity is expected


def test_an_environment_that_was_never_seen_can_be_unknown_too() -> None:
    production = Environment()
    found = production.fail()
    assert found.standing.outcome is Outcome.UNKNOWN
    assert (found.standing.seen_at, found.standing.against) == (None, ())
    production.look(BASE)
    assert production.reasons(REACH) == ["first", "resolved"]
    assert production.book.sync_point


# Whom to tell


def test_channels_that_were_told_hear_the_end_even_when_no_route_leads_there_any_more() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    production.watched = replace(production.watched, routes=[Route(["mail"])])
    production.look(BASE)
    assert production.heard() == [("first", ("chat",)), ("resolved", ("chat",))]


def test_the_channels_of_a_notice_are_the_channels_of_its_incident() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(BY_HAND)
    ((notice, to),) = production.told
    assert notice.incident.channels == tuple(a.channel for a in to) == ("chat",)
    (incident,) = production.open()
    assert {t.channel for t in incident.threads} == {"", "chat"}
    assert replace(incident, threads=()) == notice.incident


# Passing on


def test_gate_and_histories_and_mark_are_kept() -> None:
    mark = LedgerMark("sys/db/oid", 700, frozenset({1}))
    production = Environment()
    found = production.look(BASE, migrated="V1").step
    assert found.gate == "gate"
    assert found.histories
    assert [m.version for m in found.histories[0].migrations] == ["V1"]
    reading = Reading(BASE, "g", Ledger("gitversion", "core", tracking=True, mark=mark))
    assert seen(Watched("p"), Book("p"), reading, None, NOW).step.mark == mark


def test_what_no_reader_covers_and_notes_are_passed_on() -> None:
    reading = Reading(BASE, "g", None, (), {"text_search": 3}, ("policy not read",))
    standing = seen(Watched("p"), Book("p"), reading, None, NOW).standing
    assert standing.not_compared == {"text_search": 3}
    assert standing.notes == ("policy not read",)


def test_a_kind_that_is_read_for_the_first_time_is_no_drift() -> None:
    production = Environment()
    production.look(snap(table(), kinds=KINDS - {"policy"}))
    found: Conclusion = production.look(snap(table(), policy("p")))
    assert production.keys() == []
    assert found.changed == {}


def test_an_attribute_that_is_read_for_the_first_time_is_no_drift() -> None:
    production = Environment()
    production.look(snap(table()))
    production.look(snap(table(row_security=True)))
    assert production.keys() == []
    assert table_id() in production.book.snapshot.objects  # type: ignore[union-attr]


def test_a_new_version_of_the_server_is_no_drift() -> None:
    production = Environment()
    production.look(BASE)
    upgraded = snap(*BASE.objects.values(), version=180000)
    found = production.look(upgraded)
    assert found.standing.outcome is Outcome.IN_SYNC
    assert found.standing.server_version == 180000


def test_sync_is_the_name_of_the_own_yardstick() -> None:
    production = following()
    assert production.last
    assert [a.yardstick for a in production.last.standing.against] == [SYNC, "staging", LEDGER]
    assert isinstance(production.book.snapshot, Snapshot)


# What could not be read, and what is no longer asked


def test_a_kind_that_can_no_longer_be_read_resolves_nothing() -> None:
    production = Environment(TO_CHAT)
    production.look(snap(table(), policy("p")))
    production.look(snap(table()))
    assert production.keys() == ["policy:public.orders.p"]
    production.look(snap(table(), kinds=NO_POLICY, unread=WHY))
    assert production.reasons() == ["first"]
    assert production.keys() == ["policy:public.orders.p"]


def test_an_environment_of_which_a_kind_could_not_be_read_is_not_clean() -> None:
    production = Environment(TO_CHAT)
    production.look(snap(table(), policy("p")))
    found = production.look(snap(table(), kinds=NO_POLICY, unread=WHY))
    assert found.standing.outcome is Outcome.UNKNOWN
    assert "policy" in found.standing.reason


def test_an_upstream_of_which_a_kind_could_not_be_read_resolves_nothing() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream = snap(table(), policy("p"))
    production.look(snap(table(), policy("p")))
    production.look(snap(table()))
    production.upstream = snap(table(), kinds=NO_POLICY, unread=WHY)
    production.look(snap(table()))
    assert production.reasons("staging") == ["first"]
    assert production.against("staging").outcome is not Outcome.IN_SYNC


def test_what_the_sync_point_never_held_is_a_first_sight_and_then_watched() -> None:
    # A right is granted, or a new version reads more.
    production = Environment(TO_CHAT)
    production.look(snap(table(), kinds=NO_POLICY, unread=WHY))
    found = production.look(snap(table(), policy("p"), policy("q")))
    assert not found.standing.not_compared
    assert production.against().outcome is Outcome.IN_SYNC
    production.look(snap(table(), policy("p")))
    assert [f.change.change for f in production.against().findings] == [ChangeType.REMOVED]


def test_being_seen_again_is_in_the_timeline() -> None:
    production = Environment()
    production.look(BASE)
    production.fail()
    found = production.look(BASE)
    assert [e.verb for e in found.step.events] == ["seen_again", "resolved"]


def test_the_lag_is_counted_from_when_it_fell_behind() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream = snap(table(owner="a"))
    production.look(snap(table(owner="a")))
    production.look(snap(table(owner="b")))  # a hotfix: ahead
    production.upstream = snap(table(owner="c"))
    production.look(snap(table(owner="a")), days=3)  # taken back; the upstream moved just now
    (finding,) = production.against("staging").findings
    assert (finding.direction, finding.late) == (Direction.BEHIND, False)


def test_what_the_upstream_could_not_read_is_counted_as_not_compared() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream = snap(table(), kinds=NO_POLICY)
    found = production.look(snap(table(), policy("p")))
    assert found.standing.not_compared == {"policy": 1}


def test_an_incident_against_what_is_no_longer_followed_comes_to_an_end() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream = BASE
    production.look(BASE)
    production.look(BY_HAND)
    assert len(production.open("staging")) == 1
    production.watched = replace(production.watched, follows=None)
    production.look(BY_HAND)
    assert production.open("staging") == []
    assert production.reasons("staging") == ["first", "resolved"]


def test_so_it_does_when_another_upstream_is_followed() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream = BASE
    production.look(BASE)
    production.look(BY_HAND)
    production.watched = replace(production.watched, follows="development")
    production.look(BY_HAND)
    assert production.open("staging") == []


def test_a_migration_launders_no_attribute_that_was_changed_by_hand() -> None:
    production = Environment(TO_CHAT)
    production.look(snap(table(owner="app", rls=True)))
    production.look(snap(table(owner="app", rls=False)))  # by hand
    production.look(snap(table(owner="root", rls=False)), migrated="V2")
    (finding,) = production.against().findings
    assert finding.change.attributes == {"rls": (True, False)}


def test_a_migration_does_not_bless_an_object_that_was_made_by_hand() -> None:
    production = Environment(TO_CHAT)
    production.look(snap())
    production.look(snap(table(owner="app")))  # by hand
    production.look(snap(table(owner="root")), migrated="V2")
    assert production.keys() == ["table:public.orders"]


def test_an_explained_drop_of_a_table_ends_the_drift_of_its_parts() -> None:
    production = Environment(TO_CHAT)
    production.look(BY_HAND)
    production.look(BASE)  # somebody drops the column
    assert production.keys() == ["column:public.orders.tmp"]
    production.look(snap(), migrated="V2")
    assert production.keys() == []
    assert production.reasons() == ["first", "resolved"]


def test_beside_what_could_not_be_read_drift_is_drift() -> None:
    production = Environment(TO_CHAT)
    production.look(snap(table(), policy("p")))
    production.look(snap(table()))
    production.look(snap(table(), column("tmp"), kinds=NO_POLICY, unread=WHY))
    assert production.against().outcome is Outcome.DRIFTED
    assert set(production.keys()) == {TMP, "policy:public.orders.p"}
    production.look(snap(table(), policy("p")))
    assert production.reasons() == ["first", "changed", "resolved"]


def test_the_end_of_an_incident_that_is_no_longer_asked_for_is_said_as_it_is() -> None:
    production = following()
    production.look(BY_HAND)
    production.watched = replace(production.watched, follows=None)
    production.look(BY_HAND)
    notice, to = production.told[-1]
    assert headline(notice) == "production no longer follows staging"
    assert [a.channel for a in to] == ["chat"]


def test_what_one_side_alone_read_is_counted_beside_what_no_reader_covers() -> None:
    reading = Reading(snap(table(), policy("p")), "g", not_compared={"cast": 1, "policy": 5})
    upstream = Upstream("staging", snap(table(), kinds=NO_POLICY))
    found = seen(Watched("p", "staging"), Book("p"), reading, upstream, NOW)
    assert found.standing.not_compared == {"cast": 1, "policy": 5}


# Both migrated within one interval


def _read_at(snapshot: Snapshot, at: datetime) -> Snapshot:
    return replace(snapshot, taken_at=at)


def test_what_changed_here_waits_for_a_later_look_at_the_upstream() -> None:
    """A pipeline that migrates both is no hotfix: nothing is said until the upstream was seen."""
    production = Environment(replace(TO_CHAT, follows="staging"))
    old, new = snap(table()), snap(table(), column("added"))
    production.upstream, production.upstream_seen_at = old, production.now
    production.look(_read_at(old, production.now))

    changed_at = production.now + timedelta(hours=1)
    found = production.look(_read_at(new, changed_at))
    assert found.waits
    assert production.against("staging").outcome is Outcome.UNKNOWN
    assert production.reasons("staging") == []

    production.upstream, production.upstream_seen_at = new, changed_at + timedelta(seconds=1)
    found = production.look(_read_at(new, changed_at), seconds=2)
    assert not found.waits
    assert production.against("staging").outcome is Outcome.IN_SYNC
    assert production.reasons("staging") == []


def test_a_hotfix_is_told_once_the_upstream_was_seen_without_it() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    old, new = snap(table()), snap(table(), column("added"))
    production.upstream, production.upstream_seen_at = old, production.now
    production.look(_read_at(old, production.now))
    changed_at = production.now + timedelta(hours=1)
    production.look(_read_at(new, changed_at))
    production.upstream_seen_at = changed_at + timedelta(seconds=1)
    production.look(_read_at(new, changed_at), seconds=2)
    assert production.reasons("staging") == ["first"]
    (finding,) = production.against("staging").findings
    assert finding.direction is Direction.AHEAD
    assert (finding.origin, finding.blame.confidence) == (Origin.UNTRACKED, Confidence.WINDOW)


def test_who_did_what_was_held_back_is_told_however_long_it_waited() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    old, new = snap(table()), snap(table(owner="root"))
    production.upstream, production.upstream_seen_at = old, production.now
    production.look(_read_at(old, production.now))
    changed_at = production.now + timedelta(minutes=1)
    production.look(_read_at(new, changed_at), entry("orders"), minutes=1)
    production.look(_read_at(new, changed_at), minutes=1)
    assert production.keys("staging") == []
    production.upstream_seen_at = changed_at + timedelta(seconds=1)
    for _ in range(2):
        production.look(_read_at(new, changed_at), minutes=1)
        (finding,) = production.against("staging").findings
        assert (finding.origin, finding.blame.who) == (Origin.TRACKED, "ann")
    assert production.against("staging").held == ()


def test_who_did_it_is_told_of_what_changed_while_the_upstream_was_unknown() -> None:
    production = following()
    production.upstream_reason = "staging cannot be looked at"
    other = snap(*BASE.objects.values(), table("other"))
    assert not production.look(other, entry("other", "ben")).waits
    assert not production.look(snap(*other.objects.values(), column("tmp")), entry("orders")).waits
    production.upstream_reason = ""
    production.look(snap(*other.objects.values(), column("tmp")))
    told = {f.key: f.blame.who for f in production.against("staging").findings}
    assert told == {TMP: "ann", "table:public.other": "ben"}
    assert {f.origin for f in production.against("staging").findings} == {Origin.TRACKED}


def test_what_fell_behind_since_it_was_held_back_is_nobodys_here() -> None:
    production = following()
    production.upstream_reason = "staging cannot be looked at"
    production.look(BY_HAND, entry("orders"))
    production.look(BASE, entry("orders"))
    production.upstream_reason, production.upstream = "", BY_HAND
    production.look(BASE)
    (finding,) = production.against("staging").findings
    assert (finding.direction, finding.origin) == (Direction.BEHIND, None)


def test_what_is_behind_is_blamed_on_whoever_changed_the_upstream() -> None:
    staging, production = Environment(Watched("staging")), following()
    staging.look(BASE)
    lines = staging.look(BY_HAND, entry("orders", who="ann")).step.events
    other = (*BY_HAND.objects.values(), table("other"))
    staging.look(snap(*other), entry("other", who="ben"))
    production.look(BASE)
    production.upstream = BY_HAND
    production.upstream_events = (*staging.last.step.events, *lines) if staging.last else ()
    production.look(BASE)
    (finding,) = production.against("staging").findings
    assert (finding.direction, finding.blame.who) == (Direction.BEHIND, "ann")
    assert blame_words(finding).startswith("upstream: by ann")
    production.upstream_events = ()
    production.look(BASE)
    assert production.against("staging").findings[0].blame == finding.blame, "it lasts"


def test_a_first_look_that_waits_is_unknown_and_settles_no_agreement() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    old, new = snap(table()), snap(table(), column("added"))
    production.upstream, production.upstream_seen_at = old, production.now
    read_at = production.now + timedelta(minutes=1)
    production.look(_read_at(new, read_at), minutes=1)
    assert production.against("staging").outcome is Outcome.UNKNOWN
    production.upstream, production.upstream_seen_at = new, read_at + timedelta(seconds=1)
    production.look(_read_at(new, read_at), seconds=1)
    assert production.against("staging").outcome is Outcome.IN_SYNC


def test_what_comes_and_goes_all_the_time_hides_no_hotfix() -> None:
    """A job that makes and drops tables at each look waits alone."""
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream, production.upstream_seen_at = snap(table()), production.now
    production.look(_read_at(snap(table()), production.now))
    for turn in range(6):
        at = production.now + timedelta(minutes=1)
        passing = table(f"etl_{turn}")
        production.look(_read_at(snap(table(), column("hotfix"), passing), at), minutes=1)
        production.upstream_seen_at = at + timedelta(seconds=10)
    assert production.keys("staging") == [str(column("hotfix").id)]
    assert production.reasons("staging") == ["first"]


def test_what_moves_the_gate_and_no_object_makes_nothing_wait() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream, production.upstream_seen_at = snap(table()), production.now
    production.look(_read_at(snap(table()), production.now))
    for _ in range(3):
        at = production.now + timedelta(minutes=1)
        found = production.look(_read_at(snap(table()), at), minutes=1)
        assert (found.waits, found.step.snapshot) == (False, None)


def test_a_clock_that_was_set_back_makes_nothing_wait_for_long() -> None:
    production = Environment(replace(TO_CHAT, follows="staging"))
    production.upstream, production.upstream_seen_at = snap(table()), production.now
    ahead = production.now + timedelta(days=1)
    assert not production.look(_read_at(snap(table(), column("new")), ahead)).waits


# What could be read only now, or not this time


def test_an_attribute_that_is_read_for_the_first_time_is_watched_from_then_on() -> None:
    """A new release reads more of each object: the first sight of it is what is expected."""
    production = Environment()
    production.look(replace(snap(table()), format=0))
    production.look(snap(table(row_security=True)))
    assert production.against().outcome is Outcome.IN_SYNC
    production.look(snap(table(row_security=False)))
    assert [f.change.attributes for f in production.against().findings] == [
        {"row_security": (True, False)}
    ]


def test_a_history_that_cannot_be_read_for_once_is_not_forgotten() -> None:
    production = Environment()
    kept = table("history")
    production.look(snap(table(), kept), migrated="1")
    known = production.book
    reading = Reading(snap(table(), kept), "gate")
    conclusion = seen(production.watched, known, reading, None, production.now)
    assert conclusion.step.histories == known.histories

    gone = Reading(snap(table()), "gate")
    assert seen(production.watched, known, gone, None, production.now).step.histories == ()


def test_a_rule_that_is_switched_on_later_makes_no_difference_with_the_past() -> None:
    """A migration's columns stand where they stand, also while order does not count."""
    first, both = column("a", position=1), column("b", position=2)
    production = Environment()
    production.look(snap(table(), first))
    production.look(snap(table(), column("a", position=2), column("b", position=1)), migrated="1")
    production.watched = replace(production.watched, options=Options(column_order=True))
    production.look(snap(table(), column("a", position=2), column("b", position=1)))
    assert production.against().outcome is Outcome.IN_SYNC
    production.look(snap(table(), first, both))
    assert len(production.against().findings) == 2


def test_what_cannot_be_judged_is_told_once_also_where_the_rest_is_seen() -> None:
    """Law 3: unknown has an alert of its own, and what was told is ended when it is known again."""
    production = Environment(TO_CHAT)
    production.look(snap(table()))
    for _ in range(3):
        production.look(snap(table(), kinds=NO_POLICY, unread=WHY))
    assert production.reasons("reach") == ["first"]
    assert production.open("reach")[0].detail.startswith("in part: policy not read")
    production.look(snap(table()))
    assert production.reasons("reach") == ["first", "resolved"]


def test_an_upstream_that_is_no_environment_is_missed_aloud() -> None:
    production = Environment(replace(TO_CHAT, follows="staging.json"))
    production.upstream_reason = "the snapshot file cannot be used: it was cut"
    production.look(snap(table()))
    assert production.reasons("reach") == ["first"]
    assert "it was cut" in production.open("reach")[0].detail


# Names, presets


def test_what_the_upstream_calls_otherwise_is_told_as_it_is_called_here() -> None:
    names = names_of({"app_prod": "app"}, {"tenant_42": "tenant"})
    e = Environment(Watched("production", follows="staging", names=names))
    e.upstream = snap(table("orders", "tenant", owner="app"))
    e.look(snap(table("orders", "tenant_42", owner="app_prod")))
    assert e.against("staging").outcome is Outcome.IN_SYNC

    e.look(snap(table("orders", "tenant_42", owner="root")))
    (found,) = e.against("staging").findings
    assert (found.key, found.direction) == ("table:tenant_42.orders", Direction.AHEAD)
    assert found.change.attributes == {"owner": ("app_prod", "root")}
    assert found.origin is Origin.UNTRACKED

    e.look(snap(table("orders", "tenant_42", owner="app_prod")))
    e.upstream = snap(table("orders", "tenant", owner="other"))
    e.look(snap(table("orders", "tenant_42", owner="app_prod")))
    (found,) = e.against("staging").findings
    assert found.direction is Direction.BEHIND


def test_on_what_a_preset_leaves_out_nobody_agrees() -> None:
    part = table("orders_p1", partition_bound="DEFAULT", inherits=["public.orders"])
    leave_out = Options(presets=Presets("parents"))
    e = Environment(Watched("production", follows="staging", options=leave_out))
    e.upstream = snap(table())
    assert e.look(snap(table(), part)).standing.not_compared == {"of_partitions": 1}
    assert e.against("staging").outcome is Outcome.IN_SYNC

    # Once it is compared, nobody says that the upstream dropped what it never had.
    e.watched = replace(e.watched, options=Options())
    e.look(snap(table(), part))
    (found,) = e.against("staging").findings
    assert found.direction is not Direction.BEHIND


def test_what_rules_leave_out_is_counted_by_rule_and_resolves_nothing_else() -> None:
    rules = (Ignore("table:*", "why", attributes=("comment",)),)
    e = Environment(Watched("production", policy=Policy(ignore=rules)))
    e.look(snap(table(comment=None)))
    e.look(snap(table(owner="root", comment="x")))
    against = e.against()
    assert (against.ignored, against.ignored_by) == (1, (("table:* [comment]", 1),))
    assert [*against.findings[0].change.attributes] == ["owner"]


def test_what_an_upstream_sealed_with_another_key_is_counted_as_not_compared() -> None:
    def with_secret(key: str) -> Snapshot:
        return snap(table(options=[f"password=sealed:{key * 8}:{key * 16}"]), column("id"))

    e = Environment(Watched("production", follows="staging"))
    e.upstream = with_secret("1")
    found = e.look(with_secret("2"))
    assert e.against("staging").outcome is Outcome.IN_SYNC
    assert found.standing.not_compared == {"sealed_value": 1}


def test_what_is_compared_with_the_own_past_alone_is_no_matter_of_the_upstream() -> None:
    database = ident("database", "current")

    def with_limit(limit: int) -> Snapshot:
        return snap(
            table(), obj(database, None, connection_limit=limit), kinds=KINDS | {"database"}
        )

    e = Environment(Watched("production", follows="staging", own_kinds=frozenset({"database"})))
    e.upstream = with_limit(10)
    e.look(with_limit(50))
    assert e.against("staging").outcome is Outcome.IN_SYNC
    assert e.look(with_limit(50)).standing.not_compared == {"database": 1}
    assert not e.look(with_limit(10)).standing.not_compared

    e.look(with_limit(60))
    assert e.keys("sync") == ["database:current"]
    assert e.against("staging").outcome is Outcome.IN_SYNC

    # Nobody ever agreed on it, so nobody knows who moved once it is compared.
    e.watched = replace(e.watched, own_kinds=frozenset())
    e.look(with_limit(60))
    assert [f.direction for f in e.against("staging").findings] == [Direction.UNKNOWN]


def test_what_was_looked_at_in_part_is_told_as_such_and_anew_when_another_kind_is_unread() -> None:
    production = Environment(TO_CHAT)
    production.look(BASE)
    production.look(replace(BASE, kinds=NO_POLICY, unread=WHY))
    production.look(replace(BASE, kinds=NO_POLICY, unread={"policy": "canceled"}))
    assert production.reasons(REACH) == ["first"]
    assert headline(production.told[-1][0]) == "production was looked at in part"
    more = {**WHY, "index": "permission denied"}
    production.look(replace(BASE, kinds=NO_POLICY - {"index"}, unread=more))
    production.fail()
    assert production.reasons(REACH) == ["first", "changed", "changed"]
    assert headline(production.told[-1][0]) == "production cannot be looked at"
    production.look(BASE)
    assert headline(production.told[-1][0]) == "production can be looked at again"
