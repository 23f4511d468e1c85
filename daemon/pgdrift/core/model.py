"""The nouns. Everything that the core takes and returns is made of these.

All times are aware datetimes in UTC. Text comes from a server and is hostile: whoever prints it
escapes it for the place it goes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeAlias

from pgdrift.core.digest import content_digest, root_digest
from pgdrift.core.names import dotted

# Raised when what a snapshot holds is read or written differently. Two formats can still be
# compared: an attribute that only one side knows is "not read" there, and no difference.
FORMAT = 1

# A JSON value: None, a boolean, a whole number, text, a list of these, or a dict of these by name.
Value: TypeAlias = object


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


class Confidence(StrEnum):
    """How sure blame is: named by a ledger or trigger, between two looks, or not at all."""

    EXACT = "exact"
    WINDOW = "window"
    UNKNOWN = "unknown"


class ObjectId(NamedTuple):
    """Identity of anything in a schema: its kind, its path of names, a routine's arguments.

    `args` holds the identity arguments with their parentheses, as `(integer, text)`, and is
    empty for everything that is not told apart by arguments.
    """

    # A tuple: there are hundreds of thousands, and what is done with them is hashing and sorting.

    kind: str
    path: tuple[str, ...]
    args: str = ""

    @property
    def name(self) -> str:
        """The dotted name, quoted as SQL would quote it."""
        return dotted(self.path) + self.args

    def __str__(self) -> str:
        """Return `kind:name`, which rules, the store and the JSON output use as a key."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Object:
    """One object as it was read.

    `attributes` maps a name to its value. A name that is absent was *not read* (an older server
    or format has no such attribute) and is never a difference; None is a value. `parent` is the
    object that this one cannot outlive. `oid` rides along uncompared.
    """

    id: ObjectId
    attributes: Mapping[str, Value]
    parent: ObjectId | None = None
    oid: int = field(default=0, compare=False)
    # The digest, once it is known. (A cached_property would give each object a dict to hold it.)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Content hash of identity and attributes, 32 hex digits."""
        if not self._digest:
            i = self.id
            self.know(content_digest(i.kind, i.path, i.args, self.attributes))
        return self._digest

    def know(self, digest: str) -> None:
        """Take a digest that was made from this very content, and spare making it again."""
        object.__setattr__(self, "_digest", digest)


@dataclass(frozen=True)
class Snapshot:
    """All objects of one environment at one instant.

    `kinds` are the kinds that were read; `unread` says of others why they were not (a missing
    right, say). `dependencies` are pairs (dependent, referenced), sorted.
    """

    objects: Mapping[ObjectId, Object]
    kinds: frozenset[str]
    server_version: int
    taken_at: datetime
    database: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[tuple[ObjectId, ObjectId], ...] = ()
    format: int = FORMAT
    # Normalised forms by options, kept with the snapshot that they were made from.
    normalised: dict[object, Snapshot] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def root(self) -> str:
        """One digest over all objects: equal roots, equal schemas."""
        return root_digest(o.digest for o in self.objects.values())


@dataclass(frozen=True, slots=True)
class Change:
    """One object that differs between two sides, and the children it speaks for.

    `attributes` maps a name to (before, after). An object that was added or removed gives all
    its attributes with None on the other side; children that came or went with it are named in
    `contains` and get no change of their own.
    """

    id: ObjectId
    change: ChangeType
    attributes: Mapping[str, tuple[Value, Value]]
    contains: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """Who changed an object, as far as is known, and how sure that is."""

    confidence: Confidence = Confidence.UNKNOWN
    who: str | None = None
    at: datetime | None = None
    application: str | None = None
    migration: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it should be."""

    change: Change
    direction: Direction
    severity: Severity
    cls: ChangeClass
    origin: Origin | None
    first_seen: datetime
    blame: Blame = Blame()
    late: bool = False

    @property
    def key(self) -> str:
        """`kind:name`, stable while the finding lasts."""
        return str(self.change.id)


@dataclass(frozen=True, slots=True)
class Migration:
    """One row of a migration history."""

    version: str
    description: str = ""
    checksum: str | None = None
    applied: bool = True
    failed: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The rows that one migration tool keeps in one table. `table` is a quoted, dotted name.

    `heads_only` says that the tool keeps no row of what it applied before the latest.
    """

    tool: str
    table: str
    migrations: tuple[Migration, ...]
    heads_only: bool = False


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of a ledger's `history`: a statement it saw on an object it tracks.

    `at` has no zone and is the writer's transaction start, so it is shown and never compared.
    `object_name` is as stored: quoted, for columns `table.column`, for functions OID digits.
    """

    id: int
    object_type: str
    schema_name: str
    object_name: str
    change_type: str
    at: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """How far a ledger has been read, so that a transaction that commits late is not lost.

    `identity` names the very ledger (system, database, ledger table); `horizon` is the oldest
    transaction id that was still running; `seen` are ids of rows at or after the horizon.
    """

    identity: str
    horizon: int
    seen: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a ledger told since the mark it was asked from.

    `shape` is `core`, `ext` or `new`; `tracking` is False when its event triggers are off;
    `incomplete` says why it cannot be used (half installed, no right to read it), else None.
    `entries` are the rows not told before, in order of id; empty on the first reading.
    """

    schema: str
    shape: str
    tracking: bool
    mark: LedgerMark | None
    entries: tuple[LedgerEntry, ...] = ()
    incomplete: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one look read of one environment, and the gate under which it was read.

    `not_compared` counts user objects of kinds that no reader covers; `notes` say what could not
    be read and why, for people.
    """

    snapshot: Snapshot
    gate: str
    ledger: Ledger | None = None
    histories: tuple[History, ...] = ()
    not_compared: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


SYNC = "sync"
"""The yardstick's name for an environment against its own sync point."""

REACH = "reach"
"""The yardstick's name for whether an environment can be looked at, at all."""


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """The moment an environment was last declared right. `id` is None until it is kept."""

    environment: str
    at: datetime
    reason: str
    actor: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """Per object, the content on which an environment and its upstream last agreed.

    `snapshot` holds the agreed objects; an object in neither part is agreed to be absent.
    `unknown` are the objects on which the two never agreed yet.
    """

    snapshot: Snapshot
    unknown: frozenset[ObjectId] = frozenset()


@dataclass(frozen=True, slots=True)
class Against:
    """How an environment stands against one yardstick: `sync`, or its upstream's name.

    `held` are keys of objects that changed here and wait for a look at the upstream, each with
    when that change was read, UTC. `ignored` counts what rules of the operator leave out.
    """

    yardstick: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    migrations_missing: int | None = None
    reason: str = ""
    held: tuple[tuple[str, datetime], ...] = ()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the latest look at an environment found: what metrics, page and API show.

    `looked_at` is the latest try and `seen_at` the latest that could look, both UTC; `reason`
    says why the outcome is unknown. `not_compared` counts objects by kind that were not compared.
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


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an environment's timeline. `subject` is an object's key, or empty.

    Verbs: looked_first, synced, changed, opened, told, resolved, unknown, seen_again.
    """

    environment: str
    at: datetime
    verb: str
    text: str
    subject: str = ""
