"""A finding, a comparison, a notice in; text, Markdown or JSON out, with the real before and after.

Text is for any place: it holds names as the server gave them, made printable. Who puts it into
HTML, Slack or a header escapes it for there.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator

from pgdrift.core.incident import Incident, Notice, Reason
from pgdrift.core.model import (
    REACH,
    SYNC,
    Change,
    ChangeType,
    Confidence,
    Direction,
    Finding,
    Origin,
    Value,
)

# Characters that move or hide text on a terminal or a page: C0 and C1 controls but line feed
# and tab, bidirectional controls, zero-width characters, line separators; and lone surrogates,
# which cannot be written at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)

_SURE = {Confidence.EXACT: "on record", Confidence.WINDOW: "between two looks"}

_SILENT: tuple[Value, ...] = (None, False, "", [], {})

_MARK = {ChangeType.ADDED: "+", ChangeType.REMOVED: "-", ChangeType.CHANGED: "~"}


def printable(text: str) -> str:
    """Return the text with characters that could move or hide other text as their code point."""
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def one_line(text: str) -> str:
    """Return printable text on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def label(change: Change) -> str:
    """Return kind and name on one line, the kind in plain words: `materialized view app.m`."""
    return one_line(f"{change.id.kind.replace('_', ' ')} {change.id.name}")


def value_text(value: Value) -> str:
    """Return an attribute's value as people read it; None is `(none)`."""
    if value is None:
        return "(none)"
    if isinstance(value, str):
        return printable(value)
    return printable(json.dumps(value, ensure_ascii=False))


def diff(change: Change) -> tuple[str, ...]:
    """Return the difference as lines that begin with `- `, `+ ` or two spaces.

    A short value is one line, `- type: integer`; a longer one is a line diff below its name. An
    object that came or went shows what it says on the one side, without what is off or empty.
    """
    whole = change.change is ChangeType.CHANGED
    return tuple(
        line
        for name, (before, after) in sorted(change.attributes.items())
        if whole or (before or after) not in _SILENT
        for line in _attribute(name, before, after)
    )


def change_text(change: Change) -> str:
    """Return a change as several lines of plain text: what became of which object, and its diff."""
    head = f"{_MARK[change.change]} {label(change)} {change.change.value}"
    return "\n".join([head, *(f"    {line}" for line in _shown(change))])


def change_json(change: Change) -> dict[str, Value]:
    """Return a change as JSON; `attributes` maps a name to [before, after]."""
    return {
        "kind": change.id.kind,
        "name": change.id.name,
        "change": change.change.value,
        "attributes": {name: list(pair) for name, pair in sorted(change.attributes.items())},
        "contains": [{"kind": i.kind, "name": i.name} for i in change.contains],
    }


def change_markdown(change: Change) -> str:
    """Return a change as a Markdown list item with its diff in a fenced block."""
    lines = [
        f"- **{change.change.value}** {change.id.kind.replace('_', ' ')} {code(change.id.name)}"
    ]
    if shown := _shown(change):
        fence = "`" * max(3, _longest_backticks(shown) + 1)
        lines += ["", f"  {fence}diff", *(f"  {line}" for line in shown), f"  {fence}"]
    return "\n".join(lines)


def code(text: str) -> str:
    """Return text as a Markdown code span, whatever backticks it holds."""
    text = one_line(text)
    fence = "`" * (_longest_backticks([text]) + 1)
    # One space on each side is not shown, where there is one on each.
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def finding_text(finding: Finding, environment: str, yardstick: str) -> str:
    """Return a finding as plain text: severity, what, direction, who and when, before and after."""
    head = f"[{finding.severity.value}] {label(finding.change)}: "
    head += direction_words(finding, environment, yardstick)
    lines = [head, *(f"    {line}" for line in _shown(finding.change))]
    if words := blame_words(finding):
        lines.append(f"    — {words}")
    return "\n".join(lines)


def finding_json(finding: Finding) -> dict[str, Value]:
    """Return a finding as JSON: its change, and what was judged of it. Times are ISO 8601, UTC."""
    blame = finding.blame
    return {
        **change_json(finding.change),
        "direction": finding.direction.value,
        "severity": finding.severity.value,
        "class": finding.cls.value,
        "origin": finding.origin.value if finding.origin else None,
        "first_seen": finding.first_seen.isoformat(),
        "late": finding.late,
        "blame": {
            "confidence": blame.confidence.value,
            "who": blame.who,
            "at": blame.at.isoformat() if blame.at else None,
            "application": blame.application,
            "migration": blame.migration,
        },
    }


def finding_markdown(finding: Finding, environment: str, yardstick: str) -> str:
    """Return a finding as Markdown."""
    words = direction_words(finding, code(environment), code(yardstick))
    return f"{change_markdown(finding.change)}\n\n  {finding.severity.value}, {words}"


