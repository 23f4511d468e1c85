"""An expression as a server printed it in, the one phrase for all that mean the same out.

Every rule holds on every server and in every schema: under an empty search_path a bare name is
PostgreSQL's own. What depends on the type of a column, or on what a view selects from, is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from pgdrift.core.texts.standard import of_the_standard
from pgdrift.core.texts.tokens import Group, Item, Phrase, grouped, joined, parts, within

Rule: TypeAlias = Callable[[Phrase], Phrase]

_ARRAY_OF = Group("[", ())
_CALL = Group("(", ())

# PostgreSQL's own functions that the standard writes as a word, and words for the same word.
_CALLED = {
    "now": "CURRENT_TIMESTAMP",
    "transaction_timestamp": "CURRENT_TIMESTAMP",
    "current_user": "CURRENT_USER",
    "session_user": "SESSION_USER",
    "current_database": "CURRENT_CATALOG",
    "current_schema": "CURRENT_SCHEMA",
}
_WORDS = {"USER": "CURRENT_USER", "CURRENT_ROLE": "CURRENT_USER"}

_OF_NOW: dict[Phrase, str] = {
    ("date",): "CURRENT_DATE",
    ("timestamp", "without", "time", "zone"): "LOCALTIMESTAMP",
}
_NOW: tuple[Phrase, ...] = (("CURRENT_TIMESTAMP",), ("'now'", "::", "text"))

_TIME = ("with", "without", "time", "zone")
_TYPE_WORDS = {
    "character": ("varying",),
    "bit": ("varying",),
    "double": ("precision",),
    "timestamp": _TIME,
    "time": _TIME,
    "interval": ("year", "to", "month", "day", "hour", "minute", "second"),
}

# A name in quotes is the name without, but for these: without, they are no names.
_NO_NAMES = frozenset({"true", "false"})
_KEYWORDS = frozenset(
    "AND BY CASE CHECK DEFAULT ELSE FROM HAVING IN LIMIT NOT OFFSET ON OR RETURN SELECT THEN WHEN"
    " WHERE".split()
)
_QUERIES = frozenset({"SELECT", "WITH", "VALUES"})


@lru_cache(maxsize=4096)
def phrase(text: str) -> Phrase | None:
    """Return a text as the phrase that all texts of its meaning share; None for an odd text."""
    found = grouped(text)
    return None if found is None else within(found, _all)


def cast(items: Phrase) -> tuple[Phrase, Phrase] | None:
    """Return what is cast and to which type, where the whole phrase is one cast."""
    if items[1:2] != ("::",) or type_end(items, 2) != len(items):
        return None
    inner = items[0]
    return (inner.items if isinstance(inner, Group) else (inner,)), items[2:]


def type_end(items: Phrase, start: int) -> int:
    """Return where the name of the type ends that starts there."""
    at = start + 1
    while at < len(items):
        item = items[at]
        if item == ".":
            at += 2
        elif isinstance(item, Group) or item in _TYPE_WORDS.get(str(items[start]), ()):
            # A group is a type modifier, or the brackets of an array.
            at += 1
        else:
            break
    return at


def _all(items: Phrase) -> Phrase:
    for rule in _RULES:
        items = rule(items)
    return items


def _names(items: Phrase) -> Phrase:
    """Leave out quotes that need not be: which words are keywords differs by version."""
    return tuple(_name(item) if isinstance(item, str) else item for item in items)


def _name(item: str) -> str:
    bare = item[1:-1]
    plain = item.startswith('"') and bare.isascii() and bare.islower() and bare.isidentifier()
    return bare if plain and bare not in _NO_NAMES else item


def _calls(items: Phrase) -> Phrase:
    """Call now() and transaction_timestamp() CURRENT_TIMESTAMP; CURRENT_USER and its like."""
    told: list[Item] = []
    for n, item in enumerate(items):
        bare = n == 0 or items[n - 1] not in {".", "::"}
        if not isinstance(item, str) or not bare:
            if not (item == _CALL and n and told[-1] == _CALLED.get(str(items[n - 1]))):
                told.append(item)
        elif items[n + 1 : n + 2] == (_CALL,):
            told.append(_CALLED.get(item, item))
        else:
            told.append(_WORDS.get(item, item))
    return tuple(told)


def _casts(items: Phrase) -> Phrase:
    """Apply the rules for `(…)::type` to each of them that is no function's arguments."""
    told: list[Item] = []
    at = 0
    while at < len(items):
        inner, end = items[at], at + 1
        if isinstance(inner, Group) and items[end : end + 1] == ("::",) and _free(items, at):
            end = type_end(items, at + 2)
            to = items[at + 2 : end]
            told += _date(inner, to) or _array(inner, to) or _text(inner, to) or items[at:end]
        else:
            told.append(inner)
        at = end
    return tuple(told)


