"""An object and its identity: what everything else holds, compares and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pgdrift.core.digest import content_digest
from pgdrift.core.names import dotted

# A JSON value: None, a boolean, a whole number, text, a list of these, or a dict of these by name.
Value: TypeAlias = object


class ObjectId(NamedTuple):
    """Identity of anything in a schema: its kind, its path of names, a routine's arguments.

    `args` holds the identity arguments with their parentheses, as `(integer, text)`, and is
    empty for everything that is not told apart by arguments.
    """

    # A tuple: there are hundreds of thousands, and what is done with them is hashing and sorting.

    kind: str
    path: tuple[str, ...]
    args: str = ""

    @property
    def name(self) -> str:
        """The dotted name, quoted as SQL would quote it."""
        return dotted(self.path) + self.args

    def __str__(self) -> str:
        """Return `kind:name`, which rules, the store and the JSON output use as a key."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Object:
    """One object as it was read.

    `attributes` maps a name to its value. A name that is absent was *not read* (an older server
    or format has no such attribute) and is never a difference; None is a value. `parent` is the
    object that this one cannot outlive. `oid` rides along uncompared.
    """

    id: ObjectId
    attributes: Mapping[str, Value]
    parent: ObjectId | None = None
    oid: int = field(default=0, compare=False)
    # The digest, once it is known. (A cached_property would give each object a dict to hold it.)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Content hash of identity and attributes, 32 hex digits."""
        if not self._digest:
            i = self.id
            self.know(content_digest(i.kind, i.path, i.args, self.attributes))
        return self._digest

    def know(self, digest: str) -> None:
        """Take a digest that was made from this very content, and spare making it again."""
        object.__setattr__(self, "_digest", digest)
