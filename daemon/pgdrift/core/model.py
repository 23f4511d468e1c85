"""The nouns. Everything that the core takes and returns is made of these.

All times are aware datetimes in UTC. Text comes from a server and is hostile: whoever prints it
escapes it for the place it goes to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.objects import Object as Object  # noqa: PLC0414  a noun, as those below
from pgdrift.core.held.objects import ObjectId as ObjectId  # noqa: PLC0414
from pgdrift.core.held.objects import Value as Value  # noqa: PLC0414
from pgdrift.core.held.packed import Packed, packed
from pgdrift.core.memo import Memo

# Raised when what a snapshot holds is read or written differently. Two formats can still be
# compared: an attribute that only one side knows is "not read" there, and no difference.
FORMAT = 1


class ChangeType(StrEnum):
    """What became of an object, seen from the second side of a comparison."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ChangeClass(StrEnum):
    """What a change touches. The order is the order of concern, the gravest first."""

    SECURITY = "security"
    STRUCTURE = "structure"
    BEHAVIOUR = "behaviour"
    PERFORMANCE = "performance"
    COSMETIC = "cosmetic"


class Severity(StrEnum):
    """How loudly a finding is told."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info up to 2 for critical."""
        return {"critical": 2, "warning": 1, "info": 0}[self.value]


class Direction(StrEnum):
    """Who moved: against an upstream as in git, against the own sync point only `changed`."""

    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    CHANGED = "changed"


class Origin(StrEnum):
    """Why an object changed."""

    MIGRATION = "migration"
    TRACKED = "tracked"
    UNTRACKED = "untracked"


class Outcome(StrEnum):
    """What one look found. Unknown is never clean and never resolves anything."""

    IN_SYNC = "in_sync"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"


class How(StrEnum):
    """How a sync point came about: at the first look, by a person, or by a migration's row.

    `at_migration` is a person's as well, of what was there when that migration was applied.
    """

    FIRST_LOOK = "first_look"
    DECLARED = "declared"
    AT_MIGRATION = "at_migration"
    MIGRATION = "migration"


