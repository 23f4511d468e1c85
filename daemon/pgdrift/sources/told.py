"""Columns of one kind's rows in, the rows' canonical contents out: the text that is hashed.

The same text as `core.digest.canonical` makes, put together from parts that are known by the type
of a column, and a whole column at a time; that saves most of the time that a snapshot takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from pgdrift.core.digest import canonical
from pgdrift.core.kind import Kind
from pgdrift.core.seal import seal

Column: TypeAlias = Sequence[Any]
Teller: TypeAlias = Callable[[Column], Iterable[str]]
"""A column's values in, each out as a member of a JSON object."""

_NULL = "null"
_TRUTH = {None: _NULL, True: "true", False: "false"}
_WHOLE = frozenset({"int2", "int4", "int8", "oid"})
_TEXT = frozenset({"text", "name", "varchar", "bpchar"})
_LISTS = frozenset(f"{name}[]" for name in _TEXT)
# Words and names come again and again; definitions do not.
_SHORT = 40
_REMEMBERED = 10_000


class _Texts(dict[str | None, str]):
    """Text → JSON, after what comes first; remembers what is short."""

    def __init__(self, start: str = "") -> None:
        super().__init__()
        self._start = start
        self._begin()

    def __missing__(self, text: str) -> str:
        told = self._start + encode_basestring(text)
        if len(text) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
                self._begin()
            self[text] = told
        return told

    def _begin(self) -> None:
        self[None] = f"{self._start}{_NULL}"


@dataclass(frozen=True, slots=True)
class Telling:
    """How the rows of one kind are told: a teller for each attribute, in order of name.

    `hidden` is what is told of an attribute that the server hid.
    """

    start: str
    tellers: Sequence[Teller]
    hidden: frozenset[str]
    texts: _Texts

    def heads(self, paths: Sequence[Sequence[str]], args: Sequence[str]) -> list[bytes]:
        """Return the beginnings of contents: their identities."""
        start, text = self.start, self.texts.__getitem__
        return [
            f"{start}[{','.join(map(text, path))}],{of}".encode("utf-8", "surrogatepass")
            for path, of in zip(paths, map(text, args), strict=True)
        ]

    def rests(self, columns: Sequence[Column], rows: int) -> list[bytes]:
        """Return the ends of so many contents: the attributes with their values."""
        if not columns:
            return [b",{}]"] * rows
        told = [tell(column) for tell, column in zip(self.tellers, columns, strict=True)]
        members: Iterable[Iterable[str]] = zip(*told, strict=True)
        if self.hidden:
            members = ([m for m in row if m not in self.hidden] for row in members)
        return [f",{{{','.join(row)}}}]".encode("utf-8", "surrogatepass") for row in members]


def telling(kind: Kind, major: int, types: Sequence[str], key: bytes) -> Telling:
    """Return how a kind's rows are told that have attributes of these types."""
    attributes = sorted(kind.attributes_on(major), key=lambda a: a.name)
    starts = [f"{canonical(a.name)}:" for a in attributes]
    return Telling(
        f"[{canonical(kind.name)},",
        [
            _sealing(key, start) if a.secret else _teller(of, start)
            for a, start, of in zip(attributes, starts, types, strict=True)
        ],
        frozenset(f"{canonical(a.name)}:{_NULL}" for a in attributes if a.hides),
        _Texts(),
    )


def _sealing(key: bytes, start: str) -> Teller:
    return _unless_null(start, lambda value: canonical(seal(value, key)))


def _teller(of: str, start: str) -> Teller:
    if of == "bool":
        return _each({value: start + told for value, told in _TRUTH.items()}.__getitem__)
    if of in _TEXT:
        return _each(_Texts(start).__getitem__)
    if of in _WHOLE:
        return _unless_null(start, str)
    if of in _LISTS:
        text = _Texts().__getitem__
        return _unless_null(start, lambda value: f"[{','.join(map(text, value))}]")
    return _unless_null(start, canonical)


def _each(tell: Callable[[Any], str]) -> Teller:
    return lambda column: map(tell, column)


def _unless_null(start: str, tell: Callable[[Any], str]) -> Teller:
    null = start + _NULL

    def told(column: Column) -> Iterator[str]:
        return (null if value is None else start + tell(value) for value in column)

    return told
