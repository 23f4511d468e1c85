"""A finding, a comparison, a notice in; text, Markdown or JSON out, with the real before and after.

Text is for any place: it holds names as the server gave them, made printable. Who puts it into
HTML, Slack or a header escapes it for there.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile

from pgdrift.core.alerts.incident import Incident, Notice, Reason
from pgdrift.core.model import (
    CHANNELS,
    DRILL,
    LEDGER,
    REACH,
    SYNC,
    Change,
    ChangeType,
    Direction,
    Finding,
    ObjectId,
    Origin,
    Renamed,
    Value,
)
from pgdrift.core.names import dotted
from pgdrift.core.printable import one_line as one_line  # noqa: PLC0414  asked for with the rest
from pgdrift.core.printable import printable as printable  # noqa: PLC0414
from pgdrift.core.why.blame import blame_json, blame_line

# A hunk that begins with the first line, or with nothing on a side that has none.
_FROM_THE_START = re.compile(r"@@ -[01](,[0-9]+)? \+[01](,[0-9]+)? ")

_SILENT: tuple[Value, ...] = (None, False, "", [], {})

# What nearly every object has that nobody chose it for: said only where it changed.
_USUAL: Mapping[str, tuple[Value, ...]] = {
    "access_method": ("heap",),
    "cache": (1,),
    "cost": ("1", "100"),
    "generated_columns": ("none",),
    "increment": (1,),
    "parallel": ("unsafe",),
    "persistence": ("permanent",),
    "replica_identity": ("default",),
    "rows": ("0",),
    "volatility": ("volatile",),
}
# Of what came or went with an object, so many of a kind are named.
_MOST_NAMES = 10

_MARK = {ChangeType.ADDED: "+", ChangeType.REMOVED: "-", ChangeType.CHANGED: "~"}


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


def is_usual(name: str, value: Value) -> bool:
    """Tell whether an attribute is off, empty, or what nearly every object has."""
    return value in _SILENT or value in _USUAL.get(name, ())


def diff(change: Change) -> tuple[str, ...]:
    """Return the difference as lines that begin with `- `, `+ ` or two spaces.

    A short value is one line, `- type: integer`; a longer one is a line diff below its name. An
    object that came or went shows what it says on the one side, without what is off, empty, or
    as usual. What may be but another spelling is called so.
    """
    return tuple(line for lines in _differences(change) for line in lines)


def difference(change: Change) -> tuple[str, ...]:
    """Return all that is to be said of a change, as lines: its diff, and what came or went with it.

    What is short comes first, so that a place with little room cuts the texts. Of a rename only
    the new name tells: the old one has no lines.
    """
    if change.renamed and change.change is ChangeType.REMOVED:
        return ()
    told = list(_differences(change))
    short = (line for lines in told if _is_short(lines) for line in lines)
    texts = (line for lines in told if not _is_short(lines) for line in lines)
    return (*short, *_with(change), *texts)


def change_text(change: Change) -> str:
    """Return a change as several lines of plain text: what became of which object, and its diff."""
    head = f"{_MARK[change.change]} {label(change)} {change.change.value}{rename_words(change)}"
    return "\n".join([head, *(f"    {line}" for line in difference(change))])


def change_json(change: Change) -> dict[str, Value]:
    """Return a change as JSON; `attributes` maps a name to [before, after]."""
    return {
        "kind": change.id.kind,
        "name": change.id.name,
        "change": change.change.value,
        "attributes": {name: list(pair) for name, pair in sorted(change.attributes.items())},
        "contains": [{"kind": i.kind, "name": i.name} for i in change.contains],
        "renamed": _renamed_json(change.renamed),
        "spelling": list(change.spelling),
    }


def change_markdown(change: Change) -> str:
    """Return a change as a Markdown list item with its diff in a fenced block."""
    lines = [
        f"- **{change.change.value}** {change.id.kind.replace('_', ' ')} {code(change.id.name)}"
        + rename_words(change, code)
    ]
    if shown := difference(change):
        fence = "`" * max(3, _longest_backticks(shown) + 1)
        lines += ["", f"  {fence}diff", *(f"  {line}" for line in shown), f"  {fence}"]
    return "\n".join(lines)


def rename_words(change: Change, harmless: Callable[[str], str] | None = None) -> str:
    """Say what an object was before or became, as `, renamed from app.x`; empty for none.

    `harmless` makes a name fit for the place that it goes to; else it is one line of text.
    """
    if change.renamed is None:
        return ""
    verb = "renamed" if change.renamed.sure else "perhaps renamed"
    way = "from" if change.change is ChangeType.ADDED else "to"
    return f", {verb} {way} {(harmless or one_line)(change.renamed.id.name)}"


def renames(changes: Iterable[Change]) -> int:
    """Return how many renames there are of which both names are among the changes."""
    pairs = {(c.id, c.renamed.id) for c in changes if c.renamed}
    return sum((new, old) in pairs for old, new in pairs) // 2


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
    lines = [head, *(f"    {line}" for line in difference(finding.change))]
    if said := blame_words(finding):
        lines.append(f"    — {said}")
    return "\n".join(lines)


def finding_json(finding: Finding) -> dict[str, Value]:
    """Return a finding as JSON: its change, and what was judged of it. Times are ISO 8601, UTC."""
    return {
        **change_json(finding.change),
        "direction": finding.direction.value,
        "severity": finding.severity.value,
        "class": finding.cls.value,
        "origin": finding.origin.value if finding.origin else None,
        "first_seen": finding.first_seen.isoformat(),
        "late": finding.late,
        "reason": finding.reason,
        "blame": blame_json(finding.blame),
    }


def finding_markdown(finding: Finding, environment: str, yardstick: str) -> str:
    """Return a finding as Markdown."""
    words = direction_words(finding, code(environment), code(yardstick), renames=False)
    return f"{change_markdown(finding.change)}\n\n  {finding.severity.value}, {words}"


def direction_words(
    finding: Finding, environment: str, yardstick: str, *, renames: bool = True
) -> str:
    """Say in plain words what a finding's direction means for this object, and what it was."""
    if yardstick == LEDGER:
        return one_line(finding.reason)
    change, here, there = finding.change.change, one_line(environment), one_line(yardstick)
    done = {ChangeType.ADDED: "added", ChangeType.REMOVED: "dropped"}.get(change, "changed")
    only = {
        ChangeType.ADDED: f"only in {here}",
        ChangeType.REMOVED: f"only in {there}",
    }.get(change, f"differs between {here} and {there}")
    renamed = rename_words(finding.change) if renames else ""
    late = "overdue for" if finding.late else "waiting for"
    words = {
        Direction.CHANGED: f"{done} since the sync point",
        Direction.BEHIND: f"{here} is behind {there}, {late} promotion",
        Direction.AHEAD: f"{done} in {here}, ahead of {there}",
        Direction.DIVERGED: f"changed in both {here} and {there}, differently",
        Direction.UNKNOWN: only,
    }[finding.direction]
    reason = f"; {one_line(finding.reason)}" if finding.reason else ""
    return words + renamed + reason


