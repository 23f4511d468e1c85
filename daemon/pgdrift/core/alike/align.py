"""Two snapshots in, the one told in the words of the other out, wherever both mean the same.

What one snapshot alone can say belongs to `normalise`; here are the rules that need both: names
that PostgreSQL generated, what majors tell differently, what children merely inherit, two
spellings of one expression. Only objects that differ are looked at. What is told differently
afterwards is a difference.
"""

from __future__ import annotations

from dataclasses import replace

from pgdrift.core.alike.apart import Pair, as_told, pair, retold
from pgdrift.core.alike.generated_names import generated_names
from pgdrift.core.alike.hosts import hosts
from pgdrift.core.alike.inherited import inherited
from pgdrift.core.alike.majors import majors
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.spelling import Dispute, Settled, Spelt, disputes, spellings
from pgdrift.core.alike.wholes import wholes
from pgdrift.core.model import Snapshot

__all__ = ["Settled", "Spelt", "align", "keep_up", "unsettled"]


def align(
    side: Snapshot,
    to: Snapshot,
    options: Options,
    settled: Settled = frozenset(),
    *,
    known: Snapshot | None = None,
    same_host: bool = False,
) -> Snapshot:
    """Return `side` as `to` would tell it. All are normalised with the same options.

    `known` is a third side in the words of `to`, which may know a name that `to` has changed
    the object of: what both others still have goes by it. `same_host` says that both sides are
    one database at two times.
    """
    others = [to] if known is None else [to, known]
    return side.memo.kept(
        ("aligned", options, settled, same_host),
        others,
        lambda: _aligned(side, to, options, settled, known, same_host=same_host),
    )


def _aligned(
    side: Snapshot,
    to: Snapshot,
    options: Options,
    settled: Settled,
    known: Snapshot | None,
    *,
    same_host: bool,
) -> Snapshot:
    first = pair(side, to)
    if not first.ours and not first.theirs:
        return side
    if known is not None and known is not to:
        # Names that both have count before those that a third side knows.
        side = as_told(_named(first, options))
        named = _named(pair(side, known), replace(options, server_versions=True))
        side = as_told(_spelt(named, options, settled))
    told = _named(first if side is first.side else pair(side, to), options)
    if not same_host:
        told = retold(told, hosts(told))
    if not options.inherited:
        told = retold(told, inherited(told))
        told = retold(told, wholes(told))
    return as_told(_spelt(told, options, settled))


def unsettled(side: Snapshot, to: Snapshot, options: Options) -> tuple[Dispute, ...]:
    """Return the texts that `align` would leave apart and that a server may call one."""
    if options.spelling:
        return ()
    texts = side.memo.kept(("unsettled", options), [to], lambda: _unsettled(side, to, options))
    return tuple(Dispute(spelt, side, to) for spelt in texts)


def _unsettled(side: Snapshot, to: Snapshot, options: Options) -> tuple[Spelt, ...]:
    told = _spelt(_named(pair(side, to), options), options, frozenset())
    return tuple(dispute.spelt for dispute in disputes(told))


def keep_up(kept: Snapshot, found: Snapshot, options: Options) -> Snapshot:
    """Return what is kept from earlier with the names, and in the major's words, of what is found.

    Both are as they were read, and so is what comes out: what is kept is moved on object by
    object, so its objects must go by the names that they have now.
    """
    return kept.memo.kept(
        ("kept up", options), [found], lambda: as_told(_named(pair(kept, found), options))
    )


def _spelt(told: Pair, options: Options, settled: Settled) -> Pair:
    return told if options.spelling else retold(told, spellings(told, settled))


def _named(told: Pair, options: Options) -> Pair:
    if not options.server_versions:
        told = retold(told, majors(told))
    if not options.constraint_names:
        told = retold(told, generated_names(told, spelling=options.spelling))
    return told
