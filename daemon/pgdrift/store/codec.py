"""The core's nouns as JSON text and back; what was kept equals what is read.

Snapshots are not here (see pages.py). Refuses text that is no such noun: StoreError, damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from pgdrift.core.alerts.incident import Incident, Notice
from pgdrift.core.alerts.marks import Matcher, Right
from pgdrift.core.model import Against, Detail, Finding, History, LedgerMark, ObjectId
from pgdrift.errors import StoreError

T = TypeVar("T")


class Codec(Generic[T]):
    """Writes and reads one type. What is read is remembered by its text, for it rarely changes."""

    def __init__(self, adapter: TypeAdapter[T], name: str) -> None:
        self._adapter = adapter
        self._name = name
        self.read = lru_cache(maxsize=128)(self._read)

    def write(self, value: T) -> str:
        """Return the value as JSON text."""
        return self._adapter.dump_json(value).decode()

    def _read(self, text: str) -> T:
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            # pydantic would quote the input, which may hold anything.
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise StoreError(
                f"the store holds a {self._name} that cannot be read (at {where or 'its start'})",
                reason="damaged",
                hint="restore the store from its latest backup",
            ) from None


HISTORIES = Codec(TypeAdapter(tuple[History, ...]), "migration history")
MARK = Codec[LedgerMark | None](TypeAdapter(LedgerMark | None), "ledger mark")
AGAINST = Codec(TypeAdapter(tuple[Against, ...]), "standing")
ID = Codec[ObjectId | None](TypeAdapter(ObjectId | None), "parent")
IDS = Codec(TypeAdapter(frozenset[ObjectId]), "set of objects")
PAIRS = Codec(TypeAdapter(tuple[tuple[ObjectId, ObjectId], ...]), "list of dependencies")
KINDS = Codec(TypeAdapter(frozenset[str]), "set of kinds")
TEXTS: Codec[Mapping[str, str]] = Codec(TypeAdapter(dict[str, str]), "map of texts")
COUNTS: Codec[Mapping[str, int]] = Codec(TypeAdapter(dict[str, int]), "map of counts")
NOTES = Codec(TypeAdapter(tuple[str, ...]), "list of notes")
FINDINGS = Codec(TypeAdapter(tuple[Finding, ...]), "list of findings")
INCIDENT = Codec(TypeAdapter(Incident), "incident")
NOTICE = Codec(TypeAdapter(Notice), "notice")
DETAIL = Codec(TypeAdapter(Detail), "detail of an event")
RIGHTS = Codec(TypeAdapter(tuple[Right, ...]), "list of what was called right")
MATCHER = Codec[Matcher | None](TypeAdapter(Matcher | None), "matcher of a silence")
