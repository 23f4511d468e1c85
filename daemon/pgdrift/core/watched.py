"""What a look is about: an environment, and what it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pgdrift.core.alerts.hold import Patience
from pgdrift.core.alerts.owners import Owners
from pgdrift.core.alerts.route import Route
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.retell import Names
from pgdrift.core.judge import Policy
from pgdrift.core.model import Event, History, Origin, Snapshot
from pgdrift.core.syncpoint import SyncRule


@dataclass(frozen=True, slots=True)
class Watched:
    """An environment as its looks need it: what it follows and how it is judged and told.

    `names` are what its roles and schemas are called, here and in common; `names_upstream` are
    those of what it follows. `own_kinds` are compared with the own past and no upstream.
    `migration_wait` is for how long a migration in flight holds judgement back. `reads_ledger`:
    a ledger is wanted, where there is one.
    `owners` say whose an object is, where a route asks.
    `sync_rules` say which migrations declare a sync point. `patience` is what is not told yet,
    `reopen` within how long drift that comes back is the incident that it was. `group` is whom it
    is to be like.
    """

    name: str
    follows: str | None = None
    policy: Policy = field(default_factory=Policy)
    options: Options = field(default_factory=Options)
    explained_by: frozenset[Origin] = frozenset({Origin.MIGRATION})
    routes: Sequence[Route] = ()
    owners: Owners = field(default_factory=Owners)
    names: Names = field(default_factory=Names)
    names_upstream: Names = field(default_factory=Names)
    own_kinds: frozenset[str] = frozenset()
    migration_wait: timedelta = timedelta(minutes=15)
    reads_ledger: bool = True
    sync_rules: tuple[SyncRule, ...] = ()
    patience: Patience = field(default_factory=Patience)
    reopen: timedelta = timedelta(hours=1)
    group: str = ""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an environment follows, as last seen; `reason` says why it cannot be compared with.

    `seen_at` is when the last look at it began, UTC; None for what stands for the present.
    `watched` says that it is an environment, whose own watch tells when it cannot be looked at.
    `events` are the latest lines of its timeline, the newest first.
    """

    name: str
    snapshot: Snapshot | None
    histories: tuple[History, ...] = ()
    reason: str = ""
    seen_at: datetime | None = None
    watched: bool = False
    events: tuple[Event, ...] = ()
