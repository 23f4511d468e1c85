"""What this release does not know, asked of the server: nothing is skipped in silence.

Catalogs and catalog columns that a newer server has, letters that mean what nobody here knows,
objects of kinds that were not read, and what people put into the system's own schemas. In: a
session and the snapshot that was read. Out: counts by stable words, and names for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pgdrift.core.coverage import known_catalogs, known_columns
from pgdrift.core.model import Snapshot
from pgdrift.sources.connection import Connection, translated
from pgdrift.sources.gate import WHOLE, belongs_to
from pgdrift.sources.held import held
from pgdrift.sources.needed import Needed
from pgdrift.sources.query import not_a_member

# What initdb makes has an OID below this.
_FIRST_OWN = 16384
# A new major has a few new columns; a fork of PostgreSQL may have hundreds.
_NAMED = 12


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not compared: how many by kind word, none zero; and which, for people.

    `odd`: some letter that nobody here knows is in use. `new` are catalogs and columns of them,
    `counted` is what is there and was not read.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    odd: bool = False
    new: tuple[str, ...] = field(default=(), repr=False, compare=False)
    counted: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters that one column of a catalog may hold, as far as this release knows them."""

    word: str
    catalog: str
    column: str
    known: str
    since: int = 0
    oid: str = "oid"

    @property
    def odd(self) -> str:
        """SQL of whether the letter of a row is none of these."""
        # An empty letter means "none of these", a blank one "does not apply".
        letters = ", ".join(f"'{letter}'" for letter in ("", " ", *self.known))
        return f"x.{self.column} NOT IN ({letters})"


_BY_TABLE = "attrelid"

LETTERS: tuple[Letters, ...] = (
    Letters("unknown_access_method", "pg_am", "amtype", "it"),
    Letters("unknown_aggregate", "pg_aggregate", "aggkind", "noh", oid="aggfnoid"),
    Letters("unknown_cast", "pg_cast", "castcontext", "aei"),
    Letters("unknown_cast", "pg_cast", "castmethod", "bfi"),
    Letters("unknown_collation", "pg_collation", "collprovider", "bcdi"),
    Letters("unknown_column", "pg_attribute", "attcompression", "lp", 14, _BY_TABLE),
    Letters("unknown_column", "pg_attribute", "attgenerated", "sv", oid=_BY_TABLE),
    Letters("unknown_column", "pg_attribute", "attidentity", "ad", oid=_BY_TABLE),
    Letters("unknown_column", "pg_attribute", "attstorage", "pemx", oid=_BY_TABLE),
    Letters("unknown_constraint", "pg_constraint", "contype", "cfnptux"),
    Letters("unknown_default_privilege", "pg_default_acl", "defaclobjtype", "rSfTnL"),
    Letters("unknown_event_trigger", "pg_event_trigger", "evtenabled", "ODRA"),
    Letters("unknown_partitioning", "pg_partitioned_table", "partstrat", "lrh", oid="partrelid"),
    Letters("unknown_policy", "pg_policy", "polcmd", "rawd*"),
    Letters("unknown_relation", "pg_class", "relkind", "rpvmfciISt"),
    Letters("unknown_relation", "pg_class", "relpersistence", "put"),
    Letters("unknown_relation", "pg_class", "relreplident", "dnfi"),
    Letters("unknown_routine", "pg_proc", "prokind", "fpaw"),
    Letters("unknown_routine", "pg_proc", "proparallel", "sru"),
    Letters("unknown_routine", "pg_proc", "provolatile", "isv"),
    Letters("unknown_rule", "pg_rewrite", "ev_enabled", "ODRA"),
    Letters("unknown_trigger", "pg_trigger", "tgenabled", "ODRA"),
    Letters("unknown_type", "pg_type", "typtype", "bcdeprm"),
)


def _in_system(catalog: str, schema: str, where: str = "true") -> str:
    """Return the query of what people put into a schema that is the system's."""
    free = not_a_member(f"'pg_catalog.{catalog}'::pg_catalog.regclass", "x.oid")
    return (
        f"SELECT count(*) FROM pg_catalog.{catalog} x WHERE x.oid >= {_FIRST_OWN}"
        f" AND x.{schema} IN (SELECT s.oid FROM pg_catalog.pg_namespace s"
        " WHERE s.nspname IN ('pg_catalog', 'information_schema'))"
        f" AND {where} AND {free}"
    )


_IN_SYSTEM = " UNION ALL ".join(
    (
        _in_system("pg_class", "relnamespace", "x.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"),
        _in_system("pg_proc", "pronamespace"),
        _in_system("pg_operator", "oprnamespace"),
        _in_system("pg_type", "typnamespace", "x.typtype IN ('d', 'e', 'r')"),
    )
)


def _granted_in_system(catalog: str, schema: str, acl: str) -> str:
    """Return the query of what initdb made and whose rights are not as initdb left them."""
    # What it left in information_schema it did not write down.
    return f"""SELECT count(*) FROM pg_catalog.{catalog} x
        LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = x.oid AND i.objsubid = 0
            AND i.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass
        WHERE x.oid < {_FIRST_OWN} AND x.{schema} = 'pg_catalog'::pg_catalog.regnamespace
            AND x.{acl} IS DISTINCT FROM i.initprivs"""


