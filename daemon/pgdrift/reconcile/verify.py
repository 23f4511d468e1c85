"""Is what a script made still as the script made it, and does it still see everything?

Reads in the transaction that the caller opened, changes nothing, and returns what is wrong as
words for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from pgdrift.core.names import quote_ident
from pgdrift.core.shown.render import one_line
from pgdrift.reconcile.capture import capture, differences
from pgdrift.reconcile.install import absent
from pgdrift.reconcile.scripts import Script
from pgdrift.reconcile.survey import Ground, survey
from pgdrift.reconcile.writing import Target, told

_FUNCTIONS = """
SELECT p.proname::text AS name, p.prosrc AS body
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 ORDER BY p.proname, p.oid
"""
# What the triggers call as whoever changes the schema: without it, only what the ledger's owner
# does is recorded.
_CLOSED = """
SELECT 'the schema ' || pg_catalog.quote_ident(n.nspname) AS what
FROM pg_catalog.pg_namespace n
WHERE n.nspname = $1 AND NOT pg_catalog.has_schema_privilege('public', n.oid, 'USAGE')
UNION ALL
SELECT 'the function ' || p.oid::pg_catalog.regprocedure
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND pg_catalog.starts_with(p.proname, 'record_')
    AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
"""
_MADE = re.compile(r"^CREATE (?:OR REPLACE )?FUNCTION \w+\.(\w+)", re.MULTILINE)
_OFF = {"D": "is disabled", "R": "fires in replica sessions alone"}


@dataclass(frozen=True, slots=True)
class Verified:
    """What a script made, looked at. `faults` are what is wrong, none where all holds.

    `recorded` is how many objects a ledger has on record as being there.
    """

    script: Script
    version: str
    faults: tuple[str, ...]
    recorded: int = 0


async def verify(target: Target, script: Script) -> Verified:
    """Return what a script made, looked at, in the transaction that is open.

    Raises ReconcileError (absent) where it is not installed.
    """
    with told(target.where):
        ground = await survey(target.session)
        version = ground.version_of(script)
        if version is None:
            raise absent(target, ground, script)
        faults = await _faults(target.session, ground, script)
    recorded = 0
    if script.records:
        snapshot = await target.read()
        with told(target.where):
            found = await capture(target.session, snapshot, script.schema)
            failed = await target.session.fetchval(f"SELECT count(*) FROM {script.schema}.failures")
        recorded, faults = found.recorded, (*faults, *differences(found))
        if failed:
            faults = (
                *faults,
                f"{failed} statements could not be recorded: {script.schema}.failures",
            )
    return Verified(script, version, faults, recorded)


async def _faults(session: asyncpg.Connection, ground: Ground, script: Script) -> tuple[str, ...]:
    """Return what is wrong with triggers and functions of a script that is installed."""
    functions = await session.fetch(_FUNCTIONS, script.schema)
    version = ground.version_of(script)
    found = [*_of_triggers(ground, script)]
    if script.records:
        closed = await session.fetch(_CLOSED, script.schema)
        found += [
            f"{row['what']} is not open to PUBLIC: not all that others do is recorded"
            for row in closed
        ]
    if version != script.version:
        found.append(f"it is of version {version}, this pgdrift brings {script.version}")
    else:
        found += _of_functions(script, [(f["name"], f["body"]) for f in functions])
    return tuple(map(one_line, found))


def _of_triggers(ground: Ground, script: Script) -> Iterator[str]:
    there = {t.name: t for t in ground.triggers_of(script)}
    for name in script.triggers:
        trigger = there.get(name)
        if trigger is None:
            yield f"the event trigger {name} is gone"
        elif trigger.schema != script.schema:
            yield f"the event trigger {name} calls a function in {quote_ident(trigger.schema)}"
        elif not trigger.on:
            yield f"the event trigger {name} {_OFF.get(trigger.enabled, 'does not fire')}"
    if not ground.fires:
        yield "event_triggers is off on this server: no event trigger fires"


def _of_functions(script: Script, functions: list[tuple[str, str]]) -> Iterator[str]:
    text = script.text
    made = set(_MADE.findall(text))
    for name in sorted(made - {name for name, _ in functions}):
        yield f"the function {script.schema}.{name} is gone"
    for name, body in functions:
        if name not in made:
            yield f"the function {script.schema}.{quote_ident(name)} is none of the script's"
        elif body not in text:
            yield f"the function {script.schema}.{name} was changed"
