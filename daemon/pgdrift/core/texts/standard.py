"""Functions in the syntax of the SQL standard in, as plain calls out.

PostgreSQL 14 and newer print `(x AT TIME ZONE y)` where it was written so, 13 prints
`timezone(y, x)`: one function under two names. EXTRACT is none of these: since 14 it gives
another type than date_part.
"""

from __future__ import annotations

from collections.abc import Callable

from pgdrift.core.texts.tokens import Group, Item, Phrase, grouped, joined, parts, within

_TRIMS = {"BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}
_TAKE_TEXT = frozenset(
    {
        *("btrim", "ltrim", "rtrim", "substring", "position", "overlay"),
        *("is_normalized", "normalize"),
    }
)
_WORD = "_abcdefghijklmnopqrstuvwxyz"


def of_the_standard(items: Phrase) -> Phrase:
    """Return one level of a phrase with the standard's syntax as calls."""
    told: list[Item] = []
    for item in items:
        before = told[-1] if told else ""
        if not isinstance(item, Group) or item.bracket != "(" or isinstance(before, Group):
            told.append(item)
        elif called := _prefix(before, item.items, told):
            del told[-2 if before == "FOR" else -1 :]
            told += called
        elif call := _infix(item.items):
            # What stands in a function's brackets stays there.
            is_argument = before[:1] in _WORD if before else False
            told += [Group("(", call)] if is_argument else call
        else:
            told.append(item)
    return tuple(told)


def is_standard(text: str) -> bool:
    """Tell whether a text holds a function in the standard's syntax."""
    found = grouped(text)
    return found is not None and within(found, of_the_standard) != found


def without_casts(items: Phrase, is_string: Callable[[str], bool]) -> Phrase:
    """Return the phrase without casts to text of strings that these functions are given.

    Servers up to 13 print them even where nobody wrote them. `is_string` knows the columns.
    """
    return within(items, lambda level: _without_casts(level, is_string))


def _infix(inner: Phrase) -> Phrase:
    """(x AT TIME ZONE y), ((a, b) OVERLAPS (c, d)) and (x IS NFC NORMALIZED) as calls."""
    if "," in inner:
        return ()
    for n in range(1, len(inner) - 1):
        if inner[n : n + 3] == ("AT", "TIME", "ZONE"):
            return ("timezone", Group("(", (*inner[n + 3 :], ",", *inner[:n])))
        if inner[n] == "IS" and inner[-1] == "NORMALIZED":
            return ("is_normalized", Group("(", (*inner[:n], *_form(inner[n + 1 : -1]))))
    match inner:
        case (Group() as left, "OVERLAPS", Group() as right):
            return ("overlaps", Group("(", (*left.items, ",", *right.items)))
    return ()


def _prefix(before: str, inner: Phrase, told: list[Item]) -> Phrase:
    """TRIM (BOTH y FROM x), SUBSTRING (x FROM y FOR z) and their like as calls."""
    match before:
        case "TRIM" if inner[:1] and inner[0] in _TRIMS and inner.count("FROM") == 1:
            what, whole = parts(inner[1:], "FROM")
            return _call(_TRIMS[str(inner[0])], whole, *([what] if what else []))
        case "SUBSTRING" if "FROM" in inner:
            return _call("substring", *_split(inner, "FROM", "FOR"))
        case "SUBSTRING" if "SIMILAR" in inner:
            return _call("substring", *_split(inner, "SIMILAR", "ESCAPE"))
        case "OVERLAY" if "PLACING" in inner:
            return _call("overlay", *_split(inner, "PLACING", "FROM", "FOR"))
        case "POSITION" if inner[1:2] == ("IN",) and len(inner) == 3:
            return _call("position", _inside(inner[2]), _inside(inner[0]))
        case "NORMALIZE":
            what, *form = parts(inner)
            return _call("normalize", what, *(_form(f)[1:] for f in form))
        case "FOR" if told[-2:] == ["COLLATION", "FOR"]:
            return _call("pg_collation_for", inner)
    return ()


def _call(name: str, *arguments: Phrase) -> Phrase:
    return (name, Group("(", joined(arguments)))


def _split(items: Phrase, *by: str) -> list[Phrase]:
    """Return what stands between these words, which may be missing from some on."""
    told: list[Phrase] = []
    for word in by:
        first, *rest = parts(items, word)
        told.append(first)
        if not rest:
            return told
        items = joined(rest, word)
    return [*told, items]


def _form(form: Phrase) -> Phrase:
    return (",", f"'{form[0]}'", "::", "text") if form else ()


def _inside(item: Item) -> Phrase:
    return item.items if isinstance(item, Group) else (item,)


def _without_casts(items: Phrase, is_string: Callable[[str], bool]) -> Phrase:
    return tuple(
        Group("(", joined(_uncast(p, is_string) for p in parts(item.items)))
        if isinstance(item, Group) and item.bracket == "(" and _takes_text(items[:n])
        else item
        for n, item in enumerate(items)
    )


def _takes_text(before: Phrase) -> bool:
    """Tell whether PostgreSQL's own function that takes text is called with what follows."""
    return before[-1:] != () and before[-1] in _TAKE_TEXT and before[-2:-1] != (".",)


def _uncast(part: Phrase, is_string: Callable[[str], bool]) -> Phrase:
    match part:
        case (Group("(", (str() as column,)), "::", "text") if is_string(column):
            return (column,)
        case (Group("(", (str(), "::", "character", "varying") as inner), "::", "text"):
            return inner
    return part
