"""A key built beside those who write: its index first, and the constraint of that index."""

from __future__ import annotations

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.plan.sql import bracketed, last, spaced, upto
from pgdrift.core.plan.step import Below, Lock, Step

_UNIQUE, _PRIMARY = "UNIQUE", "PRIMARY KEY"
_NULLS = "NULLS NOT DISTINCT"


def built_beside(found: Object, said: str) -> tuple[Step, ...]:
    """Return the statements that give a table a key by an index; none for what cannot be so.

    `said` is the constraint as the server prints it. What excludes cannot: only a unique index
    can be told to be a constraint.
    """
    kind = next((k for k in (_PRIMARY, _UNIQUE) if said.startswith(f"{k} ")), "")
    rest = said.removeprefix(kind).lstrip()
    nulls = _NULLS if rest.startswith(_NULLS) else ""
    columns, rest = bracketed(rest.removeprefix(nulls).lstrip())
    if not kind or "WITHOUT OVERLAPS" in columns:
        return ()
    include = ""
    if rest.startswith("INCLUDE "):
        include, rest = bracketed(rest.removeprefix("INCLUDE "))
        include = f"INCLUDE {include}"
    table, name = upto(found), last(found)
    return (
        Step(
            spaced(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {columns}", include, nulls),
            "build index",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            (table,),
            scans=True,
            alone=True,
            fails="rows have equal keys",
            about=ObjectId("index", (found.id.path[0], found.id.path[-1])),
        ),
        Step(
            spaced(f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}", rest),
            "",
            Lock.ACCESS_EXCLUSIVE,
            (table,),
            below=Below.ALL,
        ),
    )
