"""Two texts in; whether they say the same, but for what is often said or left out alike.

No proof of one meaning: a hint for people where no server could be asked. So it is narrow: the
same names, literals and operators in the same order and brackets, but for casts between strings,
and for the name of a table before that of a column which one side leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgdrift.core.texts.phrases import phrase, type_end
from pgdrift.core.texts.tokens import Group, Item, Phrase, within

_TEXT: Phrase = ("text",)
_ARRAY: Phrase = (Group("[", ()),)
_STRINGS = frozenset(
    {
        *(_TEXT, ("character", "varying")),
        *((*t, *_ARRAY) for t in (_TEXT, ("character", "varying"))),
    }
)


def loosely_alike(one: str, other: str) -> bool:
    """Tell whether two printed texts differ in nothing but casts of strings and table names."""
    first, second = phrase(one), phrase(other)
    if first is None or second is None:
        return False
    return _alike(within(first, _bare), within(second, _bare))


def _bare(items: Phrase) -> Phrase:
    """Leave out casts between strings, and brackets around a single word."""
    told: list[Item] = []
    at = 0
    while at < len(items):
        item = items[at]
        if item == "::" and items[at + 1 : (end := type_end(items, at + 1))] in _STRINGS:
            if told and isinstance(told[-1], Group) and _is_one(told[-1].items):
                told[-1:] = told[-1].items
            # Of anything else a cast to text is one that somebody wrote, and may mean much.
            if _is_literal(told):
                at = end
                continue
        told.append(item)
        at += 1
    return tuple(told)


def _is_literal(items: Sequence[Item]) -> bool:
    """Tell whether what stands last is a string, or an array of strings or of such arrays."""
    last = items[-1] if items else ""
    if isinstance(last, Group):
        elements = [i for i in last.items if i not in (",", "ARRAY")]
        return last.bracket == "[" and all(_is_literal([i]) for i in elements)
    return last.startswith(("'", "E'"))


def _is_one(items: Phrase) -> bool:
    """Tell whether brackets say nothing here: around one word, or an array."""
    return len(items) == 1 or (len(items) == 2 and items[0] == "ARRAY")


def _alike(one: Phrase, other: Phrase) -> bool:
    a = b = 0
    while a < len(one) and b < len(other):
        if _same(one[a], other[b]):
            a, b = a + 1, b + 1
        elif _qualifies(one, a) and _same(one[a + 2], other[b]) and not _dotted(other, b):
            a += 2
        elif _qualifies(other, b) and _same(one[a], other[b + 2]) and not _dotted(one, a):
            b += 2
        else:
            return False
    return a == len(one) and b == len(other)


def _same(one: Item, other: Item) -> bool:
    if isinstance(one, Group) and isinstance(other, Group):
        return one.bracket == other.bracket and _alike(one.items, other.items)
    return one == other


def _qualifies(items: Phrase, at: int) -> bool:
    """Tell whether a table's name before that of a column begins here."""
    if items[at + 1 : at + 2] != (".",) or len(items) < at + 3 or _dotted(items, at):
        return False
    calls = isinstance(items[at + 3], Group) if len(items) > at + 3 else False
    return not calls and items[at - 1 : at] not in {("::",), ("COLLATE",), ("OPERATOR",)}


def _dotted(items: Phrase, at: int) -> bool:
    return at > 0 and items[at - 1] == "."