class Confidence(StrEnum):
    """How sure blame is: named by a ledger or trigger, between two looks, or not at all."""

    EXACT = "exact"
    WINDOW = "window"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Snapshot:
    """All objects of one environment at one instant.

    `kinds` are the kinds that were read; `unread` says of others why they were not (a missing
    right, say). `dependencies` are pairs (dependent, referenced), sorted. Whatever mapping the
    objects come in, they are held packed.
    """

    objects: Mapping[ObjectId, Object]
    kinds: frozenset[str]
    server_version: int
    taken_at: datetime
    database: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    dependencies: Sequence[tuple[ObjectId, ObjectId]] = ()
    format: int = FORMAT
    # The objects as they were read, where `objects` are normalised: some is known, not compared.
    as_read: Mapping[ObjectId, Object] | None = field(default=None, repr=False, compare=False)
    # How many of the objects as they were read each preset left out, where it is normalised.
    left_out: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)
    # Normalised forms by options, kept with the snapshot that they were made from.
    normalised: dict[object, Snapshot] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    # What was worked out of it and of others: how they are told alike, and what is apart then.
    memo: Memo = field(default_factory=Memo, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Pack the objects."""
        object.__setattr__(self, "objects", packed(self.objects))

    @property
    def packed(self) -> Packed:
        """The objects as they are held: what can be told of them without unfolding them."""
        return packed(self.objects)

    def sharing(self, other: Snapshot) -> Snapshot:
        """Return the very same snapshot, holding nothing twice that the other holds as well."""
        objects, depends = self.packed.sharing(other.packed), self.dependencies
        if isinstance(depends, Dependencies):
            depends = depends.over(objects)
        return replace(self, objects=objects, dependencies=depends)

    @property
    def root(self) -> str:
        """One digest over all objects: equal roots, equal schemas."""
        return self.packed.root


@dataclass(frozen=True, slots=True)
class Renamed:
    """The other half of a rename: the object's name on the other side.

    `sure`: the server says that it is the same object; else the two are only alike.
    """

    id: ObjectId
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One object that differs between two sides, and the children it speaks for.

    `attributes` maps a name to (before, after). An object that was added or removed gives all
    its attributes with None on the other side; children that came or went with it are named in
    `contains` and get no change of their own. `renamed` names what a removed object became, or
    what an added one was; it rides along uncompared. `spelling` names the attributes whose two
    texts may well mean the same, where no server could be asked.
    """

    id: ObjectId
    change: ChangeType
    attributes: Mapping[str, tuple[Value, Value]]
    contains: tuple[ObjectId, ...] = ()
    renamed: Renamed | None = field(default=None, compare=False)
    spelling: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Blame:
    """Who changed an object, when and with what, as far as is known, and how sure that is.

    `who` is the login role, or the effective one where the login is not known; `role` is the
    effective one, where it is another. `at` is the time of the change, UTC; else it came after
    `after` and not later than `until`, the two looks. `statement` is what was run, as far as it
    may be shown: a command's name, or the statement without its literals. `hearsay` is whom a
    notification names, which anybody can send; `heard_at` is when the first came in between.
    """

    confidence: Confidence = Confidence.UNKNOWN
    who: str | None = None
    at: datetime | None = None
    application: str | None = None
    migration: str | None = None
    role: str | None = None
    address: str | None = None
    statement: str | None = None
    after: datetime | None = None
    until: datetime | None = None
    hearsay: str | None = None
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dependants:
    """What hangs on an object: how many others, and the first few of them by kind and name."""

    count: int = 0
    some: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it should be; `reason` is what more there is to say of why.

    `dependants` is what hung on it when it was found; it rides along uncompared.
    """

    change: Change
    direction: Direction
    severity: Severity
    cls: ChangeClass
    origin: Origin | None
    first_seen: datetime
    blame: Blame = Blame()
    late: bool = False
    reason: str = ""
    dependants: Dependants = field(default=Dependants(), compare=False)

    @property
    def key(self) -> str:
        """`kind:name`, stable while the finding lasts."""
        return str(self.change.id)


@dataclass(frozen=True, slots=True)
class Migration:
    """One row of a migration history.

    `at` is when it was applied, as the tool kept it: with a zone at its end where that was kept,
    else in whatever zone the writer had, so those of two environments are never compared. Within
    one, another time says that it ran again. `by` is who applied it, as the tool names people.
    `begun`: the tool wrote that it began, and not how it ended. `repeatable`: it runs again
    whenever its text changes. `baseline`: it stands for all before it, which the tool never ran
    here.
    """

    version: str
    description: str = ""
    checksum: str | None = None
    applied: bool = True
    failed: bool = False
    at: str | None = None
    by: str | None = None
    begun: bool = False
    repeatable: bool = False
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The rows that one migration tool keeps in one table. `table` is a quoted, dotted name.

    `heads_only` says that the tool keeps no row of what it applied before the latest.
    `in_flight` says why a migration may be running now; empty where nothing shows one. `unread`:
    whoever migrates lets nobody read the rows, and those of the last look stand for them.
    """

    tool: str
    table: str
    migrations: tuple[Migration, ...]
    heads_only: bool = False
    in_flight: str = ""
    unread: bool = False


class HistoryState(StrEnum):
    """How a migration's history is not as the upstream's, or not as it should be, gravest first."""

    FAILED = "failed"
    EDITED = "edited"
    EXTRA = "extra"
    OUT_OF_ORDER = "out_of_order"
    MISSING = "missing"
    OTHER_HEAD = "other_head"


@dataclass(frozen=True, slots=True)
class HistoryFinding:
    """One migration whose history is not as it should be: of which tool, in which table, and why.

    `text` is what more there is to say, for people; it holds what others wrote.
    """

    tool: str
    table: str
    version: str
    state: HistoryState
    text: str = ""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of a ledger's `history`: a statement it saw on an object it tracks.

    `at` has no zone and is the writer's transaction start, so it is shown and never compared.
    `object_name` is as stored: quoted, for columns `table.column`, for functions OID digits. `who`
    is the effective role. `xid` is the transaction, or part of one, that wrote the row.

    What follows is None or empty where the ledger has no such column, or nothing in it:
    `transaction_id` is the whole transaction, `object_kind` and `object_identity` are what
    PostgreSQL calls the object, `address_names` and `address_args` the same in parts, and
    `recorded_at` is the clock at that moment, UTC; `statement` what was run, without its literals.
    """

    id: int
    object_type: str
    schema_name: str
    object_name: str
    change_type: str
    at: str | None = None
    who: str | None = None
    xid: int | None = None
    login_role: str | None = None
    application_name: str | None = None
    client_address: str | None = None
    transaction_id: str | None = None
    command_tag: str | None = None
    object_kind: str | None = None
    object_identity: str | None = None
    address_names: tuple[str, ...] = ()
    address_args: tuple[str, ...] = ()
    recorded_at: datetime | None = None
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """How far a ledger has been read, so that a transaction that commits late is not lost.

    `identity` names the very ledger (system, database, ledger table); `horizon` is the oldest
    transaction id that was still running; `seen` are ids of rows at or after the horizon. `rows`
    is how many there were, `total` the sum of their ids and `top` the largest; None: not known.
    `failures` is how many statements it says it could not record.
    """

    identity: str
    horizon: int
    seen: frozenset[int]
    rows: int | None = None
    total: int = 0
    top: int = 0
    failures: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a ledger told since the mark it was asked from.

    `shape` is `core`, `ext` or `new`; `tracking` is False when its event triggers are off;
    `incomplete` says why it cannot be used (half installed, no right to read it), else None.
    `entries` are the rows not told before, in order of id; empty on the first reading. `migrators`
    are the transactions that wrote rows of migration histories since then. `identities`: each entry
    names its object as PostgreSQL does, and there is one for every object of every statement.

    `continued`: the entries go on from the mark; else `broken` says why it is another ledger than
    before, empty at a first reading. `off` is what keeps it from recording, and how; `ghosts` are
    the kind and path of objects that it has as there and that are not; `lost` counts rows that it
    once showed as they no longer are, `failed` the statements since the mark that it says it could
    not record.
    """

    schema: str
    shape: str
    tracking: bool
    mark: LedgerMark | None
    entries: tuple[LedgerEntry, ...] = ()
    incomplete: str | None = None
    migrators: frozenset[int] = frozenset()
    identities: bool = False
    continued: bool = False
    broken: str = ""
    off: Mapping[str, str] = field(default_factory=dict)
    ghosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    lost: int = 0
    failed: int = 0

    @property
    def complete(self) -> bool:
        """Whether the entries name all that was done since the mark."""
        return self.tracking and self.identities and self.continued


@dataclass(frozen=True, slots=True)
class Hint:
    """What a notification says of one statement: its tag, what it touched, and who ran it.

    Any role that may connect can send one that is made up, so it may say where to look first, and
    stand beside what is known as hearsay; it is never a fact. `more` counts objects not named.
    """

    tag: str = ""
    objects: tuple[str, ...] = ()
    more: int = 0
    by: str = ""
    application: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one look read of one environment, and the gate under which it was read.

    `not_compared` counts user objects of kinds that no reader covers; `notes` say what could not
    be read and why, for people. `committed` is when what changed since the last look was last
    committed, UTC, by object; only where the server keeps that. `hints` is what notifications said
    since the look before, and `heard_at` when the first of them was heard, UTC. `at_work` says who
    of us is writing there just now, as a plan is run; empty for nobody. `depth` says
    how much of the catalog was read: nothing, what moved, or all.
    """

    snapshot: Snapshot
    gate: str
    ledger: Ledger | None = None
    histories: tuple[History, ...] = ()
    not_compared: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    committed: Mapping[ObjectId, datetime] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()
    heard_at: datetime | None = None
    at_work: str = ""
    depth: Literal["gate", "incremental", "full"] = "full"


SYNC = "sync"
"""The yardstick's name for an environment against its own sync point."""

REACH = "reach"
"""The yardstick's name for whether an environment can be looked at, at all."""


LEDGER = "ledger"
"""The yardstick's name for whether an environment's ledger can be relied on."""

DRILL = "drill"
"""The environment, and the yardstick, of an incident that is none: of a drill."""

CHANNELS = "channels"
"""The environment of incidents of pgdrift's own: a channel that cannot be reached."""


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """The moment an environment was last declared right. `id` is None until it is kept.

    `migration` is the version of the migration that it is about, where it is about one.
    """

    environment: str
    at: datetime
    reason: str
    actor: str
    id: int | None = None
    how: How = How.DECLARED
    migration: str = ""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Per object, the content on which an environment and its upstream last agreed.

    `snapshot` holds the agreed objects; an object in neither part is agreed to be absent.
    `unknown` are the objects on which the two never agreed yet.
    """

    snapshot: Snapshot
    unknown: frozenset[ObjectId] = frozenset()


class Held(NamedTuple):
    """What changed here and waits for a look at the upstream, by its key `kind:name`.

    `since` is when the change was read, UTC; why it changed is known at that look alone.
    """

    key: str
    since: datetime
    origin: Origin | None = None
    blame: Blame = Blame()


@dataclass(frozen=True, slots=True)
class Against:
    """How an environment stands against one yardstick: `sync`, or its upstream's name.

    `held` is what changed here and waits for a look at the upstream. `histories` is what the
    migration tools' tables tell: against the sync point of this environment alone, against the
    upstream how the two differ. `ignored` counts the changes of which rules of the operator leave
    out something or all, `ignored_by` those of each rule, by its name. `accepted`
    are findings that somebody called right: no drift, and shown as what they are.
    """

    yardstick: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    migrations_missing: int | None = None
    reason: str = ""
    held: tuple[Held, ...] = ()
    ignored: int = 0
    ignored_by: tuple[tuple[str, int], ...] = ()
    histories: tuple[HistoryFinding, ...] = ()
    accepted: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the latest look at an environment found: what metrics, page and API show.

    `looked_at` is the latest try and `seen_at` the latest that could look, both UTC; `reason`
    says why the outcome is unknown. `not_compared` counts objects by kind that were not compared.
    `at_work` says that a plan is being run there, by whom and why; empty for no.
    `group` is whom it is to be like, and `content` one digest of all that is compared, empty where
    that is not known or not asked for.
    """

    environment: str
    outcome: Outcome
    follows: str | None = None
    protected: bool = False
    reason: str = ""
    looked_at: datetime | None = None
    seen_at: datetime | None = None
    server_version: int | None = None
    objects: int = 0
    sync_point: SyncPoint | None = None
    against: tuple[Against, ...] = ()
    not_compared: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    at_work: str = ""
    group: str = ""
    content: str = ""

    @property
    def could_look(self) -> bool:
        """Whether the latest try is also the latest that could look."""
        return self.seen_at is not None and self.seen_at == self.looked_at


@dataclass(frozen=True, slots=True)
class Detail:
    """What more is known of a change than the line that tells it; objects by their keys.

    `attributes` are the names of those that changed. `within` is what the object belongs to, the
    nearest first; `contains` is what came or went with it, or is told by this line alone.
    """

    change: ChangeType | None = None
    origin: Origin | None = None
    blame: Blame = Blame()
    attributes: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an environment's timeline. `subject` is an object's key, or empty.

    Verbs: looked_first, synced, not_synced, undone, changed, migrated, opened, told, resolved,
    unknown, seen_again, gone, acknowledged, silenced, accepted, mark_ended, began, applied,
    rolled_back, not_applied.
    """

    environment: str
    at: datetime
    verb: str
    text: str
    subject: str = ""
    detail: Detail | None = None
