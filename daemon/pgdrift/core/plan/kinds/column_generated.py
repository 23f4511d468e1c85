"""What a column gets of itself: expressions that generate it, identities, their sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.kinds.column_words import (
    altered_column,
    differ,
    identity_clause,
    persistence_of,
    sequence_of,
)
from pgdrift.core.plan.kinds.common import comment_on
from pgdrift.core.plan.sql import has, last, literal, text, texts, upto
from pgdrift.core.plan.step import Below, Held, Lock, Step, World

_HARD = Lock.ACCESS_EXCLUSIVE


def generation(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Give what makes a column plain, or lets another expression generate it."""
    if not has(after, "generated"):
        yield altered_column(after, "DROP EXPRESSION", "change generation")
        if has(after, "default") and not differ(before, after, "type", "collation"):
            yield altered_column(after, f"SET DEFAULT {text(after, 'default')}", "change default")
        return
    said = text(after, "generation_expression")
    yield Step(
        f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)} SET EXPRESSION AS ({said})",
        "change generation",
        _HARD,
        (upto(after),),
        rewrites=text(after, "generated") == "stored",
        below=Below.ALL,
    )


def generated_anew(before: Object, after: Object, world: World) -> bool:
    """Tell whether how a column is generated needs a new column."""
    if differ(before, after, "generated"):
        return not (text(before, "generated") == "stored" and not has(after, "generated"))
    if has(after, "generated") and differ(before, after, "type", "collation"):
        return True
    return differ(before, after, "generation_expression") and world.major < 17


def identities(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Give what adds an identity, or changes the sequence behind it."""
    old, new = text(before, "identity"), text(after, "identity")
    if new and not old:
        added = altered_column(after, f"ADD {identity_clause(after)}", "change identity")
        yield replace(added, note=_counts_anew(after))
        yield from _settings_of_sequence(None, after, world)
    elif new:
        yield from _settings_of_sequence(before, after, world)


def _counts_anew(column: Object) -> str:
    counts = f"pg_catalog.setval({literal(sequence_of(column))}, max({last(column)}))"
    return (
        "counts from its start, whatever the rows hold; after it, where there are rows:"
        f" SELECT {counts} FROM {upto(column)}"
    )


def identity_goes(before: Object, after: Object, _: World) -> Iterator[Step]:
    """Take the identity before all else: beside it no default can be, and no NULL."""
    old, new = text(before, "identity"), text(after, "identity")
    if old and new:
        # It goes by the sequence, too.
        sequence = Held(sequence_of(before), Lock.SHARE_ROW_EXCLUSIVE)
        said = f"SET GENERATED {new.upper()}"
        yield altered_column(after, said, "change identity", also=(sequence,))
    elif old:
        gone = altered_column(after, "DROP IDENTITY", "change identity")
        yield replace(gone, loses="where its sequence stands")


def _settings_of_sequence(before: Object | None, after: Object, world: World) -> Iterator[Step]:
    if before and differ(before, after, "identity_sequence"):
        new = quote_ident(text(after, "identity_sequence"))
        old = sequence_of(before)
        yield Step(f"ALTER SEQUENCE {old} RENAME TO {new}", "rename", _HARD, (old,))
    if before and differ(before, after, "identity_options"):
        said = " ".join(texts(after.attributes["identity_options"])).replace(
            "START ", "START WITH "
        )
        sequence = sequence_of(after)
        lock = Lock.SHARE_ROW_EXCLUSIVE
        yield Step(f"ALTER SEQUENCE {sequence} {said}", "change identity", lock, (sequence,))
    if (before and differ(before, after, "identity_comment")) or (
        not before and has(after, "identity_comment")
    ):
        sequence = sequence_of(after)
        yield comment_on(f"SEQUENCE {sequence}", after.attributes["identity_comment"], sequence)
    if (before and differ(before, after, "identity_persistence")) or (
        not before and has(after, "identity_persistence")
    ):
        yield persistence_of(after, world)
