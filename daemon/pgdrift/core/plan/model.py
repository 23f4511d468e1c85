"""The nouns of a plan: statements in order, and what is left to be done by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from pgdrift.core.alike.normalise import Options
from pgdrift.core.digest import content_digest
from pgdrift.core.model import ObjectId, Value
from pgdrift.core.plan.step import Step
from pgdrift.core.plan.weight import Weights

FORMAT = 3
"""The format of plans as they are written. 3 binds a proof to all that running a plan relies on; 2
tells what is locked beside a table, and how large tables were; 1 knew of neither."""


class Verb(StrEnum):
    """What becomes of an object. The order is the one in which things are done, if nothing else
    decides.
    """

    LET_GO = "let go"
    ANNOUNCE = "announce"
    MAKE = "new"
    CHANGE = "change"
    FINISH = "finish"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a plan.

    `number` is its place, from 1; `transaction` counts those that it is cut into, from 1.
    `action` is the category: new table, drop column, and finer ones for changes.
    """

    number: int
    object: ObjectId
    verb: Verb
    step: Step
    transaction: int = 1

    def called(self, action: str) -> Statement:
        """Return the same statement under the action that it was once given."""
        return (
            self if self.action == action else replace(self, step=replace(self.step, action=action))
        )

    @property
    def action(self) -> str:
        """What it does, in plain words."""
        kind = self.object.kind.replace("_", " ")
        if self.step.action:
            return (
                f"{self.step.action} of {kind}"
                if kind not in self.step.action
                else self.step.action
            )
        return f"{'change' if self.verb in _CHANGES else self.verb.value} {kind}"


_CHANGES = frozenset({Verb.LET_GO, Verb.FINISH, Verb.CHANGE})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that no statement brings about: of which object, which attributes, and why.

    No attributes: the object as a whole.
    """

    object: ObjectId
    why: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Impact:
    """What hangs on one object, directly or by what hangs on it in turn.

    falls: goes with it for good. rebuilt: is dropped along and made anew. stays: hangs on it, and
    is left as it is. outside: hangs on it and is not compared. mentioned: has its name in a text.
    """

    object: ObjectId
    falls: tuple[ObjectId, ...] = ()
    rebuilt: tuple[ObjectId, ...] = ()
    stays: tuple[ObjectId, ...] = ()
    outside: tuple[ObjectId, ...] = ()
    mentioned: tuple[ObjectId, ...] = ()

    @property
    def said(self) -> tuple[tuple[str, tuple[ObjectId, ...]], ...]:
        """What there is to be told, each with the words for it."""
        return tuple(
            (words, those)
            for words, those in (
                ("falls with it", self.falls),
                ("is dropped along and made anew", self.rebuilt),
                ("hangs on it and stays", self.stays),
                ("hangs on it and is not compared", self.outside),
                ("has its name in its text, which may mean it or not", self.mentioned),
            )
            if those
        )


FATES = ("falls", "rebuilt", "stays", "outside", "mentioned")


@dataclass(frozen=True, slots=True)
class Way:
    """All statements from one side to the other, what is left by hand, and remarks for people.

    `hanging` is what hangs on each object that is dropped or changed, by pg_depend; `impacts` what
    becomes of all that hangs on what goes, or gets another type.
    """

    statements: tuple[Statement, ...] = ()
    by_hand: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
    hanging: Mapping[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    impacts: tuple[Impact, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """One end of a plan: what it is called, its fingerprint, and the version of its server."""

    name: str
    root: str
    server_version: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What came of trying a plan with rows of our own in the tables.

    `tables` had `rows` in all. `unfilled` could be given none, and why; `stopped` are statements
    that such rows stood against, as the plan says of them.
    """

    tables: int
    rows: int
    unfilled: tuple[LeftOut, ...] = ()
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of trying a plan on a scratch database.

    `up` and `down` say why that way does not hold; empty: it does. `unseen` is what the scratch
    database could not hold, and so nobody knows of. `binding` is what was proved: `Plan.binding`.
    `rows`: None where it was tried in empty tables alone.
    """

    up: str
    down: str
    server_version: int
    binding: str
    unseen: tuple[LeftOut, ...] = ()
    rows: Rows | None = None

    @property
    def holds(self) -> bool:
        """Whether both ways do what they say."""
        return not self.up and not self.down


@dataclass(frozen=True, slots=True)
class Plan:
    """How a target becomes as its source, and how it becomes again as it was.

    `options` is what counted as a difference when it was made. `aside` is what differs and was
    not chosen: then the source is what the target becomes by the rest.
    `weights` are of the target's tables when the plan was made, as far as somebody could tell.
    `format` is the one that it was written in, and decides what its binding is over.
    """

    target: End
    source: End
    up: Way
    down: Way
    online: bool = False
    proof: Proof | None = None
    options: Options = field(default_factory=Options)
    aside: tuple[LeftOut, ...] = ()
    weights: Weights = field(default_factory=dict)
    format: int = FORMAT

    @property
    def binding(self) -> str:
        """A digest over both fingerprints, all statements and what is left: what a proof is of."""
        said = [
            [self.target.root, self.source.root],
            *(
                [
                    [s.transaction, s.step.alone, s.step.sql, *self._relied_on(s)]
                    for s in w.statements
                ]
                for w in (self.up, self.down)
            ),
            *(
                [[str(left.object), list(left.attributes)] for left in w.by_hand]
                for w in (self.up, self.down)
            ),
        ]
        if self.format >= 3:
            said.append([[str(left.object), list(left.attributes)] for left in self.aside])
            said.append([asdict(self.options)])
        return content_digest("plan", (), "", {"said": said})

    def _relied_on(self, s: Statement) -> list[Value]:
        """Give what decides, beside the SQL, what is backed up, told and skipped."""
        if self.format < 3:
            return []
        return [str(s.object), s.verb.value, s.step.loses, s.step.fails, list(s.step.on)]

    @property
    def proved(self) -> bool:
        """Whether a proof holds, and is of this very plan."""
        return self.proof is not None and self.proof.holds and self.proof.binding == self.binding
