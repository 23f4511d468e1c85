"""The life of an incident: (incident or none, what a look found, now) → what to keep, what to tell.

One incident is the life of the findings of one environment against one yardstick. It is a pure
table of situations; the reason it gives is the word that logs, messages and tests use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pgdrift.core.model import Finding, Outcome, Severity


class State(StrEnum):
    """Where an incident is in its life: pending is what people are not to be told of yet."""

    PENDING = "pending"
    OPEN = "open"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why people are told now, or that they are not."""

    FIRST = "first"
    CHANGED = "changed"
    WORSE = "worse"
    REPEAT = "repeat"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    NOTHING = "nothing"

    @classmethod
    def _missing_(cls, value: object) -> Reason | None:
        # What an older release decided may still wait to be told.
        return cls.FIRST if value == "opened" else None


class Fact(NamedTuple):
    """What was told of one finding, by its key: how grave it was, and a digest of what it said."""

    key: str
    severity: Severity
    fact: str


@dataclass(frozen=True, slots=True)
class Thread:
    """One incident as one channel was told of it; the channel with no name is the timeline.

    `told` is what it was told and was not told the end of, `severity` how grave that is. `at` is
    when it was last told something, UTC. Of a thread that is not `open` the end was told.
    """

    channel: str
    at: datetime
    group: str = ""
    told: tuple[Fact, ...] = ()
    severity: Severity = Severity.INFO
    open: bool = True


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands. `against` is `sync`, an upstream's name, or `reach`.

    `detail` says why an environment cannot be looked at, for `reach`, and why it was resolved.
    `told_at` is when a notice was last decided, `channels` are all that were told of it so far;
    `revision` counts the notices from 1. `unread` says what could not be looked at, for `reach`:
    nothing for all of it, None for not known. `threads` is what each channel was told, `past` the
    findings that went and of which somebody still waits to hear, or of what is over, that it had.
    """

    id: str
    environment: str
    against: str
    state: State
    severity: Severity
    opened_at: datetime
    changed_at: datetime
    told_at: datetime
    resolved_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    channels: tuple[str, ...] = ()
    revision: int = 1
    unread: tuple[str, ...] | None = None
    threads: tuple[Thread, ...] = ()
    past: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One decision to tell: the incident as it stood then, and why.

    `new` and `gone` are keys of findings (`kind:name`) that came and went since the last notice.
    """

    incident: Incident
    reason: Reason
    at: datetime
    new: tuple[str, ...] = ()
    gone: tuple[Finding, ...] = ()

    @property
    def id(self) -> str:
        """Unique and stable: the incident and its revision."""
        return f"{self.incident.id}-{self.incident.revision}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one channel.

    `id` is stable over every try, so that a receiver can tell a repetition. `thread` is what the
    channel returned for the latest message of the incident's thread `group` there, or None when
    this is the first. `uncertain` says that an earlier try may have arrived: its end was never
    known. `mention` are those to call by name.

    `parts` are the notices of several threads that become one message, each as its thread stands,
    `notice` among them; empty: this one alone. Such a message is the thread of each from then on,
    and `thread` then holds `digest`: it is not the incident's own to edit. `covers` are the ids of
    all deliveries that end with this one, `threads` the pairs (incident's id, group) that these
    are of. `not_before` is until when it was to wait, UTC.
    """

    id: str
    channel: str
    notice: Notice
    attempts: int = 0
    uncertain: bool = False
    thread: Mapping[str, str] | None = None
    group: str = ""
    mention: tuple[str, ...] = ()
    not_before: datetime | None = None
    parts: tuple[Notice, ...] = ()
    covers: tuple[str, ...] = ()
    threads: tuple[tuple[str, str], ...] = ()

    @property
    def since(self) -> datetime:
        """From when on it was to be told, UTC."""
        return max(self.notice.at, self.not_before or self.notice.at)

    @property
    def changed_at(self) -> datetime | None:
        """When the oldest change that it tells as new was made, UTC; None where nothing says so."""
        told = self.parts or (self.notice,)
        new = (f for n in told for f in n.incident.findings if f.key in n.new)
        return min((f.blame.at for f in new if f.blame.at), default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look found of one environment against one yardstick.

    `detail` says why the outcome is unknown, or why there is nothing left to compare. Against
    `reach`, drifted means that the environment cannot be looked at, with `severity`; against all
    else the findings say how grave it is. `unread` are the parts that could not be
    looked at, where all else could.
    """

    environment: str
    against: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    severity: Severity = Severity.INFO
    unread: tuple[str, ...] | None = None
