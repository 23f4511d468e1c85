"""Which plan changed it? What was written down while plans were run, in; origin and blame out.

A plan explains an object that is now exactly as it left it, and no other: what somebody did to the
same object afterwards, or beside it, stays unexplained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pgdrift.core.compare import compare
from pgdrift.core.model import Blame, Change, Confidence, ObjectId, Origin, Snapshot
from pgdrift.core.printable import one_line
from pgdrift.core.why.history import Explanation

AT_WORK = 7_225_163_486_513_270_001
"""The key of the advisory lock that is held while we write to a database: the same for ever."""

CLOSELY = timedelta(minutes=10)
"""For how long an environment is watched closely after a plan was run there: what breaks by it
breaks soon, and whoever ran it is still there."""

Left = Mapping[str, str]
"""What a plan left behind: an object's content digest by its key, empty for one that is gone."""


class Result(StrEnum):
    """What became of it: still running as far as is known, done, stopped by an error, cut off."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class Enactment:
    """One time that a plan was run on an environment: by whom, why, and what came of it.

    `plan` is its id, `way` is `up` or `down`, `said` is why it stopped. `entries` are the lines of
    its record so far, from which the state of each statement is told. Times are UTC.
    """

    plan: str
    environment: str
    way: str
    by: str
    reason: str
    began_at: datetime
    approved_by: tuple[str, ...] = ()
    ended_at: datetime | None = None
    result: Result = Result.RUNNING
    said: str = ""
    left: Left = field(default_factory=dict)
    entries: tuple[Mapping[str, object], ...] = ()
    id: int | None = None

    @property
    def words(self) -> str:
        """Which plan, by whom and why, on one line."""
        agreed = f", approved by {', '.join(self.approved_by)}" if self.approved_by else ""
        way = "" if self.way == "up" else ", the way back"
        return one_line(f"plan {self.plan}{way}, by {self.by}{agreed}: {self.reason}")


def left_by(before: Snapshot, after: Snapshot) -> Left:
    """Return what a plan left that led from one snapshot to another."""
    changes = compare(before, after).changes
    ids = (i for c in changes for i in (c.id, *c.contains))
    return {str(i): _content(i, after) for i in ids}


def explained(
    changes: Iterable[Change], found: Snapshot, enacted: Sequence[Enactment]
) -> dict[ObjectId, Explanation]:
    """Return the changes that a plan made, each with who ran it and why; of several, the last."""
    if not enacted:
        return {}
    said = {e.began_at: _explanation(e) for e in enacted}
    latest = sorted(enacted, key=lambda e: e.began_at, reverse=True)
    return {c.id: said[e.began_at] for c in changes if (e := _by(c, found, latest)) is not None}


def open_one(enacted: Iterable[Enactment]) -> Enactment | None:
    """Return what is running, or was cut off and nobody has come back to it; None for nothing."""
    going = [e for e in enacted if e.ended_at is None]
    return max(going, key=lambda e: e.began_at, default=None)


def at_work(seen: str, enacted: Iterable[Enactment]) -> str:
    """Say what is being run, where the lock is `seen` to be held; empty for nothing."""
    one = open_one(enacted)
    return f"{seen}, {one.words}" if seen and one else seen


def is_close(seen: str, enacted: Iterable[Enactment], now: datetime) -> bool:
    """Tell whether an environment is to be watched closely."""
    return bool(seen) or any(_is_recent(e, now) for e in enacted)


def notes(seen: str, enacted: Sequence[Enactment], now: datetime) -> Iterator[str]:
    """Say for people what was run a moment ago, and what was begun and is not done."""
    one = open_one(enacted)
    if one is not None and not seen:
        verb = "apply" if one.way == "up" else "rollback"
        yield (
            f"{one.words}: begun {one.began_at:%Y-%m-%d %H:%M} UTC and cut off; `pgdrift {verb} …"
            " --resume` finds out how far it is, and goes on"
        )
    for e in enacted:
        if _is_recent(e, now) and e.ended_at:
            until = e.ended_at + CLOSELY
            yield (
                f"{e.words}: {e.result.value.replace('_', ' ')} {e.ended_at:%H:%M} UTC; watched"
                f" closely until {until:%H:%M} UTC"
            )


def _is_recent(e: Enactment, now: datetime) -> bool:
    # A clock that was set back makes it no longer.
    return e.ended_at is not None and abs(now - e.ended_at) < CLOSELY


def _by(change: Change, found: Snapshot, latest: Sequence[Enactment]) -> Enactment | None:
    ids = (change.id, *change.contains)
    now = {str(i): _content(i, found) for i in ids}
    return next((e for e in latest if all(e.left.get(k) == v for k, v in now.items())), None)


def _content(i: ObjectId, snapshot: Snapshot) -> str:
    there = snapshot.objects.get(i)
    return there.digest if there else ""


def _explanation(e: Enactment) -> Explanation:
    blame = Blame(
        Confidence.EXACT,
        who=e.by,
        application="pgdrift",
        migration=one_line(f"plan {e.plan} ({e.reason})"),
    )
    return Explanation(Origin.MIGRATION, blame, e.words)
