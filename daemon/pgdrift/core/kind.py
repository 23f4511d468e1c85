"""What one kind of object is, as data. The reader turns a row of this into one query.

A kind never holds an algorithm. What differs between servers is said with `since` and `until`;
an attribute that a server does not have is not read there, and so never compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pgdrift.core.model import ChangeClass


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name, the SQL expression that reads it, and what a change of it touches.

    The expression must give a JSON-like value in its one canonical form: text, integer, boolean,
    an ordered text array, or jsonb. Sets are sorted by the expression (COLLATE "C").
    `since` and `until` bound the major versions that have it, both inclusive.
    `tells`: where it is set, its class counts also when the object comes or goes.
    `respell`: for an expression that servers may spell in several ways, the SQL that makes the
    object with a given spelling on a scratch server, so that the server can settle whether two
    mean the same; see core/texts/respell.py for the names that stand in it. Empty for plain values.
    `hides`: NULL says that the server hid it from this role, not that there is none: it was not
    read of this object, and is no difference.
    `secret`: there may be secrets in it, as `fragments.hidden` gives them; the reader seals them.
    """

    name: str
    sql: str
    cls: ChangeClass
    since: int = 0
    until: int = 999
    tells: bool = False
    respell: str = ""
    hides: bool = False
    secret: bool = False

    def on(self, major: int) -> bool:
        """Tell whether a server of this major version has the attribute."""
        return self.since <= major <= self.until


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    name: as in `kind:name`, lower case with underscores.
    cls: what it touches when one comes or goes.
    path: SQL of a text array, the path of names. args: SQL of the identity arguments with
        parentheses, for routines.
    source: the FROM clause, without FROM. where: the condition, if any; `{user_schema}` stands
        for "pg_namespace n is a schema of the user's".
    address: SQL of (classid, objid, objsubid) as three expressions, or None where an object has
        no address of its own (a grant set). parent: the address of the object that this one
        cannot outlive, likewise; None for none.
    member: SQL of (classid, objid): the object whose membership in an extension leaves this one
        out. None: the address.
    since: the first major version that has the kind.
    cluster: belongs to the whole cluster, not to one database; read only where that is asked for.
    database: tells of the database as a whole, which no script that is loaded into one makes.
    within: of which last names its class counts also when it comes or goes with what it belongs
        to, and so is no change of its own; "*" for all, "" for none.
    told_with: SQL of OIDs of the relation, type or routine that this one is read again with when
        anything about that one changed; what an index can find. () where there are so few that all
        are read again.
    trace: SQL of what such OIDs ($1) have wherever any of the kind is told with them, as what comes
        after FROM: cheap to ask, and it may find more. "" where told_with is ().
    alone: few others have paths that begin as its paths do, and nothing belongs to it: it is read
        last, while what came before is folded.
    """

    name: str
    cls: ChangeClass
    path: str
    source: str
    attributes: tuple[Attribute, ...]
    where: str = "true"
    args: str = "''"
    address: tuple[str, str, str] | None = None
    parent: tuple[str, str, str] | None = None
    member: tuple[str, str] | None = None
    since: int = 0
    cluster: bool = False
    database: bool = False
    within: str = ""
    told_with: tuple[str, ...] = ()
    trace: str = ""
    alone: bool = False

    def attributes_on(self, major: int) -> Iterator[Attribute]:
        """Give the attributes that a server of this major version has."""
        return (a for a in self.attributes if a.on(major))
