"""Does the ledger have on record what the catalog holds? What both say in, where they differ out.

Objects are held against each other by their address, as PostgreSQL itself writes it down: kind,
names and arguments, which outlive a dump where numbers do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.core.names import dotted, quote_ident

# In which catalog the objects of a kind are. What has no address of its own (grants, labels), or
# none that an event trigger is told of (event triggers), no ledger can have on record.
CATALOGS = {
    "access_method": "pg_am",
    "aggregate": "pg_proc",
    "base_type": "pg_type",
    "cast": "pg_cast",
    "collation": "pg_collation",
    "composite_type": "pg_type",
    "constraint": "pg_constraint",
    "conversion": "pg_conversion",
    "domain": "pg_type",
    "enum": "pg_type",
    "extension": "pg_extension",
    "foreign_data_wrapper": "pg_foreign_data_wrapper",
    "foreign_server": "pg_foreign_server",
    "foreign_table": "pg_class",
    "function": "pg_proc",
    "index": "pg_class",
    "language": "pg_language",
    "materialized_view": "pg_class",
    "operator": "pg_operator",
    "operator_class": "pg_opclass",
    "operator_family": "pg_opfamily",
    "policy": "pg_policy",
    "procedure": "pg_proc",
    "publication": "pg_publication",
    "range": "pg_type",
    "rule": "pg_rewrite",
    "schema": "pg_namespace",
    "sequence": "pg_class",
    "statistics": "pg_statistic_ext",
    "table": "pg_class",
    "text_search_configuration": "pg_ts_config",
    "text_search_dictionary": "pg_ts_dict",
    "text_search_parser": "pg_ts_parser",
    "text_search_template": "pg_ts_template",
    "transform": "pg_transform",
    "trigger": "pg_trigger",
    "user_mapping": "pg_user_mapping",
    "view": "pg_class",
}
# What a ledger has on record beyond that, as rows that stand for many grants.
_ALSO = "pg_default_acl"
# Columns are told by what they are columns of.
COLUMNS_OF = {"table": "table column", "foreign_table": "foreign table column"}


# So many of each fault are named.
_NAMED = 10


class Address(NamedTuple):
    """An object as pg_identify_object_as_address tells it."""

    kind: str
    names: tuple[str, ...]
    args: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Kind and name for people, as SQL writes it."""
        args = f"({', '.join(self.args)})" if self.args else ""
        return f"{self.kind} {dotted(self.names)}{args}"


@dataclass(frozen=True, slots=True)
class Capture:
    """What a ledger has on record and what there is.

    `missing` are there and not on record, `gone` are on record and not there. `recorded` counts
    what is on record.
    """

    recorded: int
    missing: tuple[Address, ...]
    gone: tuple[Address, ...]


def held_against(
    expected: Iterable[Address], there: Iterable[Address], recorded: Iterable[Address]
) -> Capture:
    """Return what a ledger lacks of what pgdrift reads, and has beyond all that there is."""
    on_record = frozenset(recorded)
    missing = sorted(frozenset(expected) - on_record)
    return Capture(len(on_record), tuple(missing), tuple(sorted(on_record - frozenset(there))))


async def capture(session: asyncpg.Connection, snapshot: Snapshot, schema: str) -> Capture:
    """Return how the ledger in a schema stands against a snapshot of this very transaction.

    Raises what the driver raises.
    """
    catalogs = sorted({*CATALOGS.values(), _ALSO})
    expected = [
        (CATALOGS[i.kind], o.oid) for i, o in snapshot.objects.items() if i.kind in CATALOGS
    ]
    asked = await session.fetch(_EXPECTED, [c for c, _ in expected], [oid for _, oid in expected])
    there = await session.fetch(
        " UNION ALL ".join((*map(_all_of, catalogs), _COLUMNS, _SUBSCRIPTIONS))
    )
    recorded = await session.fetch(_RECORDED.format(schema=quote_ident(schema)))
    return held_against(
        (*_addresses(asked), *_by_name(snapshot)), _addresses(there), _addresses(recorded)
    )


def differences(found: Capture) -> Iterator[str]:
    """Say what is not on record, and what is though it is gone: of each the first few."""
    for addresses, words in (
        (found.missing, "not on record"),
        (found.gone, "on record, and gone from the catalog"),
    ):
        yield from (f"{a.label}: {words}" for a in addresses[:_NAMED])
        if len(addresses) > _NAMED:
            yield f"{len(addresses) - _NAMED} more: {words}"


def _by_name(snapshot: Snapshot) -> Iterator[Address]:
    """Give what is known by its name alone: columns, and subscriptions, which hide their number."""
    for i, found in snapshot.objects.items():
        if i.kind == "subscription":
            yield Address(i.kind, i.path)
        elif i.kind == "column" and found.parent and found.parent.kind in COLUMNS_OF:
            yield Address(COLUMNS_OF[found.parent.kind], i.path)


def _addresses(rows: Iterable[asyncpg.Record]) -> Iterator[Address]:
    for kind, names, args in rows:
        if kind is None or names is None:
            continue  # gone since the transaction began, or nothing that has an address
        yield Address(kind, tuple(n or "" for n in names), tuple(a or "" for a in args or ()))


_EXPECTED = """
SELECT a.type, a.object_names, a.object_args
FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::pg_catalog.oid[]))
    o (catalog, id)
CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(
    ('pg_catalog.' || o.catalog)::pg_catalog.regclass, o.id, 0) a
"""
_COLUMNS = """
SELECT a.type, a.object_names, a.object_args
FROM pg_catalog.pg_attribute c
CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(
    'pg_catalog.pg_class'::pg_catalog.regclass, c.attrelid, c.attnum) a
WHERE c.attnum > 0 AND NOT c.attisdropped AND c.attrelid >= 16384
"""
_RECORDED = """
SELECT o.object_kind, o.address_names, o.address_args
FROM {schema}.objects o
WHERE o.is_active AND o.object_kind IS NOT NULL
"""


_SUBSCRIPTIONS = """
SELECT 'subscription', ARRAY[s.subname::text], '{}'::text[]
FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
WHERE d.datname = pg_catalog.current_database()
"""


def _all_of(catalog: str) -> str:
    # Options of user mappings are hidden, and so is their catalog.
    rows = "(SELECT u.umid AS oid FROM pg_catalog.pg_user_mappings u)"
    if catalog != "pg_user_mapping":
        rows = f"pg_catalog.{catalog}"
    return f"""
SELECT a.type, a.object_names, a.object_args
FROM {rows} c
CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(
    'pg_catalog.{catalog}'::pg_catalog.regclass, c.oid, 0) a"""
