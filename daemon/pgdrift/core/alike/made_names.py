"""A name, and what it would be made of, in; whether PostgreSQL would have made that very name, out.

Knows the server's way of making names for what was given none (makeObjectName, ChooseIndexName,
ChooseConstraintName): parts joined by underscores, digits where a name was taken, 63 bytes at most.
"""

import re
from collections.abc import Iterator, Sequence

_LONGEST = 63
_DIGITS = re.compile("(?:[1-9][0-9]*)?\\Z")


def is_generated(name: str, parts: Sequence[str]) -> bool:
    """Tell whether the server would give this name to what has these parts, and no name.

    The parts are the owner (a table, a domain), a label (`key`, `seq`), and names of columns.
    """
    owner, label, *columns = parts
    digits = _DIGITS.search(name)
    label += digits[0] if digits else ""
    return any(name == made_name(owner, middle, label) for middle in _middles(columns))


def made_name(owner: str, middle: str, label: str) -> str:
    """Return the name made of these, the longer of the first two cut until all fits.

    Names are counted in bytes of UTF-8; no character is cut in two.
    """
    first, second = owner.encode(), middle.encode()
    room = _LONGEST - len(label.encode()) - 1 - (1 if middle else 0)
    one, two = len(first), len(second)
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    kept = (first[:one].decode(errors="ignore"), second[:two].decode(errors="ignore"))
    return "_".join((*(kept if middle else kept[:1]), label))


def _middles(columns: Sequence[str]) -> Iterator[str]:
    yield "_".join(columns)
    # Up to 11 a foreign key was named by its first column alone, and names outlive upgrades.
    if len(columns) > 1:
        yield columns[0]
