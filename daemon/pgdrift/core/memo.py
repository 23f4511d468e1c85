"""What was worked out of immutable things: kept with one of them, for as long as the others live.

It refers to the others weakly and keeps but the latest few, so that memory stays bounded. Several
threads may ask at once; what two of them work out at the same time is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias, TypeVar, cast
from weakref import ref

T = TypeVar("T")

# One look at an environment with an upstream asks for about half of these of one snapshot.
_MOST = 16

_Key: TypeAlias = tuple[Hashable, ...]
_Kept: TypeAlias = tuple[tuple[ref[object], ...], object]


class Memo:
    """Values by what they are and what else they were made of. No value may hold those others."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}

    def kept(self, what: Hashable, others: Sequence[object], make: Callable[[], T]) -> T:
        """Return what is kept, or else make it and keep it."""
        found = self.find(what, others)
        if found is None:
            found = make()
            self.keep(what, others, found)
        return cast("T", found)

    def find(self, what: Hashable, others: Sequence[object]) -> object | None:
        """Return what is kept, None where nothing is."""
        refs, value = self._kept.get(_key(what, others), ((), None))
        # Another thing may have come to lie where one that has gone lay.
        same = len(refs) == len(others) and all(r() is o for r, o in zip(refs, others, strict=True))
        return value if same else None

    def keep(self, what: Hashable, others: Sequence[object], value: object) -> None:
        """Keep a value, and forget those whose others have gone, and the oldest of too many."""
        # Never edited in place: who asks meanwhile sees the old or the new. Of two that keep
        # something at once one may be forgotten, and is worked out again.
        kept = {k: v for k, v in self._kept.items() if all(r() is not None for r in v[0])}
        kept.pop(key := _key(what, others), None)
        kept[key] = (tuple(map(ref, others)), value)
        self._kept = dict(list(kept.items())[-_MOST:])


def _key(what: Hashable, others: Sequence[object]) -> _Key:
    return what, *map(id, others)
