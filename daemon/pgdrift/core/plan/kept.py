"""A plan as it is kept: which it is, of what it was made and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pgdrift.core.digest import content_digest
from pgdrift.core.plan.model import Plan

# So many digits of a digest name a plan, wherever people see it.
_ID = 12
MADE_HERE = "pgdrift"
"""Who makes the plans that nobody asked for: those for incidents."""


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan, and what is known of it.

    `environment` is what it changes and `source` what that is to be as, as the plan calls them.
    `incident` is the id of the one that it was made for, and `about` a digest of its findings
    then; both are empty for a plan that somebody made.
    """

    plan: Plan
    made_at: datetime
    made_by: str
    incident: str = ""
    about: str = ""

    @property
    def id(self) -> str:
        """The plan's name."""
        return plan_id(self.plan)

    @property
    def environment(self) -> str:
        """What it changes."""
        return self.plan.target.name

    @property
    def source(self) -> str:
        """What that is to be as."""
        return self.plan.source.name


def plan_id(plan: Plan) -> str:
    """Return a plan's name: another fingerprint, statement or end, another name.

    Of two databases that are alike, or of two that one is to be as, the statements are the same.
    """
    of = [plan.binding, plan.target.name, plan.source.name]
    return content_digest("plan id", (), "", {"of": of})[:_ID]
