"""What a query selects in, the same without the table's name where there is only one table.

PostgreSQL 15 and older print `t.a` in a view of one table, 16 and newer `a`. Where a name could
mean what the query gives out, it stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.texts.tokens import Group, Item, Phrase

_ENDS_FROM = frozenset("WHERE GROUP HAVING WINDOW ORDER LIMIT OFFSET FETCH FOR ;".split())
_QUERIES = frozenset({"SELECT", "WITH", "VALUES"})
# What makes more than one relation, or more than one query, of it.
_SEVERAL = frozenset({",", "JOIN", "TABLESAMPLE", "ORDINALITY", "ROWS"})
_SETS = frozenset({"UNION", "INTERSECT", "EXCEPT"})


def unqualified(items: Phrase) -> Phrase:
    """Return a query without its only table's name before columns, as far as that is clear."""
    select = next((n for n, i in enumerate(items) if i == "SELECT"), None)
    if select is None or _SETS.intersection(_words(items)):
        return items
    begins = next((n for n, i in enumerate(items) if i == "FROM" and n > select), None)
    if begins is None:
        return items
    ends = next((n for n in range(begins, len(items)) if items[n] in _ENDS_FROM), len(items))
    name = _only_name(items[begins + 1 : ends])
    if name is None:
        return items
    head, source, rest = items[select:begins], items[begins:ends], items[ends:]
    given = _given_names(head)
    return (
        *items[:select],
        *_distinct(head, name, given),
        *source,
        *_ordered(rest, name, given),
    )


def selected_from(items: Phrase) -> Phrase:
    """Return what stands between the first FROM of a query and what follows that; may be empty."""
    begins = items.index("FROM") + 1 if "FROM" in items else len(items)
    ends = next((n for n in range(begins, len(items)) if items[n] in _ENDS_FROM), len(items))
    return items[begins:ends]


def _only_name(source: Phrase) -> Item | None:
    """Return the name by which columns of the one relation are called; None for several."""
    if _SEVERAL.intersection(_words(source)):
        return None
    # After the name there may be names of its columns in brackets.
    named = source[:-1] if source and isinstance(source[-1], Group) else source
    return named[-1] if named and isinstance(named[-1], str) else None


def _given_names(head: Phrase) -> frozenset[Item]:
    return frozenset(head[n + 1] for n in range(len(head) - 1) if head[n] == "AS")


def _distinct(head: Phrase, name: Item, given: frozenset[Item]) -> Phrase:
    """Return the select list; in DISTINCT ON (…), as in ORDER BY, a name means what is given."""
    if head[1:3] != ("DISTINCT", "ON"):
        return _bare(head, name, frozenset())
    return (*head[:3], *_bare(head[3:4], name, given), *_bare(head[4:], name, frozenset()))


def _ordered(rest: Phrase, name: Item, given: frozenset[Item]) -> Phrase:
    by = next((n for n, i in enumerate(rest) if i == "ORDER"), len(rest))
    return (*_bare(rest[:by], name, frozenset()), *_bare(rest[by:], name, given))


def _bare(items: Phrase, name: Item, given: frozenset[Item]) -> Phrase:
    """Leave out `name.` before columns, but for names that the query gives out."""
    told: list[Item] = []
    skip = 0
    for n, item in enumerate(items):
        if skip:
            skip -= 1
        elif item == name and _is_column(items, n) and items[n + 2] not in given:
            skip = 1
        elif isinstance(item, Group) and not _is_query(item):
            told.append(Group(item.bracket, _bare(item.items, name, given)))
        else:
            told.append(item)
    return tuple(told)


def _is_column(items: Phrase, n: int) -> bool:
    """Tell whether `name . column` stands here, and neither a type nor a function or a row."""
    before = items[n - 1] if n else ""
    after = items[n + 3] if n + 3 < len(items) else ""
    column = items[n + 2] if n + 2 < len(items) else "*"
    calls = isinstance(after, Group) and after.bracket == "("
    plain = isinstance(column, str) and (column[0].isalpha() or column[0] in '_"')
    return items[n + 1 : n + 2] == (".",) and plain and before not in _NO_COLUMN and not calls


_NO_COLUMN = frozenset({".", "::", "COLLATE", "OPERATOR", "AS"})


def _is_query(item: Group) -> bool:
    return item.items[:1] in {(word,) for word in _QUERIES}


def _words(items: Phrase) -> Iterator[str]:
    return (i for i in items if isinstance(i, str))
