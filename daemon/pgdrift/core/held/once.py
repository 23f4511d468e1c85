"""Equal values that lie in memory once: many databases have the same ones, as tenants do."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def once(most: int) -> Callable[[T], T]:
    """Return a function that gives, of equal values, the one it was given first.

    It keeps the latest `most`. The values are immutable, and of one type.
    """

    @lru_cache(maxsize=most)
    def first(value: T) -> T:
        return value

    return first