def blame_words(finding: Finding) -> str:
    """Say who changed it, through what and when, and how that is known; empty for nothing."""
    untracked = "untracked" if finding.origin is Origin.UNTRACKED else ""
    said = ", ".join(part for part in (untracked, blame_line(finding.blame)) if part)
    return f"upstream: {said}" if said and finding.direction is Direction.BEHIND else said


def dependants_words(finding: Finding, most: int = 3) -> str:
    """Say how much hangs on the object, and name so much of it; empty for nothing."""
    of = finding.dependants
    if not of.count:
        return ""
    names = [one_line(f"{i.kind.replace('_', ' ')} {i.name}") for i in of.some[:most]]
    more = f" and {of.count - len(names)} more" if of.count > len(names) else ""
    verb = "object depends" if of.count == 1 else "objects depend"
    return f"{of.count} {verb} on it: {', '.join(names)}{more}"


def headline(notice: Notice) -> str:
    """Return a notice on one line: environment, direction, count and the worst finding."""
    incident = notice.incident
    where = one_line(incident.environment)
    resolved = notice.reason is Reason.RESOLVED
    if incident.environment == DRILL:
        return "this was a drill: it is over" if resolved else "this is a drill: nothing drifted"
    if incident.environment == CHANNELS:
        verb = "can be reached again" if resolved else "cannot be reached"
        return f"channel {one_line(incident.against)} {verb}"
    if resolved and incident.detail:
        return f"{where} {one_line(incident.detail)}"
    if incident.against == REACH:
        if incident.unread:
            again = "can be looked at as a whole again"
            return f"{where} {again}" if resolved else f"{where} was looked at in part"
        return f"{where} can be looked at again" if resolved else f"{where} cannot be looked at"
    if resolved:
        return f"{where} is in sync with {yardstick_words(incident)} again"
    return f"{where} {summary(incident)}"


def detail(notice: Notice) -> str:
    """Return why an incident is what it is, where the headline does not say so already."""
    said = notice.incident.detail
    return "" if headline(notice).endswith(one_line(said)) else said


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
    if incident.against == LEDGER:
        return "its ledger"
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


def _renamed_json(renamed: Renamed | None) -> Value:
    if renamed is None:
        return None
    return {"kind": renamed.id.kind, "name": renamed.id.name, "sure": renamed.sure}


def _differences(change: Change) -> Iterator[list[str]]:
    """Give the lines of each attribute that is worth telling."""
    whole = change.change is ChangeType.CHANGED
    for name, (before, after) in sorted(change.attributes.items()):
        if whole or not is_usual(name, before or after):
            yield [*_attribute(name, before, after), *_spelt(name, change)]


def _is_short(lines: list[str]) -> bool:
    # A longer value has its name alone on its first line.
    return not lines or lines[0].startswith(("- ", "+ "))


def _with(change: Change) -> Iterator[str]:
    """Name what came or went with an object, by kind, what there are fewest of first."""
    by_kind: dict[str, list[str]] = {}
    for i in change.contains:
        by_kind.setdefault(i.kind, []).append(_within(i, change.id))
    for kind, names in sorted(by_kind.items(), key=lambda item: (len(item[1]), item[0])):
        count = len(names)
        words = f"  with {count} {kind.replace('_', ' ')}{'s' if count > 1 else ''}: "
        listed = ", ".join(names[:_MOST_NAMES])
        yield words + listed + (f" and {count - _MOST_NAMES} more" if count > _MOST_NAMES else "")


def _within(i: ObjectId, of: ObjectId) -> str:
    """Return a name without the part of the path that it shares with what it belongs to."""
    paths = zip(i.path[:-1], of.path, strict=False)
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], paths)))
    args = "" if i.args == of.args else i.args
    return one_line(dotted(i.path[shared:]) + args)


def _spelt(name: str, change: Change) -> Iterator[str]:
    if name in change.spelling:
        yield f"  {name}: the spelling differs, the meaning may well be the same"


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
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"
        elif not _FROM_THE_START.match(line):
            yield "  ..."


def _longest_backticks(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