def direction_words(finding: Finding, environment: str, yardstick: str) -> str:
    """Say in plain words what a finding's direction means for this object."""
    change, here, there = finding.change.change, one_line(environment), one_line(yardstick)
    done = {ChangeType.ADDED: "added", ChangeType.REMOVED: "dropped"}.get(change, "changed")
    only = {
        ChangeType.ADDED: f"only in {here}",
        ChangeType.REMOVED: f"only in {there}",
    }.get(change, f"differs between {here} and {there}")
    late = "overdue for" if finding.late else "waiting for"
    return {
        Direction.CHANGED: f"{done} since the sync point",
        Direction.BEHIND: f"{here} is behind {there}, {late} promotion",
        Direction.AHEAD: f"{done} in {here}, ahead of {there}",
        Direction.DIVERGED: f"changed in both {here} and {there}, differently",
        Direction.UNKNOWN: f"{only}; the two never agreed on it",
    }[finding.direction]


def blame_words(finding: Finding) -> str:
    """Say who changed it, through what and when, and how that is known; empty for nothing."""
    blame = finding.blame
    parts = [
        f"by {blame.who}" if blame.who else "",
        f"with {blame.application}" if blame.application else "",
        f"in migration {blame.migration}" if blame.migration else "",
        f"at {blame.at:%Y-%m-%d %H:%M} UTC" if blame.at else "",
    ]
    words = one_line(" ".join(p for p in parts if p))
    untracked = "untracked" if finding.origin is Origin.UNTRACKED else ""
    if not words:
        return untracked
    sure = f" ({_SURE[blame.confidence]})" if blame.confidence in _SURE else ""
    return f"{untracked}, {words}{sure}" if untracked else f"{words}{sure}"


def headline(notice: Notice) -> str:
    """Return a notice on one line: environment, direction, count and the worst finding."""
    incident = notice.incident
    where = one_line(incident.environment)
    if incident.against == REACH:
        resolved = notice.reason is Reason.RESOLVED
        return f"{where} can be looked at again" if resolved else f"{where} cannot be looked at"
    if notice.reason is Reason.RESOLVED and incident.detail:
        return f"{where} {one_line(incident.detail)}"
    if notice.reason is Reason.RESOLVED:
        return f"{where} is in sync with {yardstick_words(incident)} again"
    return f"{where} {summary(incident)}"


def summary(incident: Incident) -> str:
    """Say how an environment stands by its open incident: directions, count, worst finding."""
    worst = max(incident.findings, key=lambda f: f.severity.rank, default=None)
    if worst is None:
        return f"differs from {yardstick_words(incident)}"
    count = len(incident.findings)
    words = " and ".join(_directions(incident))
    plural = "finding" if count == 1 else "findings"
    return f"{words} {yardstick_words(incident)}: {count} {plural}, worst: {label(worst.change)}"


def yardstick_words(incident: Incident) -> str:
    """Name what an incident measures against."""
    return "its sync point" if incident.against == SYNC else one_line(incident.against)


def _directions(incident: Incident) -> Iterator[str]:
    words = {
        Direction.AHEAD: "is ahead of",
        Direction.BEHIND: "is behind",
        Direction.DIVERGED: "has diverged from",
        Direction.UNKNOWN: "differs from",
        Direction.CHANGED: "has drifted from",
    }
    present = {f.direction for f in incident.findings}
    return (text for d, text in words.items() if d in present)


def _shown(change: Change) -> list[str]:
    # What holds others is told by what it holds; its own attributes would bury that.
    told = change.change is ChangeType.CHANGED or not change.contains
    lines = list(diff(change)) if told else []
    if change.contains:
        lines.append(f"  with {_counted(i.kind for i in change.contains)}")
    return lines


def _counted(kinds: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(
        f"{n} {kind.replace('_', ' ')}{'s' if n > 1 else ''}" for kind, n in sorted(counts.items())
    )


def _attribute(name: str, before: Value, after: Value) -> Iterator[str]:
    old, new = value_text(before), value_text(after)
    if "\n" not in old + new:
        if before is not None:
            yield f"- {name}: {old}"
        if after is not None:
            yield f"+ {name}: {new}"
        return
    yield f"  {name}:"
    yield from _lines(before, after)


def _lines(before: Value, after: Value) -> Iterator[str]:
    # Not splitlines(): a line feed at the very end is a difference, too.
    old = [] if before is None else value_text(before).split("\n")
    new = [] if after is None else value_text(after).split("\n")
    for line in list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]:
        yield "  ..." if line.startswith("@@") else f"{line[0]} {line[1:]}"


def _longest_backticks(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
