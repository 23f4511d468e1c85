"""Databases that a query finds: who is taken, who stays, who is gone."""

from __future__ import annotations

from pgdrift.core.found import Answer, Database, Roll, Wanted, called, chosen


def named(*names: str) -> list[Database]:
    return [Database(name, name) for name in names]


def roll(*names: str, **missed: int) -> Roll:
    return Roll({d.name: d for d in named(*names)}, missed)


def answer(*names: str) -> Answer:
    return Answer(tuple(named(*names)))


def test_globs_say_which_are_taken() -> None:
    wanted = Wanted(include=("tenant_*", "x?"), exclude=("*_old",))
    found = chosen(named("tenant_1", "tenant_2_old", "x1", "xyz", "postgres"), wanted, ())
    assert [d.name for d in found.databases] == ["tenant_1", "x1"]
    assert found.notes == ()


def test_what_cannot_be_a_name_or_is_taken_is_left_out_and_said() -> None:
    hostile = ["", "  ", "a\x1b[31m", "a\nb", "\u202eevil", "staging", "x" * 300]
    found = chosen(named(*hostile, "ok", "ok", "<b>"), Wanted(), {"staging"})
    assert [d.name for d in found.databases] == ["<b>", "ok"]
    assert len(found.notes) == len(hostile) + 1
    assert all(note.isprintable() for note in found.notes)


def test_more_than_the_limit_are_not_watched_and_said() -> None:
    found = chosen(named(*"abcde"), Wanted(limit=3), ())
    assert [d.name for d in found.databases] == ["a", "b", "c"]
    assert "2 more than the limit of 3" in found.notes


def test_who_is_missed_once_stays_and_who_is_missed_twice_is_gone() -> None:
    once = called(roll("a", "b"), answer("a"))
    assert (once.gone, set(once.roll.members)) == ((), {"a", "b"})
    twice = called(once.roll, answer("a"))
    assert (twice.gone, set(twice.roll.members)) == (("b",), {"a"})


def test_who_is_back_is_missed_anew() -> None:
    back = called(called(roll("a", "b"), answer("a")).roll, answer("a", "b"))
    assert called(back.roll, answer("a")).gone == ()


def test_nobody_is_gone_when_nothing_is_found() -> None:
    moves = called(roll("a", b=1), answer())
    assert moves.gone == ()
    assert moves.doubt
    assert moves.roll == roll("a", b=1)


def test_who_comes_and_who_is_elsewhere_now() -> None:
    moved = Answer((Database("a", "a", {"host": "other"}), Database("b", "b")))
    moves = called(roll("a"), moved)
    assert (moves.come, moves.moved, moves.gone) == (("b",), ("a",), ())
