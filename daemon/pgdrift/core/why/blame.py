"""Who changed something, in; how that is said and how sure it is, out: words and JSON.

Nothing is said that is not known: who did it and when are told apart, and so is what is on record
from what merely happened between the same two looks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from pgdrift.core.model import Blame, Confidence, Hint, LedgerEntry, Migration, Value
from pgdrift.core.printable import one_line

# Anybody can send many notifications: so many people are named.
_MOST_PEOPLE = 3

_PLAIN = re.compile(r"[\w.@/+$:-]+")

NOBODY = "by nobody that we know"


def blame_line(blame: Blame) -> str:
    """Say on one line who did it, whence, with what, in which migration and when, and how sure.

    Empty where nothing is known. A statement comes last: `…, exact: ALTER TABLE app.t …`.
    """
    who = " ".join(_who(blame))
    when = _when(blame)
    ran = f": {blame.statement}" if blame.statement else ""
    match blame.confidence:
        case Confidence.EXACT if who:
            said = f"{who} {when}, exact" if blame.at else f"{who}{_after(when)} (on record)"
        case Confidence.WINDOW if who:
            said = f"probably {who}{_after(when)}"
        case Confidence.UNKNOWN:
            said = " ".join(p for p in (who, when) if p)
        case _:
            heard = f"; a notification names {blame.hearsay}" if blame.hearsay else ""
            said = f"{when or 'between two looks'}, {NOBODY}{heard}"
    return one_line(said + ran if said else "")


def blame_json(blame: Blame) -> dict[str, Value]:
    """Return it as JSON; times are ISO 8601, UTC."""
    return {
        "confidence": blame.confidence.value,
        "who": blame.who,
        "role": blame.role,
        "address": blame.address,
        "application": blame.application,
        "migration": blame.migration,
        "statement": blame.statement,
        "at": _iso(blame.at),
        "after": _iso(blame.after),
        "until": _iso(blame.until),
        "hearsay": blame.hearsay,
    }


def of_entry(entry: LedgerEntry, migration: str | None = None) -> Blame:
    """Return whom a ledger's entry names, in the migration of the same window if there is one.

    Its time counts only where it was recorded with a zone; which client, where that was kept.
    """
    login = entry.login_role or entry.who
    return Blame(
        Confidence.EXACT,
        who=login,
        at=entry.recorded_at,
        application=entry.application_name or None,
        migration=migration,
        role=entry.who if entry.who != login else None,
        address=entry.client_address or None,
        statement=entry.statement or entry.command_tag or None,
    )


def of_migrations(migrations: Collection[Migration]) -> Blame:
    """Return what migrations say of all that changed in their window: by whom, where all agree."""
    names = ", ".join(m.version if m.applied else f"{m.version} (rolled back)" for m in migrations)
    people = {m.by for m in migrations}
    who = people.pop() if len(people) == 1 else None
    return Blame(Confidence.WINDOW, who=who, migration=names)


def placed(
    blame: Blame,
    after: datetime | None,
    until: datetime,
    committed: datetime | None = None,
    heard: str | None = None,
    heard_at: datetime | None = None,
) -> Blame:
    """Return the blame with the two looks between which it happened, all times UTC.

    `committed` is when the server says that it was: it counts where no time is on record. `heard`
    is hearsay, which is kept where nobody is named; `heard_at` is when there was a notification.
    """
    at, heard = blame.at or committed, None if blame.who else heard
    return replace(blame, after=after, until=until, at=at, hearsay=heard, heard_at=heard_at)


def hearsay(names: Collection[str], hints: Iterable[Hint]) -> str | None:
    """Return whom notifications name for an object or what it belongs to, by their dotted names."""
    people = {
        f"{_name(h.by)} with {_name(h.application)}" if h.application else _name(h.by)
        for h in hints
        if h.by and any(o.endswith(f" {name}") for o in h.objects for name in names)
    }
    return " or ".join(sorted(people)[:_MOST_PEOPLE]) or None


def _who(blame: Blame) -> Iterator[str]:
    if blame.who:
        yield f"by {_name(blame.who)}"
    if blame.who and blame.role and blame.role != blame.who:
        yield f"(as {_name(blame.role)})"
    if blame.address:
        yield f"from {_name(blame.address)}"
    if blame.application:
        yield f"with {_name(blame.application)}"
    if blame.migration:
        yield f"in migration {blame.migration}"


def _name(name: str) -> str:
    """Return a name, in quotes where it might be read as words of ours: a client chooses it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _when(blame: Blame) -> str:
    if blame.at:
        return f"at {blame.at:%Y-%m-%d %H:%M:%S} UTC"
    if blame.until and blame.after:
        same_day = blame.until.date() == blame.after.date()
        until = f"{blame.until:%H:%M:%S}" if same_day else f"{blame.until:%Y-%m-%d %H:%M:%S}"
        return f"between {blame.after:%Y-%m-%d %H:%M:%S} and {until} UTC"
    return f"before {blame.until:%Y-%m-%d %H:%M:%S} UTC" if blame.until else ""


def _after(when: str) -> str:
    return f" {when}" if when else ""


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
