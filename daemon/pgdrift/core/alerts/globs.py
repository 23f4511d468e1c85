"""Many names held against many globs: as `core/ignore.py` does, compiled once for all of them."""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache


def any_of(globs: Iterable[str], name: str) -> bool:
    """Tell whether a name is one that is written, or one that a glob stands for; none: no."""
    return pattern(tuple(globs)).match(name) is not None


@lru_cache(maxsize=4096)
def pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches the names that one of the globs stands for."""
    each = (f"{translate(glob)}|{re.escape(glob)}\\Z" for glob in globs)
    return re.compile("|".join(each) or "(?!)", re.DOTALL)
