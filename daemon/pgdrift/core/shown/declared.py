"""Sync points as they are kept, in; text, Markdown or JSON out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pgdrift.core.model import Finding, How, Value
from pgdrift.core.shown.render import code, finding_json, label, one_line, rename_words
from pgdrift.core.syncpoint import Declaration

# Of a root digest: enough to tell two apart at a glance.
_SHORT = 12

_HOW = {
    How.FIRST_LOOK: "first look",
    How.DECLARED: "declared",
    How.AT_MIGRATION: "declared as at migration",
    How.MIGRATION: "declared by migration",
}


def how_words(declaration: Declaration, harmless: Callable[[str], str] = one_line) -> str:
    """Say how a sync point came about."""
    point = declaration.point
    about = f" {harmless(point.migration)}" if point.migration else ""
    return _HOW[point.how] + about


def list_text(declarations: Iterable[Declaration]) -> str:
    """Return sync points as lines, the one that holds marked with a star."""
    return "\n".join(_lines(declarations, one_line, "* ", "  "))


def list_markdown(declarations: Iterable[Declaration]) -> str:
    """Return sync points as a Markdown list, the one that holds in bold."""
    return "\n".join(_lines(declarations, code, "- **holds** ", "- "))


def declaration_text(declaration: Declaration, objects: int) -> str:
    """Return all that is known of a sync point; `objects` is how many it declared."""
    d = declaration
    rows = [
        f"sync point {d.point.id} of {one_line(d.point.environment)}: {how_words(d)}",
        f"  at       {d.point.at:%Y-%m-%d %H:%M:%S} UTC",
        f"  by       {one_line(d.point.actor)}",
        f"  reason   {one_line(d.point.reason)}",
        f"  objects  {objects}",
        f"  root     {d.root}",
    ]
    if gone := _taken_back(d, one_line):
        rows.append(f"  {gone}")
    rows.append(f"  settled  {_count(d)}")
    rows += [f"    {line}" for line in map(_settled, d.settled)]
    return "\n".join(rows)


def declaration_markdown(declaration: Declaration, objects: int) -> str:
    """Return all that is known of a sync point as Markdown."""
    d = declaration
    rows = [
        f"## sync point {d.point.id} of {code(d.point.environment)}: {how_words(d, code)}",
        "",
        f"- at {d.point.at:%Y-%m-%d %H:%M:%S} UTC",
        f"- by {code(d.point.actor)}: {code(d.point.reason)}",
        f"- {objects} objects, root {code(d.root)}",
    ]
    if gone := _taken_back(d, code):
        rows.append(f"- {gone}")
    rows.append(f"- settled {_count(d)}")
    rows += [f"  - {code(line)}" for line in map(_settled, d.settled)]
    return "\n".join(rows)


def declaration_json(declaration: Declaration, objects: int | None = None) -> dict[str, Value]:
    """Return a sync point as JSON; times are ISO 8601, UTC."""
    point, gone = declaration.point, declaration.taken_back
    found: dict[str, Value] = {
        "id": point.id,
        "environment": point.environment,
        "at": point.at.isoformat(),
        "actor": point.actor,
        "reason": point.reason,
        "how": point.how.value,
        "migration": point.migration or None,
        "root": declaration.root,
        "settled": [finding_json(f) for f in declaration.settled],
        "undone": gone and {"at": gone.at.isoformat(), "actor": gone.actor, "reason": gone.reason},
    }
    return found if objects is None else found | {"objects": objects}


def _lines(
    declarations: Iterable[Declaration], harmless: Callable[[str], str], holds: str, other: str
) -> Iterator[str]:
    latest = True
    for d in declarations:
        mark = holds if latest and not d.taken_back else other
        latest = latest and d.taken_back is not None
        about = [how_words(d, harmless), f"root {d.root[:_SHORT]}"]
        if d.settled:
            about.append(f"settled {_count(d)}")
        if gone := _taken_back(d, harmless):
            about.append(gone)
        said = f"by {harmless(d.point.actor)}: {harmless(d.point.reason)}"
        yield f"{mark}{d.point.id}  {d.point.at:%Y-%m-%d %H:%M:%S} UTC  {said} ({', '.join(about)})"


def _count(declaration: Declaration) -> str:
    count = len(declaration.settled)
    return f"{count} finding{'' if count == 1 else 's'}"


def _taken_back(declaration: Declaration, harmless: Callable[[str], str]) -> str:
    gone = declaration.taken_back
    if gone is None:
        return ""
    return f"undone {gone.at:%Y-%m-%d %H:%M} UTC by {harmless(gone.actor)}: {harmless(gone.reason)}"


def _settled(finding: Finding) -> str:
    return f"{label(finding.change)} {finding.change.change.value}{rename_words(finding.change)}"
