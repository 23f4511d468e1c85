"""What waited is told as it is in the end, and as new only what was never told."""

from __future__ import annotations

import pytest

from pgdrift.core.alerts.folded import folded
from pgdrift.core.alerts.incident import Incident, Notice, Reason, State
from pgdrift.core.model import Finding, Severity
from tests.core.build import NOW, after, changed, column, finding

FIRST = next(iter(Reason))
WORSE, CHANGED, REPEAT, RESOLVED = Reason.WORSE, Reason.CHANGED, Reason.REPEAT, Reason.RESOLVED
A, B = (finding(changed(column(name).id)) for name in "ab")


def notice(
    revision: int,
    reason: Reason,
    *found: Finding,
    new: tuple[Finding, ...] = (),
    gone: tuple[Finding, ...] = (),
) -> Notice:
    incident = Incident(
        "i", "e", "sync", State.OPEN, Severity.INFO, NOW, NOW, NOW, None, found, revision=revision
    )
    keys = tuple(f.key for f in new)
    return Notice(incident, reason, after(minutes=revision), keys, gone)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ([FIRST], FIRST),
        ([FIRST, CHANGED, WORSE], FIRST),
        ([FIRST, CHANGED, RESOLVED], RESOLVED),
        ([CHANGED, REPEAT, WORSE, CHANGED], WORSE),
        ([REPEAT, CHANGED], CHANGED),
        ([REPEAT, REPEAT], REPEAT),
        ([RESOLVED, FIRST], FIRST),
    ],
)
def test_the_reason_is_what_it_comes_to(reasons: list[Reason], told: Reason) -> None:
    all_ = [notice(n, reason, A) for n, reason in enumerate(reasons, 1)]
    found = folded(all_)
    assert found.reason is told
    assert (found.incident, found.at) == (all_[-1].incident, all_[-1].at)


def test_what_came_and_is_still_there_is_new_and_what_went_for_good_is_gone() -> None:
    before = notice(1, CHANGED, A, B, new=(B,))
    after_ = notice(2, CHANGED, A, gone=(B,))
    assert (folded([before, after_]).new, folded([before, after_]).gone) == ((), (B,))
    back = folded([after_, notice(3, CHANGED, A, B, new=(B,))])
    assert (back.new, back.gone) == ((B.key,), ())


def test_of_what_was_never_told_nothing_is_gone_but_at_the_end() -> None:
    first, second = notice(1, FIRST, A, B, new=(A, B)), notice(2, CHANGED, A, gone=(B,))
    assert (folded([first, second]).new, folded([first, second]).gone) == ((A.key,), ())
    ended = folded([first, second, notice(3, RESOLVED, gone=(A,))])
    assert [f.key for f in ended.gone] == [B.key, A.key]