def _date(inner: Group, to: Phrase) -> Phrase:
    """Say CURRENT_DATE for now()::date, and for ('now'::text)::date, as 9.6 and older printed."""
    word = _OF_NOW.get(to)
    return (word,) if word and inner.items in _NOW else ()


def _array(inner: Group, to: Phrase) -> Phrase:
    """Cast each element of an array that is cast as a whole: so does every server that reads it.

    An array of arrays stays as it is.
    """
    if to[-1:] != (_ARRAY_OF,) or _ARRAY_OF in to[:-1] or inner.items[:1] != ("ARRAY",):
        return ()
    of = inner.items[1] if len(inner.items) == 2 else None
    elements = parts(of.items) if isinstance(of, Group) else [()]
    if any(e[:1] in {(), ("ARRAY",)} for e in elements):
        return ()
    each = (_casts((Group("(", e), "::", *to[:-1])) for e in elements)
    return ("ARRAY", Group("[", joined(each)))


def _text(inner: Group, to: Phrase) -> Phrase:
    """Cast a literal to text at once, and not by way of a varchar of no length."""
    match inner.items:
        case (str() as literal, "::", "character", "varying") if literal.endswith("'"):
            return (literal, "::", "text") if to == ("text",) else ()
    return ()


def _conjunctions(items: Phrase) -> Phrase:
    """Say a AND b AND c for a AND (b AND c), and OR likewise; nothing else is moved."""
    for word in ("AND", "OR"):
        if _joins_by(word, items):
            items = joined((_opened(o, word) for o in parts(items, word)), word)
    return items


def _opened(operand: Phrase, word: str) -> Phrase:
    only = operand[0] if len(operand) == 1 else None
    opens = isinstance(only, Group) and only.bracket == "(" and _joins_by(word, only.items)
    return only.items if opens and isinstance(only, Group) else operand


def _joins_by(word: str, items: Phrase) -> bool:
    """Tell whether a phrase is operands with one and the same word between them."""
    others = {"AND", "OR", "BETWEEN", "CASE", ",", *_QUERIES} - {word}
    return word in items and not others.intersection(i for i in items if isinstance(i, str))


def _brackets(items: Phrase) -> Phrase:
    """Leave out brackets around brackets, where the inner ones are neither a row nor a query."""
    return tuple(
        _unwrapped(item) if isinstance(item, Group) and _free(items, n) else item
        for n, item in enumerate(items)
    )


def _unwrapped(item: Group) -> Group:
    while item.bracket == "(" and len(item.items) == 1 and isinstance(item.items[0], Group):
        inner = item.items[0]
        if inner.bracket != "(" or "," in inner.items or inner.items[:1] in _ROWS_COME_OF:
            break
        item = inner
    return item


_ROWS_COME_OF: frozenset[Phrase] = frozenset((word,) for word in _QUERIES)


def _free(items: Phrase, at: int) -> bool:
    """Tell whether a group stands for itself: it is nobody's arguments, and no subscript."""
    before = items[at - 1] if at else ","
    if isinstance(before, Group):
        return False
    return before in _KEYWORDS or not (before[0].isalnum() or before[0] in "_\"'$")


_RULES: tuple[Rule, ...] = (_names, of_the_standard, _calls, _casts, _conjunctions, _brackets)
