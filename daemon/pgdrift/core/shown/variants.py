"""Groups and their variants, as text for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Change, Value
from pgdrift.core.shown.render import label, one_line
from pgdrift.core.variants import Group, Variant, count_words, gist

_FEW = 3


def differs(variant: Variant, group: Group) -> str:
    """Say in one line how a variant differs from what the group follows."""
    if group.upstream is None:
        return "nothing to compare with: these follow no one upstream"
    if not variant.judged:
        return f"not judged against {one_line(group.upstream)}"
    changes = gist(variant)
    if not changes:
        return f"as {one_line(group.upstream)}"
    more = f", and {len(changes) - _FEW} more" if len(changes) > _FEW else ""
    return ", ".join(map(_change, changes[:_FEW])) + more


def _change(change: Change) -> str:
    return f"{change.change.value} {label(change)}"


def some(variant: Variant, most: int = 5) -> str:
    """Name some members of a variant."""
    more = f" and {len(variant.members) - most} more" if len(variant.members) > most else ""
    return ", ".join(map(one_line, variant.members[:most])) + more


def group_text(group: Group) -> str:
    """Return a group and its variants as text."""
    return "\n".join(_lines(group))


def _lines(group: Group) -> Iterator[str]:
    yield f"{one_line(group.name)}: {group.size} environments: {count_words(group)}"
    for number, variant in enumerate(group.variants, 1):
        yield f"  {number}. {len(variant.members)}: {differs(variant, group)}"
        yield f"     {some(variant)}"
    if group.unknown:
        yield f"  {len(group.unknown)} not known: {', '.join(map(one_line, group.unknown[:5]))}"


def group_json(group: Group) -> dict[str, Value]:
    """Return a group as JSON, with all members."""
    return {
        "name": group.name,
        "upstream": group.upstream,
        "environments": group.size,
        "drifted": group.drifted,
        "words": count_words(group),
        "variants": [
            {
                "content": v.content,
                "count": len(v.members),
                "differs": [f"{c.change.value} {c.id}" for c in gist(v)] if v.judged else None,
                "members": list(v.members),
            }
            for v in group.variants
        ],
        "unknown": list(group.unknown),
    }
