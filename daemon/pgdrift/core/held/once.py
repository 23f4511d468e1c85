"""Equal values that lie in memory once: many databases have the same ones, as tenants do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


def once(most: int) -> Callable[[T], T]:
    """Return a function that gives, of equal values, the one it was given first.

    It keeps the latest `most`. The values are immutable, and of one type.
    """

    @lru_cache(maxsize=most)
    def first(value: T) -> T:
        return value

    return first


class _Held(dict[str, bytes]):
    __slots__ = ("__weakref__",)


_held: WeakValueDictionary[int, _Held] = WeakValueDictionary()


def mapping_once(found: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return, of mappings that give the same in the same order, the one that is in memory.

    None of them may be edited any more.
    """
    if isinstance(found, _Held):
        return found
    items = tuple(found.items())
    there = _held.get(name := hash(items))
    if there is not None and tuple(there.items()) == items:
        return there
    _held[name] = made = _Held(items)
    return made