_GRANTED_IN_SYSTEM = " UNION ALL ".join(
    (
        _granted_in_system("pg_class", "relnamespace", "relacl"),
        _granted_in_system("pg_proc", "pronamespace", "proacl"),
    )
)

_NEW = """
SELECT CASE WHEN c.relname = ANY ($1::text[]) THEN c.relname || '.' || a.attname
            ELSE c.relname END
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
   AND c.relkind = 'r' AND c.oid < 16384 AND a.attrelid < 16384
EXCEPT SELECT pg_catalog.unnest($2::text[])
"""


def words() -> frozenset[str]:
    """Return all words that something can be counted under, but for the names of kinds."""
    fixed = {"catalog", "catalog_column", "in_system_schema", "system_privilege"}
    return frozenset(fixed | {row.word for row in LETTERS})


async def read_unknown(
    connection: Connection,
    snapshot: Snapshot,
    exclude_schemas: Collection[str] = (),
    since: tuple[Unknown, Needed] | None = None,
) -> Unknown:
    """Return what the server holds that the snapshot cannot tell.

    `since`: what was unknown before, and what alone may be another since.
    Reads inside the transaction that the caller opened. Raises SourceError.
    """
    major = snapshot.server_version // 10000
    read = snapshot.kinds | snapshot.unread.keys()
    before, needed = since or (Unknown(odd=True), None)
    with translated(connection.where):
        if needed is None:
            rows = await connection.fetch(_NEW, sorted(known_catalogs()), sorted(known_columns()))
            new = tuple(sorted(row[0] for row in rows))
        else:
            # The catalogs themselves stood still, or all would be needed.
            new = before.new
        within = () if before.odd or needed is None else (list(needed.moved),)
        letters = await connection.fetch(_letters(major, some=bool(within)), *within)
        counted: Mapping[str, int] = {}
        if needed is None or needed.in_system or before.counted or any(held(major, read)):
            rows = await connection.fetch(_counted(major, read), list(exclude_schemas))
            counted = {word: count for word, count in rows if count}
    columns = [n for n in new if "." in n]
    catalogs = [n for n in new if "." not in n]
    counts = Counter({"catalog": len(catalogs), "catalog_column": len(columns), **counted})
    for word, count, *_ in letters:
        counts[word] += count
    notes = (
        *_named("catalogs", catalogs, major),
        *_named("catalog columns", columns, major),
        *_lettered(letters),
    )
    found = {word: count for word, count in counts.items() if count}
    return Unknown(found, notes, bool(letters), new, counted)


def _letters(major: int, *, some: bool) -> str:
    """Return the query of rows (word, count, column, letter) for letters that are not known.

    `some`: only where a row belongs to something with one of the OIDs in $1.
    """
    # What is summed up as a whole stood still where not all is asked.
    still = WHOLE if some else ()
    rows = sorted((r for r in LETTERS if r.since <= major and r.catalog not in still), key=_catalog)
    return " UNION ALL ".join(
        _lettered_in(*group, where=_among(catalog) if some else "true")
        for catalog, group in groupby(rows, key=_catalog)
    )


def _among(catalog: str) -> str:
    """Return the condition that a row of a catalog belongs to something that moved."""
    of = belongs_to(catalog, "x")
    return f"{of} = ANY ($1::pg_catalog.oid[])" if of else "$1::pg_catalog.oid[] IS NOT NULL"


def _catalog(row: Letters) -> str:
    return row.catalog


def _lettered_in(*rows: Letters, where: str) -> str:
    """Return the query for the columns of one catalog: read once, in the server's own letters."""
    values = ", ".join(
        f"('{row.word}', '{row.catalog}.{row.column}', x.{row.column}::text, {row.odd})"
        for row in rows
    )
    return (
        "SELECT v.word, count(*), v.place, v.letter"
        f" FROM pg_catalog.{rows[0].catalog} x"
        f" CROSS JOIN LATERAL (VALUES {values}) v (word, place, letter, odd)"
        f" WHERE x.{rows[0].oid} >= {_FIRST_OWN} AND v.odd AND {where}"
        f" AND ({' OR '.join(row.odd for row in rows)})"
        " GROUP BY v.word, v.place, v.letter"
    )


def _counted(major: int, read: Collection[str]) -> str:
    """Return the query of rows (kind, count): what is there and was not read."""
    asked = "$1::text[] IS NOT NULL"  # also where no kind uses it
    return " UNION ALL ".join(
        (
            f"SELECT 'in_system_schema', sum(count)::int FROM ({_IN_SYSTEM}) s WHERE {asked}",
            f"SELECT 'system_privilege', sum(count)::int FROM ({_GRANTED_IN_SYSTEM}) s",
            *held(major, read),
        )
    )


def _named(what: str, names: Sequence[str], major: int) -> Iterator[str]:
    if names:
        more = len(names) - _NAMED
        shown = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"not compared: {what} of PostgreSQL {major} that this release does not know: {shown}"


def _lettered(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for _, count, column, letter in rows:
        yield f"not known to this release: {letter!r} in {column}, {count} times"
