"""Environments of one group told apart by what they are: "387 like this, 12 like that, 1 alone".

In come the latest standings, out come groups and their variants, the largest first. Environments
are alike where all that is compared is equal; who cannot be looked at is like nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pgdrift.core.model import Change, Finding, Outcome, Standing


@dataclass(frozen=True, slots=True)
class Variant:
    """Environments that are alike, by name. `content` is one digest of what is compared of them.

    `differs` is what one of them, `members[0]`, differs from the group's upstream in; `judged`
    tells whether that is known.
    """

    content: str
    members: tuple[str, ...]
    differs: tuple[Finding, ...] = ()
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its variants, and who cannot be told.

    `upstream` is what all of them follow, if they do; `drifted` are those with findings.
    """

    name: str
    upstream: str | None
    variants: tuple[Variant, ...]
    unknown: tuple[str, ...] = ()
    drifted: int = 0

    @property
    def size(self) -> int:
        """How many environments there are in it."""
        return len(self.unknown) + sum(len(v.members) for v in self.variants)


def groups(standings: Iterable[Standing]) -> tuple[Group, ...]:
    """Return all groups, in order of name."""
    by_name: dict[str, list[Standing]] = {}
    for standing in standings:
        if standing.group:
            by_name.setdefault(standing.group, []).append(standing)
    return tuple(_group(name, by_name[name]) for name in sorted(by_name))


def _group(name: str, of: list[Standing]) -> Group:
    known = [s for s in of if s.content and s.could_look]
    alike: dict[str, list[Standing]] = {}
    for standing in sorted(known, key=lambda s: s.environment):
        alike.setdefault(standing.content, []).append(standing)
    upstreams = {s.follows for s in of}
    upstream = upstreams.pop() if len(upstreams) == 1 else None
    variants = [_variant(content, some, upstream) for content, some in alike.items()]
    return Group(
        name,
        upstream,
        tuple(sorted(variants, key=lambda v: (-len(v.members), v.members))),
        tuple(sorted({s.environment for s in of} - {s.environment for s in known})),
        sum(s.outcome is Outcome.DRIFTED for s in known),
    )


def _variant(content: str, alike: list[Standing], upstream: str | None) -> Variant:
    members = tuple(s.environment for s in alike)
    against = next((a for a in alike[0].against if a.yardstick == upstream), None)
    if against is None:
        return Variant(content, members, judged=False)
    found = (*against.findings, *against.accepted)
    return Variant(content, members, found, judged=against.outcome is not Outcome.UNKNOWN)


def count_words(group: Group) -> str:
    """Say how many are alike: `387 like this, 12 like that, 1 alone`."""
    sizes = [len(v.members) for v in group.variants]
    several, alone = [n for n in sizes if n > 1], sizes.count(1)
    named = [f"{n} like {'this' if place == 0 else 'that'}" for place, n in enumerate(several[:3])]
    rest = several[3:]
    if rest:
        named.append(f"{sum(rest)} in {len(rest)} more variants")
    if alone:
        named.append(f"{alone} alone")
    if group.unknown:
        named.append(f"{len(group.unknown)} not known")
    return ", ".join(named) or "none"


def gist(variant: Variant) -> tuple[Change, ...]:
    """Return in what a variant differs from the upstream, the gravest first."""
    ordered = sorted(variant.differs, key=lambda f: (-f.severity.rank, f.key))
    return tuple(f.change for f in ordered)


def without_members(group: Group, most: int) -> Group:
    """Return a group with but so many names of each variant, where all would be too many."""
    return replace(
        group, variants=tuple(replace(v, members=v.members[:most]) for v in group.variants)
    )
