"""What is remembered of one environment between two looks, and what one look changes of it.

The look takes a Book and returns a Step; the store loads the one and saves the other whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pgdrift.core.alerts.incident import Incident, Notice
from pgdrift.core.alerts.marks import Ended, Mark
from pgdrift.core.alerts.route import Address
from pgdrift.core.model import (
    Against,
    Agreed,
    Event,
    History,
    LedgerMark,
    Outcome,
    Snapshot,
    SyncPoint,
)
from pgdrift.core.syncpoint import Applied
from pgdrift.core.why.enacted import Enactment


@dataclass(frozen=True, slots=True)
class Book:
    """All that one look needs to know of one environment; empty at first.

    `snapshot` is the last good one, `expected` the content that is declared right. `agreed` was
    reached with the upstream named in `agreed_with`, which need not be today's. `sync_point` is
    the latest and has its id. `key` is what the store's readers seal secrets with, empty where
    there is no store. `size` is how many objects `snapshot` has and its server's version, where
    the book comes without it. `incidents` are those that are not over, oldest first, and
    `resolved` the latest that are; `marks` is what people
    said that was not ended, also what came to its end since the last look. `against` is the last
    standing per yardstick, and `not_compared` and `notes` are the last ones too, so that a restart
    shows the last known state. `enacted` is which plans were run there since the last look that
    could read, or a moment before. `content` is the last standing's. Times are UTC.
    """

    environment: str
    snapshot: Snapshot | None = None
    expected: Snapshot | None = None
    agreed: Agreed | None = None
    agreed_with: str | None = None
    sync_point: SyncPoint | None = None
    gate: str = ""
    mark: LedgerMark | None = None
    histories: tuple[History, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""
    looked_at: datetime | None = None
    seen_at: datetime | None = None
    failures: int = 0
    incidents: tuple[Incident, ...] = ()
    resolved: tuple[Incident, ...] = ()
    marks: tuple[Mark, ...] = ()
    against: tuple[Against, ...] = ()
    not_compared: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    enacted: tuple[Enactment, ...] = ()
    content: str = ""
    key: bytes = field(default=b"", repr=False, compare=False)
    size: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What one look changed. None means unchanged; an empty tuple is a value.

    `at` is when the look was made, UTC. `reason` and `failures` go with `outcome` and are kept
    only with it; `agreed` and `agreed_with` go together. `sync_point` is a new one to keep, with
    what is expected after this step (or else `snapshot`) as its content. `applied` are the
    migrations that the look saw newly applied. `incidents` are inserted or replaced by id.
    Each notice comes with the channels that it goes to; a name alone is told at once. `based_on`
    is the id of the sync point that the Book had: a Step of an older one must not be kept. `ended`
    are marks that the look ended.
    """

    environment: str
    at: datetime
    outcome: Outcome | None = None
    reason: str = ""
    failures: int = 0
    seen_at: datetime | None = None
    snapshot: Snapshot | None = None
    expected: Snapshot | None = None
    agreed: Agreed | None = None
    agreed_with: str | None = None
    sync_point: SyncPoint | None = None
    gate: str | None = None
    mark: LedgerMark | None = None
    histories: tuple[History, ...] | None = None
    against: tuple[Against, ...] | None = None
    not_compared: Mapping[str, int] | None = None
    content: str | None = None
    notes: tuple[str, ...] | None = None
    incidents: tuple[Incident, ...] = ()
    notices: tuple[tuple[Notice, tuple[Address | str, ...]], ...] = ()
    events: tuple[Event, ...] = ()
    ended: tuple[Ended, ...] = ()
    applied: tuple[Applied, ...] = ()
    based_on: int | None = None
