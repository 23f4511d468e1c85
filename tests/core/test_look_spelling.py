"""A look and spellings: what is asked, what becomes of the answers, and who moved."""

from __future__ import annotations

from pgdrift.core.alike.spelling import UNANSWERED, Answers, Spelt
from pgdrift.core.book import Book
from pgdrift.core.judge import Policy
from pgdrift.core.kinds import classes
from pgdrift.core.look import Upstream, Watched, questions, seen
from pgdrift.core.model import (
    SYNC,
    Against,
    Agreed,
    ChangeClass,
    Direction,
    Object,
    Outcome,
    Reading,
    Severity,
    Snapshot,
)
from pgdrift.core.texts.loosely import loosely_alike
from tests.core.build import NOW, ident, snap, table, table_id

POLICY = ident("policy", "public", "orders", "p")
# No rule knows that these three are one; and the fourth is another.
ONE, TWO, THREE, OTHER = "(1 = v)", "(v = 1)", "((v)::bigint = 1)", "(v = 2)"
WATCHED = Watched("production", "staging", Policy(protected=True, classes=classes()))


def _snap(text: str) -> Snapshot:
    return snap(table(), Object(POLICY, {"using": text}, table_id()))


def _answers(*texts: str) -> Answers:
    return Answers(frozenset(Spelt(POLICY, "using", a, b) for a in texts for b in texts if a != b))


def _against(
    expected: str, here: str, upstream: str, agreed: str, answers: Answers = UNANSWERED
) -> tuple[Against, Against]:
    book = Book(
        "production",
        snapshot=_snap(here),
        expected=_snap(expected),
        agreed=Agreed(_snap(agreed)),
        agreed_with="staging",
    )
    followed = Upstream("staging", _snap(upstream))
    found = seen(WATCHED, book, Reading(_snap(here), ""), followed, NOW, answers)
    own, other = found.standing.against
    assert own.yardstick == SYNC
    return own, other


def test_every_side_of_a_look_is_asked_about() -> None:
    book = Book("production", snapshot=_snap(ONE), expected=_snap(TWO))
    reading, upstream = Reading(_snap(ONE), ""), Upstream("staging", _snap(OTHER))
    asked = questions(WATCHED, book, reading, upstream, NOW)
    assert [d.spelt for d in asked] == [
        Spelt(POLICY, "using", TWO, ONE),
        Spelt(POLICY, "using", OTHER, ONE),
    ]


def test_an_unchanged_schema_asks_nothing() -> None:
    book = Book("production", snapshot=_snap(ONE), expected=_snap(ONE))
    assert questions(WATCHED, book, Reading(_snap(ONE), ""), None, NOW) == ()


def test_what_is_settled_is_in_sync() -> None:
    own, other = _against(TWO, ONE, TWO, TWO, _answers(ONE, TWO))
    assert own.outcome is other.outcome is Outcome.IN_SYNC


def test_what_is_not_settled_is_a_finding() -> None:
    own, other = _against(TWO, ONE, TWO, TWO)
    assert [f.severity for f in (*own.findings, *other.findings)] == [Severity.CRITICAL] * 2


def test_a_spelling_of_what_was_agreed_moves_nobody() -> None:
    settled = _answers(TWO, THREE)
    _, other = _against(OTHER, OTHER, THREE, TWO, settled)
    assert [f.direction for f in other.findings] == [Direction.AHEAD]
    _, other = _against(THREE, THREE, OTHER, TWO, settled)
    assert [f.direction for f in other.findings] == [Direction.BEHIND]


def test_a_policy_that_merely_looks_alike_is_told_as_it_is() -> None:
    texts = ("(orders.v = 1)", "(v = 1)")
    assert loosely_alike(*texts)
    own, _ = _against(*texts, TWO, TWO)
    (finding,) = own.findings
    assert (finding.severity, finding.cls) == (Severity.CRITICAL, ChangeClass.SECURITY)
    assert finding.change.spelling == ()
