"""A plan for each open incident, made in the background and kept: made, and never applied.

What makes it is the command `pgdrift plans make`, in a process of its own: it asks no environment,
takes the time and the memory of nobody, and is ended when it takes too long. Incidents and what is
kept come as functions.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pgdrift.core.alerts.facts import about
from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.plan.kept import MADE_HERE
from pgdrift.errors import StoreError
from pgdrift.log import get_logger, redact

log = get_logger("ready")

# Of a schema of some thousand objects it is seconds; a server may be started for spellings.
_SECONDS = 180.0
# More is for somebody to ask for by hand: twice the schema is held in memory while it is made.
MOST_OBJECTS = 50_000
# What moves on is planned anew, and not at every step that it takes.
_AGAIN_SECONDS = 30.0
_ROUND_SECONDS = 2.0
_KEPT_SECONDS = 15.0
# A look at the watched environments comes first wherever both want the processor.
_NICE = 10


@dataclass(slots=True)
class Ready:
    """Sees that each open incident has its plan; `why_not` says of the others why they have none.

    `made` gives by incident the plan that is kept and of which findings it is, `objects` how many
    an environment has; `counted` hears what became of each try: made, nothing, failed. `on` tells
    whether plans are to be made at all.
    """

    config: Path | None
    incidents: Callable[[], Iterable[Incident]]
    made: Callable[[], Awaitable[Mapping[str, tuple[str, str]]]]
    objects: Callable[[str], int]
    counted: Callable[[str], None]
    on: Callable[[], bool]
    plans: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    why_not: dict[str, str] = field(default_factory=dict)
    _tried: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def run(self) -> None:
        """Make what is missing, one after another. Ends by being cancelled."""
        kept_at = -_KEPT_SECONDS
        while True:
            if time.monotonic() - kept_at >= _KEPT_SECONDS:
                # Somebody else may make them, and old ones go.
                await self._look()
                kept_at = time.monotonic()
            # One at a time, and asked anew after each: something graver may have come.
            if self.on() and (wanted := self._wanted()):
                await self._make(wanted[0])
                await self._look()
            await asyncio.sleep(_ROUND_SECONDS)

    def plan_of(self, incident: Incident) -> str:
        """Return the id of an incident's plan; empty while there is none."""
        return self.plans.get(incident.id, ("", ""))[0]

    def words(self, incident: Incident) -> str:
        """Say why an incident has no plan, or that what it has is of what was found before."""
        id_, of = self.plans.get(incident.id, ("", ""))
        if id_ and of == about(incident.findings):
            return ""
        if not can_be_planned(incident):
            return "there is nothing that a plan could mend"
        if not self.on():
            return "pgdrift makes no plans by itself here: `defaults.plans` is off"
        why = self.why_not.get(incident.id, "")
        if id_:
            return f"more was found since it was made{f', and {why}' if why else ''}"
        return why or "it is being made"

    async def _look(self) -> None:
        with suppress(StoreError):
            self.plans = await self.made()
        there = {i.id for i in self.incidents()}
        for known in (self.why_not, self._tried):
            for gone in known.keys() - there:
                known.pop(gone)

    def _wanted(self) -> list[Incident]:
        due = [i for i in self.incidents() if can_be_planned(i) and self._is_due(i)]
        return sorted(due, key=lambda i: (-i.severity.rank, i.opened_at))

    def _is_due(self, incident: Incident) -> bool:
        of = about(incident.findings)
        if self.plans.get(incident.id, ("", ""))[1] == of:
            return False
        tried, at = self._tried.get(incident.id, ("", -_AGAIN_SECONDS))
        return tried != of and time.monotonic() - at >= _AGAIN_SECONDS

    async def _make(self, incident: Incident) -> None:
        self._tried[incident.id] = (about(incident.findings), time.monotonic())
        if (count := self.objects(incident.environment)) > MOST_OBJECTS:
            said = f"it has {count} objects, too many to plan in passing: `pgdrift plans make`"
            outcome = "failed"
        else:
            outcome, said = await self._run(incident.id)
        self.why_not[incident.id] = said
        self.counted(outcome)
        report = log.info if outcome != "failed" else log.warning
        report("ready.plan", incident=incident.id, outcome=outcome, said=said)

    async def _run(self, incident_id: str) -> tuple[str, str]:
        """Return what became of one try, and what there is to say of it."""
        command = [sys.executable, "-m", "pgdrift", "plans", "make", incident_id]
        command += ["--actor", MADE_HERE, *(["--config", str(self.config)] if self.config else [])]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            async with asyncio.timeout(_SECONDS):
                _, err = await process.communicate()
        except TimeoutError:
            return "failed", f"it took longer than {_SECONDS:g} s: `pgdrift plans make`"
        finally:
            await _end(process)
        if process.returncode == 0:
            return "nothing", "there is nothing left to do"
        # Exit codes are those of `pgdrift plan`, and a fault of ours ends in one of them, too.
        if process.returncode in {1, 2, 4} and await self._is_kept(incident_id):
            return "made", ""
        return "failed", _why(err.decode("utf-8", "replace")) or "it could not be made"

    async def _is_kept(self, incident_id: str) -> bool:
        """Tell whether there is a plan that was not there before."""
        try:
            made = await self.made()
        except StoreError:
            return False
        return made.get(incident_id, ("", "")) not in {("", ""), self.plans.get(incident_id)}


def _why(said: str) -> str:
    """Return the line that says why: the first, or the last one of a traceback."""
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    return redact(lines[-1] if lines[0].startswith("Traceback") else lines[0])[:500]


async def _end(process: asyncio.subprocess.Process) -> None:
    """See that nothing is left of it, whatever it had started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await process.wait()
