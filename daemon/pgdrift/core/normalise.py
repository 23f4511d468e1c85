"""A snapshot as read in, the same with what is no drift made equal out. Each rule can be switched.

Rules are small functions over one object. What is kept in the store is always as it was read, so
that switching a rule needs no new reading and makes no false difference with the past.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pgdrift.core.model import Object, Snapshot, Value

Attributes = Mapping[str, Value]
Rule = Callable[[Attributes], Attributes]


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as a difference. Each is False or True as in `compare:` of the settings."""

    column_order: bool = False


def normalise(snapshot: Snapshot, options: Options) -> Snapshot:
    """Return the snapshot with every rule applied that the options call for."""
    if options not in snapshot.normalised:
        rules = tuple(_rules(options))
        objects = {i: _apply(rules, o) for i, o in snapshot.objects.items()}
        snapshot.normalised[options] = replace(snapshot, objects=objects)
    return snapshot.normalised[options]


def _rules(options: Options) -> Iterator[Rule]:
    if not options.column_order:
        yield without_position


def without_position(attributes: Attributes) -> Attributes:
    """Leave out where a column stands in its table: order matters to people, seldom to queries."""
    if "position" not in attributes:
        return attributes
    return {name: value for name, value in attributes.items() if name != "position"}


def _apply(rules: tuple[Rule, ...], found: Object) -> Object:
    attributes = found.attributes
    for rule in rules:
        attributes = rule(attributes)
    return found if attributes is found.attributes else replace(found, attributes=attributes)
