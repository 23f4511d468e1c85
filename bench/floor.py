"""The floors: what it costs to have the server answer, and to do nothing with the answer."""

from __future__ import annotations

from collections.abc import Mapping

from pgdrift.core.kinds import KINDS
from pgdrift.sources import dependencies
from pgdrift.sources.connection import Connection, reading
from pgdrift.sources.query import query

# What any reader of schemas must ask, as plainly as it can be asked, in no particular order.
_PLAIN = """
SELECT attrelid, attname, format_type(atttypid, atttypmod), attnum, attnotnull, attidentity,
    attgenerated, attcollation, attstorage, attoptions, attacl::text
    FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0;
SELECT adrelid, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef;
SELECT indexrelid, indrelid, indisvalid, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indexrelid >= 16384;
SELECT oid, conname, contype, conrelid, contypid, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE oid >= 16384;
SELECT oid, relname, relnamespace, reltype, relowner, relkind, relpersistence, reloptions,
    relrowsecurity, relacl::text
    FROM pg_class WHERE oid >= 16384 AND relkind <> 't';
SELECT oid, pg_get_viewdef(oid) FROM pg_class WHERE oid >= 16384 AND relkind IN ('v', 'm');
SELECT oid, tgrelid, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal;
SELECT oid, pg_get_functiondef(oid), proacl::text
    FROM pg_proc WHERE oid >= 16384 AND prokind <> 'a';
SELECT oid, typname, typnamespace, typowner, typtype, typbasetype, typacl::text
    FROM pg_type WHERE oid >= 16384;
SELECT enumtypid, enumsortorder, enumlabel FROM pg_enum;
SELECT seqrelid, seqtypid, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle
    FROM pg_sequence;
SELECT polrelid, polname, polcmd, polroles, pg_get_expr(polqual, polrelid) FROM pg_policy;
SELECT inhrelid, inhparent, inhseqno FROM pg_inherits;
SELECT objoid, classoid, objsubid, description FROM pg_description WHERE objoid >= 16384;
SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype
    FROM pg_depend WHERE objid >= 16384;
SELECT oid, nspname, nspowner, nspacl::text FROM pg_namespace
""".split(";")


def questions(major: int) -> Mapping[str, tuple[str, list[object]]]:
    """Return the queries of a snapshot, each with its arguments, by the name of the kind."""
    return {
        **{k.name: (query(k, major), [[]]) for k in KINDS if k.since <= major},
        **{f"(dependencies {n})": (q, []) for n, q in enumerate(dependencies.QUERIES, 1)},
    }


async def same_queries(session: Connection) -> None:
    """Ask exactly what a snapshot asks, and throw the answers away."""
    async with reading(session):
        for text, arguments in questions(session.get_server_version().major).values():
            await session.fetch(text, *arguments)


async def plain_queries(session: Connection) -> None:
    """Ask for the rows of the catalog, and throw the answers away."""
    async with reading(session):
        for text in _PLAIN:
            await session.fetch(text)
