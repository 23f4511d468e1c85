"""What a look adds to the timeline, and which lines are about an object."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pgdrift.core.model import Blame, Change, Confidence, Event, Migration, Origin
from pgdrift.core.timeline import changed, concerns, migrated
from pgdrift.core.why.history import UNTRACKED, Explanation
from tests.core.build import NOW, added, column, snap, table, table_id
from tests.core.build import changed as altered

T, C = table(), column("x")
SIDES = (snap(), snap(T, C))


def lines(*changes: Change, why: Explanation = UNTRACKED) -> list[Event]:
    return list(changed("prod", changes, {c.id: why for c in changes}, SIDES, NOW))


def test_a_line_knows_what_its_object_belongs_to_and_what_changed() -> None:
    (line,) = lines(altered(C.id, type=("integer", "bigint")))
    assert line.subject == str(C.id)
    assert line.detail
    assert line.detail.within == (str(T.id), "schema:public")
    assert line.detail.attributes == ("type",)
    assert line.detail.blame == UNTRACKED.blame


def test_a_line_is_about_its_object_what_that_is_in_and_what_came_with_it() -> None:
    (line,) = lines(replace(added(T.id), contains=(C.id,)))
    assert concerns(line, {str(T.id)})
    assert concerns(line, {str(C.id)})
    assert not concerns(line, {str(table_id("other"))})
    (line,) = lines(altered(C.id, type=("integer", "bigint")))
    assert concerns(line, {str(T.id)})
    assert not concerns(Event("prod", NOW, "synced", "ann: right"), {str(T.id)})


def test_of_very_many_changes_none_is_without_blame() -> None:
    many = [added(table_id(f"t{n}")) for n in range(205)]
    shared = Blame(Confidence.WINDOW, migration="42")
    times = (NOW + timedelta(seconds=n) for n in range(205))
    why = {
        c.id: Explanation(Origin.MIGRATION, replace(shared, at=at))
        for c, at in zip(many, times, strict=True)
    }
    *_, rest = changed("prod", many, why, SIDES, NOW)
    assert rest.text == "and 5 more objects"
    assert rest.detail
    assert (rest.detail.origin, rest.detail.blame) == (Origin.MIGRATION, shared)
    assert concerns(rest, {"table:public.t204"})
    assert not concerns(rest, {"table:public.t0"})


def test_migrations_have_lines() -> None:
    done = migrated("prod", [Migration("7", "a\nb"), Migration("6", applied=False)], NOW)
    assert [(e.verb, e.text) for e in done] == [
        ("migrated", "7 applied: a\\nb"),
        ("migrated", "6 rolled back"),
    ]
