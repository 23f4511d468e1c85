"""What depends on what, held in little memory: pairs of places in, pairs of identities out."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, overload

from pgdrift.core.held.objects import ObjectId
from pgdrift.core.held.once import once
from pgdrift.core.held.packed import Packed

Pair: TypeAlias = tuple[ObjectId, ObjectId]


_one: Callable[[bytes], bytes] = once(64)


class Dependencies(Sequence[Pair]):
    """Pairs (dependent, referenced), sorted. Each asking unfolds the names of all objects."""

    __slots__ = ("_ends", "_of")

    def __init__(self, of: Packed, ends: array[int] | bytes) -> None:
        """Take two places among the objects for each pair."""
        self._of = of
        self._ends = _one(ends.tobytes() if isinstance(ends, array) else ends)

    @property
    def ends(self) -> array[int]:
        """Two places among the objects for each pair, one pair after the other."""
        return array("I", self._ends)

    def __len__(self) -> int:
        return len(self._ends) // (2 * array("I").itemsize)

    def __iter__(self) -> Iterator[Pair]:
        return iter(sorted(self.unsorted()))

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as lists have none

    def __repr__(self) -> str:
        return repr(list(self))

    @property
    def words(self) -> bytes:
        """The same as `ends`, as the bytes of its words."""
        return self._ends

    def unsorted(self) -> Iterator[Pair]:
        """Give the pairs in no particular order."""
        ids = list(self._of)
        ends = iter(self.ends)
        return ((ids[a], ids[b]) for a, b in zip(ends, ends, strict=True))

    def on(self, referenced: Iterable[ObjectId]) -> Iterator[Pair]:
        """Give the pairs that refer to these, in no particular order; no other name is unfolded."""
        wanted, ends = self._of.places(referenced), self.ends
        pairs = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b in wanted]
        dependents = self._of.at({a for a, _ in pairs})
        return ((dependents[a], wanted[b]) for a, b in pairs)

    def are_of(self, objects: Packed) -> bool:
        """Tell whether the places are those of these very objects, and not of others like them."""
        return self._of is objects

    def over(self, of: Packed) -> Dependencies:
        """Return the same pairs over another holding of the very same objects."""
        return Dependencies(of, self._ends)
