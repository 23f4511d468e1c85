"""What a ledger's entries name, in; the objects of two snapshots that are meant, out.

A ledger that keeps identities names each object as PostgreSQL does. The others keep a name and a
word for the kind, as quirky as they come, and of a routine its OID. Whether an entry is right, or
what it explains, is not asked here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from pgdrift.core.model import Change, LedgerEntry, ObjectId, Snapshot
from pgdrift.core.names import quote_ident, split_dotted, unquote

Named = Mapping[ObjectId, tuple[LedgerEntry, ...]]
"""The entries on each object, in their order."""

# What a statement on a relation can change beside it: most ledgers name the relation alone.
_OF_RELATION = frozenset({"column", "constraint", "sequence", "index"})
# What a ledger with identities tells by what it belongs to.
_OF_THE_WHOLE = _OF_RELATION | {"publication_table", "publication_schema", "security_label"}

# What a ledger's words stand for. A name alone could be another's: a grant on a schema has a
# role for its last name, and a role may be named as a table is.
RELATIONS = frozenset({"table", "foreign_table"})
"""What a ledger calls a table."""
_TYPES = frozenset({"enum", "domain", "composite_type", "range", "base_type"})
_ROUTINES = frozenset({"function", "procedure", "aggregate"})
_KINDS = {
    "TABLE": RELATIONS,
    "COLUMN": RELATIONS,
    "INDEX": frozenset({"index"}),
    "VIEW": frozenset({"view", "materialized_view"}),
    "SEQUENCE": frozenset({"sequence"}),
    "TYPE": _TYPES,
}
# No event trigger hears of these, so no ledger does: what belongs to the cluster or to the database
# as such, and event triggers.
_UNHEARD = frozenset(
    """
    role role_membership role_setting tablespace tablespace_privilege server_setting
    parameter_privilege database database_setting database_role_setting database_privilege
    event_trigger
    """.split()
)
_OID = re.compile("[1-9][0-9]{0,9}")

# What PostgreSQL's words stand for, where the kind is not called so.
_CALLED = {
    "table": RELATIONS,
    "type": _TYPES,
    "composite type": _TYPES,
    "server": frozenset({"foreign_server"}),
    "foreign-data wrapper": frozenset({"foreign_data_wrapper"}),
    "statistics object": frozenset({"statistics"}),
    "default acl": frozenset({"default_privilege"}),
    "domain constraint": frozenset({"constraint"}),
    "table constraint": frozenset({"constraint"}),
    "default value": frozenset({"column"}),
}


def named(entries: Iterable[LedgerEntry], before: Snapshot, after: Snapshot) -> Named:
    """Return the objects that entries name, with their entries.

    What an entry names was perhaps renamed: then it names what that was before, too.
    """
    places = _Places(before, after)
    found: dict[ObjectId, tuple[LedgerEntry, ...]] = {}
    for entry in entries:
        for i in places.of(entry):
            found[i] = (*found.get(i, ()), entry)
    return found


def recorded(change: Change) -> bool:
    """Tell whether a ledger that keeps identities records what is done to such an object."""
    return change.id.kind not in _UNHEARD


def whole(i: ObjectId, snapshots: Iterable[Snapshot], *, by_identity: bool) -> ObjectId | None:
    """Return the object by which a ledger tells a change of this one, or None for itself alone."""
    found = next((o for s in snapshots if (o := s.objects.get(i))), None)
    if found is None or found.parent is None:
        return None
    parts = _OF_THE_WHOLE if by_identity else _OF_RELATION
    return found.parent if i.kind in parts or (by_identity and _is_grant(i)) else None


def _is_grant(i: ObjectId) -> bool:
    return i.kind.endswith("privilege")


class _Places:
    """Two snapshots by name and by OID."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._by_name: dict[tuple[str, ...], list[ObjectId]] = {}
        for i in {**before.objects, **after.objects}:
            self._by_name.setdefault(i.path, []).append(i)
        self._by_oid: dict[str, list[ObjectId]] = {}
        for i, o in chain(before.objects.items(), after.objects.items()):
            if i.kind in _ROUTINES:
                self._by_oid.setdefault(str(o.oid), []).append(i)
        self._old_names = _old_names(before, after)

    def of(self, entry: LedgerEntry) -> Iterator[ObjectId]:
        """Give what an entry names, and what that was called before."""
        found = set(self._identified(entry) if entry.address_names else self._stored(entry))
        yield from found
        yield from {self._old_names[i] for i in found if i in self._old_names} - found

    def _stored(self, entry: LedgerEntry) -> Iterator[ObjectId]:
        if entry.object_type == "FUNCTION" and _OID.fullmatch(entry.object_name):
            yield from self._by_oid.get(entry.object_name, [])
            return
        kinds = _KINDS.get(entry.object_type, frozenset())
        yield from (i for i in self._by_name.get(_stored_path(entry), []) if i.kind in kinds)

    def _identified(self, entry: LedgerEntry) -> Iterator[ObjectId]:
        kind = entry.object_kind or ""
        kinds = _kinds(kind)
        path = _path(kind, entry.address_names, entry.address_args)
        found = [i for i in self._by_name.get(path, []) if i.kind in kinds]
        args = ",".join(map(_plain, entry.address_args))
        exactly = [i for i in found if i.args and _types(i.args) == args]
        yield from exactly or found


def _kinds(kind: str) -> frozenset[str]:
    """Return the kinds that PostgreSQL's word for one stands for."""
    if kind.endswith(" column"):
        return frozenset({"column"})
    return _CALLED.get(kind) or frozenset({kind.replace(" ", "_")})


def _path(kind: str, names: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path of names that an object address stands for."""
    if kind in {"type", "domain constraint"}:
        return (*split_dotted(names[0]), *args)
    if kind in {"operator class", "operator family"}:
        return (*names[1:], names[0])
    if kind == "user mapping":
        return (*args, *names)
    if kind in {"cast", "transform", "default acl"}:
        return tuple(map(_plain, (*names, *args)))
    return names


def _plain(type_name: str) -> str:
    return type_name.removeprefix("pg_catalog.")


def _types(args: str) -> str:
    return args.removeprefix("(").removesuffix(")").replace(", ", ",")


def _stored_path(entry: LedgerEntry) -> tuple[str, str]:
    """Return schema and name, of a column its table's, undoing the quotes the ledger keeps."""
    schema, name = unquote(entry.schema_name), entry.object_name
    for prefix in (f"{entry.schema_name}.", f"{quote_ident(schema)}."):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if entry.object_type == "COLUMN" and not name.startswith('"'):
        name = name.split(".", 1)[0]
    return schema, unquote(name)


def _old_names(before: Snapshot, after: Snapshot) -> Mapping[ObjectId, ObjectId]:
    """Return what an object was before, when that is gone and its kind and oid live on in it."""
    gone = {
        (i.kind, o.oid): i for i, o in before.objects.items() if o.oid and i not in after.objects
    }
    if not gone:
        return {}
    living = ((i, gone.get((i.kind, o.oid))) for i, o in after.objects.items())
    return {i: old for i, old in living if old is not None}
