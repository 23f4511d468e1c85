"""What one channel is told of an incident: what it was told, and what there is now → a reason.

A pure table of situations. Each thread is decided on by itself: a channel hears of what is routed
to it, is told nothing twice, and hears the end of all that it heard of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.hold import WHOLE
from pgdrift.core.alerts.incident import Fact, Reason, Thread, Verdict
from pgdrift.core.model import Outcome, Severity

Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Share:
    """What one channel hears of an incident now, by key.

    `quiet` are keys of what it is not to be told of now: silenced, or held. An `acknowledged`
    incident is not repeated, and what goes away is no news. `repeat` is after how long what is
    still so is told again.
    """

    channel: str
    group: str = ""
    facts: Facts = field(default_factory=dict)
    quiet: Collection[str] = frozenset()
    acknowledged: bool = False
    repeat: timedelta | None = None

    @property
    def loud(self) -> Facts:
        """What may be told now."""
        return {key: f for key, f in self.facts.items() if key not in self.quiet}


def facts_of(verdict: Verdict, before: Facts) -> Facts:
    """Return what there is to tell of a verdict. `before` is what was told of it.

    Of what cannot be looked at the news is which parts; where that is not known, it is no news.
    """
    if verdict.outcome is not Outcome.DRIFTED:
        return {}
    if verdict.findings:
        return {f.key: Fact(f.key, f.severity, fact(f)) for f in verdict.findings}
    if verdict.unread is None:
        known = before[WHOLE].fact if WHOLE in before else "?"
        return {WHOLE: Fact(WHOLE, verdict.severity, known)}
    return {WHOLE: Fact(WHOLE, verdict.severity, "|".join(verdict.unread))}


def decide(thread: Thread | None, share: Share, now: datetime) -> Reason:
    """Return why a channel is to be told of an incident now, or that it is not."""
    loud, left = share.loud, after(thread, share)
    if thread is None or not thread.open:
        first = Reason.FIRST if thread is None else Reason.REOPENED
        return first if loud else Reason.NOTHING
    if not left:
        return Reason.RESOLVED
    if worst(loud).rank > thread.severity.rank:
        return Reason.WORSE
    if _news(thread, share):
        return Reason.CHANGED
    waited = share.repeat is not None and now - thread.at >= share.repeat
    if not waited or not loud or share.acknowledged:
        return Reason.NOTHING
    # What went while it was silenced is no news by itself; told along, it makes a change.
    return Reason.REPEAT if left.keys() == told(thread).keys() else Reason.CHANGED


def after(thread: Thread | None, share: Share) -> Facts:
    """Return what a channel knows of once it is told: what is loud, and of the rest what it was.

    What is quiet and was told stays as it was told, for as long as it is there.
    """
    was = told(thread)
    kept = {key: was[key] for key in share.quiet if key in was and key in share.facts}
    return {**kept, **share.loud}


def stepped(thread: Thread | None, share: Share, reason: Reason, now: datetime) -> Thread:
    """Return the thread once this was told."""
    if reason is Reason.RESOLVED and thread:
        return replace(thread, told=(), at=now, open=False)
    known = after(thread, share)
    facts = tuple(known.values())
    return Thread(share.channel, now, share.group, facts, worst(known), open=True)


def told(thread: Thread | None) -> Facts:
    """Return what a channel was told of and not told the end of, by key."""
    return {f.key: f for f in thread.told} if thread else {}


def worst(facts: Facts) -> Severity:
    """Return the gravest severity; info of nothing."""
    return max((f.severity for f in facts.values()), key=lambda s: s.rank, default=Severity.INFO)


def _news(thread: Thread, share: Share) -> bool:
    was = told(thread)
    for key, new in share.loud.items():
        old = was.get(key)
        if old is None or old.fact not in (new.fact, "?") or new.severity.rank > old.severity.rank:
            return True
    gone = was.keys() - share.facts.keys() - set(share.quiet)
    better = any(
        key in was and f.severity.rank < was[key].severity.rank for key, f in share.loud.items()
    )
    return (bool(gone) or better) and not share.acknowledged
