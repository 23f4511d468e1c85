"""A plan in; out, how large and busy the tables are that it locks, where its target is a server."""

from __future__ import annotations

from pgdrift.cli import sides
from pgdrift.core.plan.model import Plan
from pgdrift.core.plan.weight import Weights, names


async def weights_of(plan: Plan, target: str, reader: sides.Sides) -> Weights:
    """Return what the target says of them; nothing for a file, or for what is past."""
    dsn = _dsn(target, reader)
    if dsn is None:
        return {}
    from pgdrift.sources.weights import read_weights

    return await read_weights(
        dsn, names(s.step for way in (plan.up, plan.down) for s in way.statements)
    )


def _dsn(word: str, reader: sides.Sides) -> str | None:
    if sides.is_dsn(word):
        return word
    if reader.past(word) or not reader.is_environment(word):
        return None
    environment = sides.settings(reader.config).environments[word]
    return None if environment.snapshot is not None else environment.read_dsn()
