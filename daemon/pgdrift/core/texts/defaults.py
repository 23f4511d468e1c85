"""What a column is given by default, with the column's type, in; the phrase of that meaning out.

A default is assigned to its column, so a cast to the column's own type says nothing: a cast to it
without a length is what assigning does anyway.
"""

from __future__ import annotations

import re

from pgdrift.core.texts.phrases import cast, phrase
from pgdrift.core.texts.tokens import Group, Phrase, words

_TEXT: Phrase = ("text",)
_VARCHAR: Phrase = ("character", "varying")
_CHAR: Phrase = ("character",)
_STRINGS = (_TEXT, _VARCHAR, _CHAR)
_WHOLE: tuple[Phrase, ...] = (("smallint",), ("integer",), ("bigint",))
_NUMERIC: Phrase = ("numeric",)
_NUMBERS = (*_WHOLE, _NUMERIC, ("real",), ("double", "precision"))

_INTEGER = re.compile(r"'(-?(?:0|[1-9]\d*))'")
_DECIMAL = re.compile(r"'(-?(?:0|[1-9]\d*)\.\d+)'")

NOTHING: Phrase = ()
"""What a default of NULL means, and no default."""


def default(text: str | None, of_type: str) -> Phrase | None:
    """Return what a default means for a column of this type; None for an odd text."""
    kind = base(of_type)
    found = NOTHING if text is None else phrase(text)
    while found and kind:
        said = _said(found, kind)
        if said == found:
            break
        found = said
    return found


def base(of_type: str) -> Phrase:
    """Return a type without its length or precision; empty for an odd text."""
    return tuple(
        item
        for item in phrase(of_type) or ()
        if not (isinstance(item, Group) and item.bracket == "(")
    )


def alike(one: str, other: str) -> bool:
    """Tell whether a default means the same for columns of these two types."""
    return one == other or (base(one) in _STRINGS and base(other) in _STRINGS)


def _said(found: Phrase, kind: Phrase) -> Phrase:
    """Return the default without what its column says anyway; the same where it says no more."""
    if len(found) == 1 and isinstance(found[0], Group) and "," not in found[0].items:
        return found[0].items if not _is_query(found[0]) else found
    if (parts := cast(found)) is None:
        return found
    inner, to = parts
    if inner == ("NULL",):
        # A domain may have a default of its own, which NULL replaces.
        return found if "." in kind else NOTHING
    if len(inner) == 1 and isinstance(inner[0], str) and inner[0].endswith("'"):
        return _literal(inner[0], to, kind) or found
    return inner if to == kind and kind != _CHAR else found


def _literal(text: str, to: Phrase, kind: Phrase) -> Phrase:
    """Return a literal in its own words where its type, among those of the column, is no matter.

    Trailing blanks are: a `character` has none, so only text goes there, and none comes from it.
    """
    if kind in _STRINGS and (to in {_TEXT, _VARCHAR} or (to == ("bpchar",) and kind == _CHAR)):
        return (text,)
    whole = _INTEGER.fullmatch(text)
    if kind in _NUMBERS and whole and (to in _WHOLE or to in {_NUMERIC, kind}):
        return words(whole[1])
    decimal = _DECIMAL.fullmatch(text)
    if kind in _NUMBERS[3:] and decimal and to in {_NUMERIC, kind}:
        return words(decimal[1])
    return ()


def _is_query(item: Group) -> bool:
    return item.items[:1] in {("SELECT",), ("WITH",), ("VALUES",)}
