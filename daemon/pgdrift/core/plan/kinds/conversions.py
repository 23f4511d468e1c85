"""From one type of a column to another: how values get there, and what becomes of them.

In doubt a conversion is called one that loses: only widening is known to keep every value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INTEGERS = ("smallint", "integer", "bigint")
_NUMBERS = frozenset({*_INTEGERS, "numeric", "real", "double precision"})
_TEXTS = frozenset({"text", "character varying", "character", "citext", "name"})
_TIMES = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})
_TYPE = re.compile(
    r"(?P<base>.*?)(?:\((?P<n>[-\d, ]+)\))?(?P<zone> with(?:out)? time zone)?(?P<array>(?:\[\])*)"
)

CONVERTED = "what a value has that the new type cannot hold"


@dataclass(frozen=True, slots=True)
class Conversion:
    """`using` is the expression, with {} for the column; empty: the server's own way."""

    using: str = ""
    rewrites: bool = True
    loses: str = ""
    fails: str = ""


@dataclass(frozen=True, slots=True)
class _Type:
    base: str
    limits: tuple[int, ...]
    array: str


def conversion(old: str, new: str) -> Conversion:
    """Return how values of one type become values of another."""
    if old == new:
        return Conversion(rewrites=False)
    one, other = _parsed(old), _parsed(new)
    if one.array == other.array:
        if _widens(one, other):
            return Conversion(rewrites=not _binary(one, other))
        if one.base == other.base or _together(one, other):
            loses = _shortened(one, other) if other.base in _TEXTS else CONVERTED
            return Conversion(loses=loses, fails="a value is too long or too large")
        if other.base in _TEXTS and not other.limits:
            # A name is cut off in silence.
            loses = CONVERTED if other.base == "name" else ""
            return Conversion(using=f"{{}}::{new}", loses=loses)
    if one.base in _TEXTS or {one.base, other.base} == {"integer", "boolean"}:
        return Conversion(
            using=f"{{}}::{new}", loses=CONVERTED, fails="a value cannot be converted"
        )
    return Conversion(
        using=f"{{}}::text{one.array if other.array else ''}::{new}",
        loses=CONVERTED,
        fails="a value cannot be converted by way of its text",
    )


def _shortened(one: _Type, other: _Type) -> str:
    """Say what a text may lose in silence: the server cuts names, and blanks at the end."""
    if other.base == "name":
        return CONVERTED
    blank = one.base != "character" and (bool(other.limits) or other.base == "character")
    return "blanks at the end of a text" if blank else ""


def _parsed(said: str) -> _Type:
    found = _TYPE.fullmatch(said)
    if found is None:
        return _Type(said, (), "")
    limits = tuple(int(n) for n in (found["n"] or "").split(",") if n.strip())
    return _Type(found["base"] + (found["zone"] or ""), limits, found["array"] or "")


def _together(one: _Type, other: _Type) -> bool:
    return any({one.base, other.base} <= some for some in (_NUMBERS, _TEXTS, _TIMES))


def _widens(one: _Type, other: _Type) -> bool:
    """Tell whether every value of the one is a value of the other."""
    if one.base in _INTEGERS and other.base in _INTEGERS:
        return _INTEGERS.index(one.base) < _INTEGERS.index(other.base)
    if one.base in _INTEGERS and other.base == "numeric":
        return not other.limits
    if one.base in {"text", "character varying"} and other.base in {"text", "character varying"}:
        return not other.limits or (bool(one.limits) and one.limits[0] <= other.limits[0])
    if one.base == other.base == "numeric":
        return not other.limits or (
            len(one.limits) == len(other.limits) == 2
            and one.limits[1] <= other.limits[1]
            and one.limits[0] - one.limits[1] <= other.limits[0] - other.limits[1]
        )
    return False


def _binary(one: _Type, other: _Type) -> bool:
    """Tell whether values stay as they are stored."""
    if one.base in _INTEGERS:
        return False
    return one.base != "numeric" or not other.limits or one.limits[1:] == other.limits[1:]
