"""What a migration tool is to pgdrift: how to know its table, and how to read it, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

TEXT = frozenset({"text", "varchar", "bpchar"})
WHOLE = frozenset({"int2", "int4", "int8", "numeric"})
FLAG = frozenset({"bool"})
TIME = frozenset({"timestamp", "timestamptz"})
BYTES = frozenset({"bytea"})


class Place(NamedTuple):
    """Where a history's table is: names as they are, not quoted."""

    database: str
    schema: str
    table: str


@dataclass(frozen=True, slots=True)
class Tool:
    """How to know one migration tool's table, and how to read it.

    columns: those it must have, each with the types it may be of. sole: it must have no other
    one. select: gives version and, where the tool keeps them, the other fields of a Migration, in
    the order of application; `{table}` stands for the table, `{schema}` for its schema, and
    `{column}` for each of the optional columns, or for NULL. schema: the only one it can be in.
    without: a table that another tool has beside its own. needs: tables beside it that `select`
    reads. heads_only: it keeps no row of what it applied before the latest.

    lock_table: a table in which the tool keeps its lock; holder: gives a row for a lock that is
    held, by whom and since when. keys: of the advisory locks that it takes. lock: what these are,
    in words. begun_is_locked: what began is running only while such a lock is held, else it
    failed. unknown: what this tool's table does not tell, in words.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    columns: Mapping[str, frozenset[str]]
    select: str
    sole: bool = False
    schema: str | None = None
    without: str = ""
    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    heads_only: bool = False
    lock_table: str = ""
    holder: str = ""
    keys: Callable[[Place], tuple[int, ...]] = lambda _: ()
    lock: str = ""
    begun_is_locked: bool = False
    unknown: str = ""

    def knows(
        self, schema: str, table: str, columns: Mapping[str, str], beside: frozenset[str]
    ) -> bool:
        """Tell whether a table is one of this tool's, by its columns' types and its neighbours."""
        return (
            table in self.tables
            and self.schema in {None, schema}
            and self.without not in beside
            and beside.issuperset(self.needs)
            and all(columns.get(c) in types for c, types in self.columns.items())
            and not (self.sole and columns.keys() != self.columns.keys())
        )
