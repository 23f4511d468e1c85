"""What hangs below a table: partitions and children, which many a statement locks along with it.

In comes a world, out come names as SQL writes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from pgdrift.core.names import dotted, split_dotted
from pgdrift.core.plan.sql import has, texts
from pgdrift.core.plan.step import Below, Held, Step, World


class Hanging(NamedTuple):
    """What hangs below each table: all of it, and the partitions alone."""

    everything: Mapping[str, tuple[str, ...]]
    partitions: Mapping[str, tuple[str, ...]]


def below(world: World) -> Hanging:
    """Return all that hangs below each table, before the plan or after it, at any depth."""
    children: dict[str, set[str]] = defaultdict(set)
    parts: dict[str, set[str]] = defaultdict(set)
    for found in (*world.here.values(), *world.there.values()):
        for parent in texts(found.attributes.get("inherits")):
            name = dotted(split_dotted(parent))
            children[name].add(dotted(found.id.path))
            if has(found, "partition_bound"):
                parts[name].add(dotted(found.id.path))
    return Hanging(
        {name: tuple(sorted(_all_below(name, children))) for name in list(children)},
        {name: tuple(sorted(_all_below(name, parts))) for name in list(parts)},
    )


def _all_below(name: str, children: Mapping[str, set[str]]) -> Iterator[str]:
    seen, waiting = {name}, [name]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                yield child


def reaching(step: Step, hanging: Hanging) -> Step:
    """Return a statement that goes down to what hangs below its tables with all that it locks."""
    if step.below is Below.NOTHING:
        return step
    names = hanging.everything if step.below is Below.ALL else hanging.partitions
    down = [Held(name, step.lock) for table in step.on for name in names.get(table, ())]
    return replace(step, also=(*step.also, *down), below=Below.NOTHING)
