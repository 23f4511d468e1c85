"""What a look is about: an environment, and what it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pgdrift.core.judge import Policy
from pgdrift.core.model import History, Origin, Snapshot
from pgdrift.core.normalise import Options
from pgdrift.core.route import Route


@dataclass(frozen=True, slots=True)
class Watched:
    """An environment as its looks need it: what it follows and how it is judged and told."""

    name: str
    follows: str | None = None
    policy: Policy = field(default_factory=Policy)
    options: Options = field(default_factory=Options)
    explained_by: frozenset[Origin] = frozenset({Origin.MIGRATION, Origin.TRACKED})
    routes: Sequence[Route] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an environment follows, as last seen; `reason` says why it cannot be compared with.

    `seen_at` is when the last look at it began, UTC; None for what stands for the present.
    `watched` says that it is an environment, whose own watch tells when it cannot be looked at.
    """

    name: str
    snapshot: Snapshot | None
    histories: tuple[History, ...] = ()
    reason: str = ""
    seen_at: datetime | None = None
    watched: bool = False
