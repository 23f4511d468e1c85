"""Contents in, in any order, a Packed out: objects become groups without ever being objects.

Whoever reads many objects tells each as the text that is hashed, and by whose place its parent is
known; nothing else is made of them until they are asked for.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import TypeAlias

from pgdrift.core.digest import SIZE
from pgdrift.core.held.group import Group, fold
from pgdrift.core.held.group import contents as contents_of
from pgdrift.core.held.packed import Packed, key_of

Parent: TypeAlias = int | bytes | None
"""The number of an object that was added, an identity as JSON, or none."""


@dataclass(slots=True)
class Packing:
    """What was added so far, by its number; `heads` say how far a content's identity reaches."""

    keys: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    contents: list[bytes] = field(default_factory=list)
    heads: array[int] = field(default_factory=lambda: array("I"))
    digests: bytearray = field(default_factory=bytearray)
    oids: array[int] = field(default_factory=lambda: array("I"))
    parents: list[Parent] = field(default_factory=list)
    # What is folded, and the numbers of what lies in each group, in its order.
    groups: dict[str, Group] = field(default_factory=dict)
    folded: dict[str, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.contents)

    def add(
        self,
        paths: Iterable[Sequence[str]],
        heads: Sequence[bytes],
        rests: Iterable[bytes],
        parents: Iterable[Parent],
        oids: Iterable[int],
    ) -> int:
        """Add objects, column by column, and return the number of the first.

        `heads` are the beginnings of contents that hold their identities, `rests` what follows.
        """
        first, keys = len(self), self.keys
        for number, key in enumerate(map(key_of, paths), first):
            keys[key].append(number)
        contents = [head + rest for head, rest in zip(heads, rests, strict=True)]
        self.contents += contents
        self.heads.extend(map(len, heads))
        self.digests += b"".join(
            [blake2b(content, digest_size=SIZE).digest() for content in contents]
        )
        self.oids.extend(oids)
        self.parents += parents
        return first

    def forget(self, since: int) -> None:
        """Take back all that was added from this number on."""
        for key in [key for key, numbers in self.folded.items() if max(numbers) >= since]:
            self.keys[key] = self._unfolded(key) + self.keys[key]
        for several in (self.contents, self.heads, self.oids, self.parents):
            del several[since:]
        del self.digests[since * SIZE :]
        self.keys = defaultdict(
            list, {k: kept for k, ns in self.keys.items() if (kept := [n for n in ns if n < since])}
        )

    def folding(self) -> Iterator[None]:
        """Fold all that was added, group by group. More may be added in between, and after."""
        while self.keys:
            self._fold(*self.keys.popitem())
            yield

    def packed(self) -> tuple[Packed, array[int]]:
        """Return all objects, and by number where each stands among them. To be called once.

        Of two of one identity the later stays.
        """
        for _ in self.folding():
            pass
        places = array("I", bytes(4 * len(self)))
        for place, number in enumerate(self.order()):
            places[number] = place
        oids = {
            key: array("I", [self.oids[n] for n in numbers]).tobytes()
            for key, numbers in self.folded.items()
        }
        return Packed(self.groups, oids), places

    def order(self) -> Iterator[int]:
        """Give the numbers of all objects as they stand, once all are packed."""
        return chain.from_iterable(self.folded.values())

    def _fold(self, key: str, numbers: list[int]) -> None:
        if key in self.folded:
            numbers = self._unfolded(key) + numbers
        contents, heads = self.contents, self.heads
        latest = {contents[n][: heads[n]]: n for n in numbers}
        # In order of digest, so that equal groups are equal bytes.
        told = sorted([(self._digest(n), n) for n in latest.values()])
        numbers = [n for _, n in told]
        self.groups[key] = fold(
            [digest for digest, _ in told], self._parents(numbers), [contents[n] for n in numbers]
        )
        self.folded[key] = numbers
        # Of what is folded, only what others may call it is still needed.
        for head, n in latest.items():
            contents[n] = head

    def _unfolded(self, key: str) -> list[int]:
        """Take a group apart again, and return the numbers of what lay in it."""
        numbers = self.folded.pop(key)
        for n, content in zip(numbers, contents_of(self.groups.pop(key)), strict=True):
            self.contents[n] = content
        return numbers

    def _parents(self, numbers: Collection[int]) -> bytes:
        at = {number: place for place, number in enumerate(numbers)}
        parents = [self.parents[n] for n in numbers]
        told = {parent: self._told(parent, at) for parent in set(parents)}
        return b"[" + b",".join([told[parent] for parent in parents]) + b"]"

    def _told(self, parent: Parent, at: Mapping[int, int]) -> bytes:
        if parent is None:
            return b"null"
        if isinstance(parent, bytes):
            return parent
        return b"%d" % at[parent] if parent in at else self._head(parent) + b"]"

    def _head(self, number: int) -> bytes:
        return self.contents[number][: self.heads[number]]

    def _digest(self, number: int) -> bytes:
        return bytes(self.digests[number * SIZE : (number + 1) * SIZE])
