"""What comes after reading: comparing, a whole look, the store, a snapshot file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.reading import whole
from bench.stage import Stage
from bench.timing import Ratio, Times, amount, ratio, seconds, side_by_side
from pgdrift.core import snapshot_file
from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.book import Book, Step
from pgdrift.core.compare import compare
from pgdrift.core.look import Watched, seen
from pgdrift.core.model import Object, ObjectId, Outcome, Reading, Snapshot
from pgdrift.sources.connection import connection
from pgdrift.store.store import Store

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def measure(stage: Stage, rounds: int) -> list[Ratio]:
    """Return all ratios about what is done with snapshots. Changes the database."""
    async with connection(stage.dsn, statement_timeout=600) as session:
        before, again = await whole(session), await whole(session)
        reading = [await seconds(lambda: whole(session)) for _ in range(rounds)]
    await stage.change()
    async with connection(stage.dsn, statement_timeout=600) as session:
        after = await whole(session)
    changed = len(compare(before, after).changes)
    times = {
        **await _comparing(before, again, after, rounds),
        **await _filing(before, rounds),
        **await _storing(before, after, rounds),
    }
    return [
        amount("objects that differ", 100 * changed / len(before.objects), "%"),
        *_ratios(times, reading, stage),
    ]


def _ratios(times: Times, reading: Sequence[float], stage: Stage) -> Iterator[Ratio]:
    limits = {"compare, 1 % differs": 0.05}
    for name, spent in times.items():
        yield ratio(f"{name} / snapshot", spent, reading, limits.get(name))
    # The one limit that is a time: two hundredths of what a person notices.
    equal = max(times["compare, equal"]) * 1000
    yield amount("compare, equal", equal, "ms", 10 if stage.tables >= 10_000 else None)


async def _comparing(before: Snapshot, again: Snapshot, after: Snapshot, rounds: int) -> Times:
    watched = Watched("bench", None)
    book = Book("bench", snapshot=before, expected=before)
    named = _renamed(before)
    return await side_by_side(
        {
            "all digests and root": _sync(lambda: _digests(before)),
            # Anew each time: what is worked out of a snapshot stays with it.
            "compare, equal": _sync(lambda: compare(replace(before), again)),
            "compare, 1 % differs": _sync(lambda: compare(replace(before), after)),
            "align, equal": _sync(lambda: _aligned(replace(again), before)),
            "align, generated names differ": _sync(lambda: _aligned(replace(named), before)),
            "normalise and its digests": _sync(lambda: normalise(replace(before), Options()).root),
            "decide on a look, 1 % changed": _sync(
                lambda: seen(watched, book, Reading(replace(after), "gate"), None, _NOW)
            ),
            "decide on a look, as the last": _sync(
                lambda: seen(watched, book, Reading(before, "gate"), None, _NOW)
            ),
        },
        rounds,
    )


def _aligned(side: Snapshot, to: Snapshot) -> Snapshot:
    options = Options()
    return align(normalise(side, options), normalise(to, options), options)


def _renamed(of: Snapshot) -> Snapshot:
    """Return the same with another name for some of what has a generated one: for 1 % of all."""
    keys = [o for o in of.objects.values() if o.id.path[-1].endswith(("_pkey", "_fkey"))]
    edits: dict[ObjectId, Object | None] = {}
    for found in keys[:: max(1, 100 * len(keys) // len(of.objects))]:
        *place, name = found.id.path
        other = replace(found, id=found.id._replace(path=(*place, f"{name}1")))
        edits |= {found.id: None, other.id: other}
    return replace(of, objects=of.packed.edited(edits))


def _digests(of: Snapshot) -> str:
    """Hash every object anew: a digest, once known, stays with its object."""
    return replace(of, objects={i: replace(o) for i, o in of.objects.items()}).root


async def _filing(before: Snapshot, rounds: int) -> Times:
    text = snapshot_file.dump(before)
    return await side_by_side(
        {
            "write a snapshot file": _sync(lambda: snapshot_file.dump(before)),
            "parse a snapshot file": _sync(lambda: snapshot_file.parse(text)),
        },
        rounds,
    )


async def _storing(before: Snapshot, after: Snapshot, rounds: int) -> Times:
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        with TemporaryDirectory(prefix="pgdrift-bench-") as folder:
            for name, spent in (await _store_once(Path(folder), before, after)).items():
                times.setdefault(name, []).append(spent)
    return times


async def _store_once(folder: Path, before: Snapshot, after: Snapshot) -> dict[str, float]:
    url = f"sqlite:///{folder}/bench.db"
    first = Step("bench", _NOW, Outcome.IN_SYNC, seen_at=_NOW, snapshot=before, expected=before)
    second = Step("bench", _NOW, Outcome.DRIFTED, seen_at=_NOW, snapshot=after)
    async with await Store.open(url) as store:
        kept = await seconds(lambda: store.save(first))
        changed = await seconds(lambda: store.save(second))
        again = await seconds(lambda: store.load("bench"))
    async with await Store.open(url) as store:
        loaded = await seconds(lambda: store.load("bench"))
    return {
        "keep a first snapshot": kept,
        "keep a changed one": changed,
        "load the book, in use": again,
        "load the book, after a start": loaded,
    }


def _sync(do: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """Return something that is done at once as something to wait for."""

    async def done() -> object:
        return do()

    return done
