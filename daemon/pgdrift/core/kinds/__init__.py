"""The table of kinds: one row per kind, in the order in which objects can be created."""

from collections.abc import Mapping

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import (
    aggregate,
    column,
    composite_type,
    constraint,
    default_privilege,
    domain,
    enum,
    event_trigger,
    extension,
    foreign_table,
    function,
    index,
    materialized_view,
    policy,
    privilege,
    procedure,
    range_type,
    rule,
    schema,
    sequence,
    table,
    trigger,
    view,
)
from pgdrift.core.model import ChangeClass

KINDS: tuple[Kind, ...] = (
    schema.KIND,
    extension.KIND,
    enum.KIND,
    domain.KIND,
    composite_type.KIND,
    range_type.KIND,
    function.KIND,
    procedure.KIND,
    aggregate.KIND,
    table.KIND,
    foreign_table.KIND,
    column.KIND,
    sequence.KIND,
    constraint.KIND,
    view.KIND,
    materialized_view.KIND,
    index.KIND,
    rule.KIND,
    trigger.KIND,
    policy.KIND,
    event_trigger.KIND,
    *privilege.KINDS,
    default_privilege.KIND,
)


def classes(kinds: tuple[Kind, ...] = KINDS) -> Mapping[str, Mapping[str, ChangeClass]]:
    """Return kind → attribute → what a change of it touches; "" is the kind's coming or going.

    "+" and an attribute's name is the coming or going of an object that has it set.
    """
    told = {k.name: {f"+{a.name}": a.cls for a in k.attributes if a.tells} for k in kinds}
    return {
        k.name: {"": k.cls, **{a.name: a.cls for a in k.attributes}, **told[k.name]} for k in kinds
    }
