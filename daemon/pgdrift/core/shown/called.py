"""A word in, the objects out that a person may mean by it. Knows no kind; objects by their keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches

from pgdrift.core.names import split_dotted

_CHANCE = 2
# How much of two names must be the same for the one to be the other, misspelt.
_MUCH = 0.8


def called(word: str, keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of the objects that a word may mean, sorted: none, one, or several.

    Of these the first that fits any: the key `table:public.t` as it is; the name as SQL writes
    it, `public.t`; the name without a routine's arguments; the same names in other quotes, or in
    none; the end of the name, `t`. Before a colon the kind may stand, which then counts.
    """
    known = sorted(set(keys))
    kind, colon, name = word.partition(":")
    of_kind = [k for k in known if colon and k.startswith(f"{kind}:")]
    if not of_kind:
        of_kind, name = known, word
    for fits in (_exactly, _without_arguments, _in_other_quotes, _at_its_end):
        if found := tuple(k for k in of_kind if fits(name)(k.partition(":")[2])):
            return found
    return ()


def alike(word: str, keys: Collection[str], most: int = 5) -> tuple[str, ...]:
    """Return keys that hold the last name of a word, or are spelt much like it, the nearest first.

    Of a name of one or two letters the first alone would be chance.
    """
    name = word.partition(":")[2] or word
    last = (split_dotted(name) or (word,))[-1].lower()
    held = sorted(k for k in keys if len(last) > _CHANCE and last in k.lower())
    return tuple(held)[:most] or _spelt_like(name, keys, most)


def _spelt_like(name: str, keys: Collection[str], most: int) -> tuple[str, ...]:
    by_name: dict[str, list[str]] = {}
    for key in sorted(keys):
        by_name.setdefault(key.partition(":")[2].lower(), []).append(key)
    near = get_close_matches(name.lower(), by_name, most, _MUCH)
    return tuple(key for n in near for key in by_name[n])[:most]


_Fits = Callable[[str], bool]


def _exactly(word: str) -> _Fits:
    return lambda name: name == word


def _without_arguments(word: str) -> _Fits:
    return lambda name: name.endswith(")") and name.startswith(f"{word}(")


def _in_other_quotes(word: str) -> _Fits:
    wanted = split_dotted(word)
    return lambda name: bool(wanted) and _path(name) == wanted


def _at_its_end(word: str) -> _Fits:
    wanted = split_dotted(word)
    return lambda name: bool(wanted) and _path(name)[-len(wanted) :] == wanted


def _path(name: str) -> tuple[str, ...]:
    """Return the names of a key's path, without the arguments behind it."""
    return split_dotted("".join(_before_arguments(name)))


def _before_arguments(name: str) -> Iterator[str]:
    quoted = False
    for c in name:
        if c == '"':
            quoted = not quoted
        elif c == "(" and not quoted:
            return
        yield c
