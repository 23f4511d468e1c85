"""Two environments' migration histories in, how they differ out; and what one alone says of itself.

Only what tools wrote down: whether it is true is for the comparison of schemas to say. Times are
never compared, for most tools keep none, or none with a zone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from pgdrift.core.model import History, HistoryFinding, HistoryState, Migration, Value

# What is kept of one comparison: an environment that was never migrated lacks thousands. How many
# are missing is counted of all.
MOST = 200


def not_read(before: Iterable[History], now: Collection[History]) -> bool:
    """Tell whether a history that was known, or is there, could not be read this time."""
    read = {h.table for h in now if not h.unread}
    return any(h.unread for h in now) or any(h.table not in read for h in before)


def kept_up(
    before: Collection[History], now: Collection[History], there: Collection[str]
) -> tuple[History, ...]:
    """Return the histories with what was known of those that could not be read for once.

    `there` are the names of the tables that exist: what is gone is forgotten.
    """
    known = {h.table: h for h in before if h.table in there}
    told = {h.table for h in now}
    lost = (_at_rest(h) for h in known.values() if h.table not in told)
    return (*(_filled(h, known.get(h.table)) for h in now), *lost)


def of_itself(here: Iterable[History]) -> tuple[HistoryFinding, ...]:
    """Return what the histories of one environment say is wrong with it: what failed."""
    return tuple(
        _finding(h, m, HistoryState.FAILED) for h in here for m in h.migrations if m.failed
    )


def differing(
    here: Collection[History], upstream: Collection[History]
) -> tuple[HistoryFinding, ...] | None:
    """Return how the histories here differ from the upstream's, the gravest first.

    Histories are matched by tool and table, or by tool alone where each side has one left. None
    when no tool keeps a history on both sides.
    """
    pairs = list(_pairs(here, upstream))
    if not pairs:
        return None
    found = [f for ours, theirs in pairs for f in _between(ours, theirs)]
    order = list(HistoryState)
    return tuple(sorted(found, key=lambda f: order.index(f.state)))


def missing(findings: Iterable[HistoryFinding] | None) -> int | None:
    """Return how many migrations the upstream has more; None when nobody can tell.

    Where a tool keeps its heads alone and these differ, nobody can tell which side is older, or by
    how much.
    """
    if findings is None:
        return None
    states = [f.state for f in findings]
    return None if HistoryState.OTHER_HEAD in states else states.count(HistoryState.MISSING)


def _at_rest(history: History) -> History:
    return replace(history, in_flight="")


def _filled(history: History, known: History | None) -> History:
    if not history.unread or known is None:
        return history
    return replace(known, in_flight=history.in_flight)


def _pairs(
    here: Iterable[History], upstream: Iterable[History]
) -> Iterator[tuple[History, History]]:
    ours = {(h.tool, h.table): h for h in here if not h.unread}
    theirs = {(h.tool, h.table): h for h in upstream if not h.unread}
    for key in sorted(ours.keys() & theirs.keys()):
        yield ours.pop(key), theirs.pop(key)
    # A schema may be called otherwise there, so the only ones that are left are each other's.
    for tool in sorted({tool for tool, _ in ours}):
        left, right = ([h for h in side.values() if h.tool == tool] for side in (ours, theirs))
        if len(left) == len(right) == 1:
            yield left[0], right[0]


def _between(ours: History, theirs: History) -> Iterator[HistoryFinding]:
    if ours.heads_only or theirs.heads_only:
        yield from _heads(ours, theirs)
        return
    done, wanted = _done(ours), _done(theirs)
    covered = _covered(ours, wanted)
    for version, migration in wanted.items():
        if version not in done and version not in covered:
            yield _finding(ours, migration, HistoryState.MISSING)
    for version, migration in done.items():
        if version not in wanted and version not in _covered(theirs, done):
            yield _finding(ours, migration, HistoryState.EXTRA)
        elif version in wanted:
            yield from _rewritten(ours, migration, wanted[version])
    late = _out_of_order(list(done.values()), list(wanted.values()))
    yield from (_finding(ours, m, HistoryState.OUT_OF_ORDER) for m in late)


def _heads(ours: History, theirs: History) -> Iterator[HistoryFinding]:
    here, there = (sorted(_done(h)) for h in (ours, theirs))
    if here != there:
        text = f"here {_listed(here)}, upstream {_listed(there)}"
        head = here[0] if here else there[0]
        yield HistoryFinding(ours.tool, ours.table, head, HistoryState.OTHER_HEAD, text)


def _listed(versions: Collection[str]) -> str:
    return ", ".join(versions) or "none"


def _done(history: History) -> dict[str, Migration]:
    return {m.version: m for m in history.migrations if m.applied and not m.failed}


def _covered(history: History, versions: Iterable[str]) -> frozenset[str]:
    """Return which versions a history's baseline stands for."""
    bases = [_natural(m.version) for m in history.migrations if m.baseline and m.applied]
    if not bases:
        return frozenset()
    return frozenset(v for v in versions if _natural(v) <= max(bases))


