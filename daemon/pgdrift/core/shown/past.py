"""Lines of a timeline, and the last changes of an object's parts, in; text, Markdown, JSON out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pgdrift.core.model import ChangeType, Detail, Event, Value
from pgdrift.core.parts import Part
from pgdrift.core.shown.render import code, one_line
from pgdrift.core.why.blame import blame_json, blame_line

_DONE = {
    ChangeType.ADDED: "added",
    ChangeType.REMOVED: "dropped",
    ChangeType.CHANGED: "changed",
}
# A line names so many attributes that changed.
_MOST_NAMES = 8


def event_text(event: Event) -> str:
    """Return a line of the timeline as text: when, what, and below it who did it."""
    head = f"{_at(event.at)}  {one_line(_said(event))}{_names(event.detail)}"
    said = event.detail and blame_line(event.detail.blame)
    return f"{head}\n    — {said}" if said else head


def event_markdown(event: Event) -> str:
    """Return a line of the timeline as a Markdown list item."""
    head = f"- {_at(event.at)} **{event.verb.replace('_', ' ')}** {code(event.text)}"
    said = event.detail and blame_line(event.detail.blame)
    return f"{head}, {code(said)}" if said else head


def event_json(event: Event) -> dict[str, Value]:
    """Return a line of the timeline as JSON; times are ISO 8601, UTC."""
    detail = event.detail or Detail()
    return {
        "at": event.at.isoformat(),
        "verb": event.verb,
        "text": event.text,
        "subject": event.subject or None,
        "change": detail.change.value if detail.change else None,
        "origin": detail.origin.value if detail.origin else None,
        "attributes": list(detail.attributes),
        "within": list(detail.within),
        "contains": list(detail.contains),
        "blame": blame_json(detail.blame) if event.detail else None,
    }


def part_text(part: Part, since: datetime | None) -> str:
    """Return the last change of a part as text. `since` is as far as the timeline goes back."""
    head = f"{one_line(_plain(part.key))}: {_last(part, since)}"
    said = _blame(part.last) if part.last else ()
    return "\n".join([head, *(f"    — {b}" for b in said)])


def part_markdown(part: Part, since: datetime | None) -> str:
    """Return the last change of a part as a Markdown list item."""
    said = _blame(part.last) if part.last else ()
    head = f"- {code(_plain(part.key))}: {_last(part, since)}"
    return head + "".join(f", {code(b)}" for b in said)


def part_json(part: Part) -> dict[str, Value]:
    """Return the last change of a part as JSON."""
    kind, _, name = part.key.partition(":")
    last = event_json(part.last) if part.last else None
    return {"kind": kind, "name": name, "there": part.there, "last": last}


def _last(part: Part, since: datetime | None) -> str:
    if part.last is None:
        back = f" since {_at(since)}," if since else ""
        return f"not changed{back} as far back as is known"
    detail, seen = part.last.detail or Detail(), f"seen {_at(part.last.at)}"
    if part.last.subject == part.key:
        done = _DONE[detail.change] if detail.change else "changed"
        return f"{done}{_names(detail)}, {seen}"
    if not part.last.subject:
        return f"changed with many others, {seen}"
    done = "went" if detail.change is ChangeType.REMOVED else "came"
    return f"{done} with {one_line(_plain(part.last.subject))}, {seen}"


def _said(event: Event) -> str:
    """Return what happened, and its verb before it where the text does not begin with that."""
    verb = event.verb.replace("_", " ")
    return event.text if event.text.startswith(f"{verb}:") else f"{verb}: {event.text}"


def _blame(event: Event) -> Iterator[str]:
    if event.detail is None:
        return
    origin = event.detail.origin.value if event.detail.origin else ""
    if said := ", ".join(p for p in (origin, blame_line(event.detail.blame)) if p):
        yield said


def _names(detail: Detail | None) -> str:
    if detail is None or not detail.attributes:
        return ""
    names = [one_line(n) for n in detail.attributes[:_MOST_NAMES]]
    more = len(detail.attributes) - len(names)
    return f" ({', '.join(names)}{f' and {more} more' if more else ''})"


def _plain(key: str) -> str:
    """Return a key as people say it: `table public.t`."""
    kind, _, name = key.partition(":")
    return f"{kind.replace('_', ' ')} {name}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
