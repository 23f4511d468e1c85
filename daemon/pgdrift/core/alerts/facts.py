"""What of a finding is news when it changes: findings in, digests that compare them out."""

from __future__ import annotations

from collections.abc import Iterable

from pgdrift.core.digest import content_digest
from pgdrift.core.model import Change, Finding


def content(change: Change) -> str:
    """Return the digest of what became of an object, and of what came or went with it."""
    # What came with an object is told by it alone: a new table's new policy is news.
    holds = [str(i) for i in change.contains]
    return content_digest(change.change, (), "", {"of": change.attributes, "holds": holds})


def fact(finding: Finding) -> str:
    """Return the digest of what changed and who moved; how grave that is stands beside it."""
    told = {"direction": finding.direction.value, "content": content(finding.change)}
    return content_digest("fact", (finding.key,), "", told)[:16]


def about(findings: Iterable[Finding]) -> str:
    """Return a digest of what differs, whoever did it and however grave: what a plan is about."""
    told = sorted(content_digest("of", (f.key,), "", {"of": content(f.change)}) for f in findings)
    return content_digest("about", (), "", {"all": told})[:16]