_DIGITS = re.compile("([0-9]+)")


def _natural(version: str) -> tuple[tuple[bool, int, str], ...]:
    """Return what sorts versions as people count: 1.9 before 1.10."""
    parts = _DIGITS.split(version)
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _rewritten(ours: History, here: Migration, there: Migration) -> Iterator[HistoryFinding]:
    """Give whether one migration has another text on each side."""
    if not _other_text(here.checksum, there.checksum):
        return
    text = f"checksum here {here.checksum}, upstream {there.checksum}"
    if here.repeatable or there.repeatable:
        yield _finding(ours, here, HistoryState.MISSING, f"in its other text: {text}")
    else:
        yield _finding(ours, here, HistoryState.EDITED, text)


def _other_text(here: str | None, there: str | None) -> bool:
    if here is None or there is None or here == there:
        return False
    # A tool may say first how it made the checksum; two ways cannot be compared.
    return _way(here) == _way(there)


def _way(checksum: str) -> str:
    return checksum.rpartition(":")[0]


def _out_of_order(done: Collection[Migration], wanted: Collection[Migration]) -> list[Migration]:
    """Return what both sides have, and was applied here in another place than upstream.

    As few as possible: all others stand in the same order on both sides. What runs again whenever
    its text changes has no place.
    """
    place = {m.version: n for n, m in enumerate(wanted) if not m.repeatable}
    both = [m for m in done if m.version in place and not m.repeatable]
    kept = _longest_rise([place[m.version] for m in both])
    return [m for n, m in enumerate(both) if n not in kept]


def _longest_rise(numbers: Collection[int]) -> frozenset[int]:
    """Return the positions of a longest rising sequence among numbers that are all different."""
    tops: list[int] = []
    at: list[int] = []
    before: dict[int, int | None] = {}
    for position, number in enumerate(numbers):
        length = bisect_left(tops, number)
        before[position] = at[length - 1] if length else None
        tops[length : length + 1] = [number]
        at[length : length + 1] = [position]
    found: set[int] = set()
    last: int | None = at[-1] if at else None
    while last is not None:
        found.add(last)
        last = before[last]
    return frozenset(found)


def _finding(
    history: History, migration: Migration, state: HistoryState, text: str = ""
) -> HistoryFinding:
    words = [migration.description] if migration.description else []
    said = "; ".join([*words, *([text] if text else [])])
    return HistoryFinding(history.tool, history.table, migration.version, state, said)


_WORDS: Mapping[HistoryState, str] = {
    HistoryState.FAILED: "failed",
    HistoryState.EDITED: "is another than upstream's",
    HistoryState.EXTRA: "is not applied upstream",
    HistoryState.OUT_OF_ORDER: "was applied in another order than upstream",
    HistoryState.MISSING: "is missing",
    HistoryState.OTHER_HEAD: "is another head than upstream's",
}


def words(finding: HistoryFinding) -> str:
    """Say in one line what is wrong with a migration; what others wrote stands in it as it is."""
    text = f" ({finding.text})" if finding.text else ""
    return (
        f"migration {finding.version} of {finding.tool} in {finding.table}"
        f" {_WORDS[finding.state]}{text}"
    )


def counted(findings: Iterable[HistoryFinding]) -> tuple[tuple[str, int], ...]:
    """Return how many migrations there are in each state, in words, the gravest first."""
    states = Counter(f.state for f in findings)
    return tuple((s.value.replace("_", " "), states[s]) for s in HistoryState if states[s])


def as_json(finding: HistoryFinding) -> dict[str, Value]:
    """Return what is wrong with a migration as JSON."""
    return {
        "tool": finding.tool,
        "table": finding.table,
        "version": finding.version,
        "state": finding.state.value,
        "text": finding.text,
    }
