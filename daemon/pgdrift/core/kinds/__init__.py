"""The table of kinds: one row per kind, in the order in which objects can be created."""

from collections.abc import Mapping

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import (
    access_method,
    aggregate,
    base_type,
    cast,
    cluster_privilege,
    collation,
    column,
    composite_type,
    constraint,
    conversion,
    database,
    default_privilege,
    domain,
    enum,
    event_trigger,
    extension,
    foreign_data_wrapper,
    foreign_server,
    foreign_table,
    function,
    index,
    language,
    materialized_view,
    operator,
    operator_class,
    operator_family,
    policy,
    privilege,
    procedure,
    publication,
    range_type,
    role,
    rule,
    schema,
    security_label,
    sequence,
    server_setting,
    setting,
    statistics,
    subscription,
    table,
    tablespace,
    text_search_configuration,
    text_search_dictionary,
    text_search_parser,
    text_search_template,
    transform,
    trigger,
    user_mapping,
    view,
)
from pgdrift.core.model import ChangeClass

KINDS: tuple[Kind, ...] = (
    role.KIND,
    role.MEMBERSHIP,
    setting.OF_ROLE,
    tablespace.KIND,
    server_setting.KIND,
    database.KIND,
    setting.OF_DATABASE,
    setting.OF_ROLE_HERE,
    schema.KIND,
    extension.KIND,
    language.KIND,
    access_method.KIND,
    collation.KIND,
    enum.KIND,
    domain.KIND,
    composite_type.KIND,
    range_type.KIND,
    base_type.KIND,
    function.KIND,
    procedure.KIND,
    aggregate.KIND,
    operator.KIND,
    operator_family.KIND,
    operator_class.KIND,
    text_search_parser.KIND,
    text_search_template.KIND,
    text_search_dictionary.KIND,
    text_search_configuration.KIND,
    cast.KIND,
    transform.KIND,
    conversion.KIND,
    foreign_data_wrapper.KIND,
    foreign_server.KIND,
    user_mapping.KIND,
    table.KIND,
    foreign_table.KIND,
    column.KIND,
    sequence.KIND,
    constraint.KIND,
    view.KIND,
    materialized_view.KIND,
    index.KIND,
    statistics.KIND,
    rule.KIND,
    trigger.KIND,
    policy.KIND,
    event_trigger.KIND,
    *publication.KINDS,
    subscription.KIND,
    *privilege.KINDS,
    *cluster_privilege.KINDS,
    default_privilege.KIND,
    security_label.KIND,
)


def of_database(kinds: tuple[Kind, ...] = KINDS) -> frozenset[str]:
    """Return the kinds that tell of a database as a whole, which differs from place to place."""
    return frozenset(k.name for k in kinds if k.database)


def classes(kinds: tuple[Kind, ...] = KINDS) -> Mapping[str, Mapping[str, ChangeClass]]:
    """Return kind → attribute → what a change of it touches; "" is the kind's coming or going.

    "+" and an attribute's name is the coming or going of an object that has it set, "/" and a name
    or "*" that of one with this last name together with what it belongs to.
    """
    told = {k.name: {f"+{a.name}": a.cls for a in k.attributes if a.tells} for k in kinds}
    within = {k.name: {f"/{k.within}": k.cls} if k.within else {} for k in kinds}
    return {
        k.name: {
            "": k.cls,
            **{a.name: a.cls for a in k.attributes},
            **told[k.name],
            **within[k.name],
        }
        for k in kinds
    }
