"""The keys of the advisory locks that migration tools take, worked out as the tools do."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from zlib import crc32

from pgdrift.sources.histories.tool import Place

# "Flyway" in ASCII, one letter above the other.
_FLYWAY = 77431708279161


def flyway(place: Place) -> tuple[int, ...]:
    """Return Flyway's key: one for each table, by Java's hash of its name."""
    # Flyway puts every name between quotes.
    names = (name.replace('"', '""') for name in (place.schema, place.table))
    return (_FLYWAY + _java_hash(".".join(f'"{name}"' for name in names)),)


def rails(place: Place) -> tuple[int, ...]:
    """Return ActiveRecord's key: one for each database."""
    return (2053462845 * crc32(place.database.encode()),)


def sqlx(place: Place) -> tuple[int, ...]:
    """Return sqlx's key: one for each database."""
    return (0x3D32AD9E * crc32(place.database.encode()),)


def golang_migrate(place: Place) -> tuple[int, ...]:
    """Return golang-migrate's keys: of today's releases, and of those that hashed less.

    What it takes for the database's name is the path of a URL, where it was given one.
    """
    before = (f"{place.schema}\0{place.table}\0", f"{place.schema}\0", "")
    names = (b + database for database in (place.database, f"/{place.database}") for b in before)
    return tuple(crc32(name.encode()) * 1486364155 % 2**32 for name in names)


def always(*keys: int) -> Callable[[Place], tuple[int, ...]]:
    """Return what gives these keys for every place."""
    return lambda _: keys


def fnv(name: str) -> int:
    """Return the 32-bit FNV-1 hash of a name, as Atlas makes a key of its lock's name."""
    return reduce(lambda h, byte: (h * 16777619 % 2**32) ^ byte, name.encode(), 2166136261)


def _java_hash(text: str) -> int:
    """Return what Java's String.hashCode() says: over UTF-16 units, in 32 bits, with a sign."""
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    unsigned = reduce(lambda h, unit: (31 * h + unit) % 2**32, units, 0)
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned
