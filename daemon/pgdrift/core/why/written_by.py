"""Which of a ledger's entries did migrations write? Entries and migrations of one window in.

A migration and a change by hand may fall between the same two looks. Where a ledger tells their
transactions apart, the migration answers for its own alone. Knows no objects and no catalog.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pgdrift.core.model import LedgerEntry, Migration

_Key = tuple[str | None, ...]


@dataclass(slots=True)
class _Transaction:
    """What one transaction wrote: its entries, all ids that it went by, and who it was."""

    actor: _Key
    roles: frozenset[str | None]
    ids: set[int] = field(default_factory=set)
    entries: list[int] = field(default_factory=list)


def by_migrations(
    entries: Collection[LedgerEntry],
    migrations: Collection[Migration],
    writers: Collection[int],
) -> frozenset[int]:
    """Return the ids of the entries that the migrations wrote.

    `writers` are the transactions that wrote the migrations' rows. A tool that writes its row in a
    transaction of its own did the change right before that, and all that the same client did. Where
    no row is left to tell (it was taken back), or only one transaction changed anything, all is
    the migrations'.
    """
    transactions = list(_transactions(entries).values())
    if not migrations:
        return frozenset()
    if len(transactions) < 2 or not writers:
        return frozenset(e.id for e in entries)
    own = [t for t in transactions if not t.ids.isdisjoint(writers)]
    alone = [w for w in writers if not any(w in t.ids for t in own)]
    if alone:
        people = {m.by for m in migrations if m.by}
        own += _right_before(alone, transactions, people)
        clients = {t.actor for t in own}
        own = [t for t in transactions if t.actor in clients]
    return frozenset(number for t in own for number in t.entries)


def _transactions(entries: Iterable[LedgerEntry]) -> Mapping[_Key, _Transaction]:
    """Return the entries by transaction; where the ledger names none, by its start and role."""
    found: dict[_Key, _Transaction] = {}
    for e in entries:
        key = (e.transaction_id,) if e.transaction_id else (e.at, e.who)
        actor = (e.login_role, e.application_name, e.client_address, e.login_role or e.who)
        roles = frozenset({e.login_role, e.who})
        of = found.setdefault(key, _Transaction(actor, roles))
        of.entries.append(e.id)
        of.ids |= {n for n in (e.xid, _number(e.transaction_id)) if n is not None}
    return found


def _right_before(
    writers: Iterable[int], transactions: Collection[_Transaction], people: Collection[str]
) -> Iterable[_Transaction]:
    """Give for each writer the transaction before it, by one of the people if any is known."""
    known = [t for t in transactions if t.ids and not t.roles.isdisjoint(people)]
    for writer in writers:
        earlier = [t for t in known or transactions if t.ids and min(t.ids) < writer]
        if earlier:
            yield max(earlier, key=lambda t: min(t.ids))


def _number(transaction_id: str | None) -> int | None:
    # A ledger's rows can be forged: a number of thousands of digits is none.
    known = transaction_id and transaction_id.isdecimal() and len(transaction_id) < 20
    return int(transaction_id) if transaction_id and known else None
