"""What a comparison must see, item by item, and the scenarios that show each.

One line is one item: what it is | the attributes (or kinds) that tell it | where it is shown, which
is a folder of tests/scenarios or tests/cluster, or a test file. An item that tells nothing is one
that must stay silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Item(NamedTuple):
    """One thing to see; `told` are kinds and `kind.attribute`, `shown` folders and files."""

    area: str
    what: str
    told: tuple[str, ...]
    shown: tuple[str, ...]


def items() -> Iterator[Item]:
    for area, lines in CHECKLIST.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            what, told, shown = line.split("|")
            yield Item(area, what.strip(), tuple(told.split()), tuple(shown.split()))


CHECKLIST = {
    "relations": """
        a table comes and goes with all that is its own | table | table_goes_with_all
        logged or unlogged | table.persistence | table_storage
        access method | table.access_method | table_attributes
        access method of a materialized view | materialized_view.access_method | materialized_view_attributes
        tablespace | table.tablespace materialized_view.tablespace | tests/sources/test_tablespaces.py
        owner | table.owner view.owner materialized_view.owner foreign_table.owner | owner_of_every_kind
        rights | privilege.privileges | privilege_changed
        storage options, those of its TOAST table among them | table.options | table_storage
        the order of options | | table_same_options
        row-level security, on and forced | table.row_security table.force_row_security | table_row_security_off
        replica identity: all, none, an index | table.replica_identity | table_storage table_attributes
        replica identity of a materialized view | materialized_view.replica_identity | materialized_view_attributes
        typed table | table.of_type | table_attributes
        bound of a partition | table.partition_bound | table_partitions
        whether a materialized view is filled | | materialized_view_filled_is_no_drift
        comment | table.comment view.comment materialized_view.comment foreign_table.comment | comment_on_every_kind
        security label | security_label.label | security_label_changed
        """,
    "columns": """
        a column comes and goes | column | column_attributes
        type and modifier | column.type | column_attributes
        array dimensions | | column_dimensions_are_no_drift
        order, gaps left aside | | column_gap_is_no_drift
        order, where it is asked for | column.position | tests/test_pitfalls.py
        collation | column.collation | column_attributes
        not null | column.not_null | column_attributes
        identity | column.identity column.identity_options | column_attributes
        the sequence behind an identity | column.identity_sequence | column_identity_sequence
        comment of that sequence | column.identity_comment | column_identity_comment
        persistence of that sequence, other than the table's | column.identity_persistence | column_identity_persistence
        generated and stored | column.generated column.generation_expression | column_generated
        generated and virtual | column.generated | column_generated_virtual
        default, to and from none | column.default | column_default_comes_and_goes
        storage | column.storage | column_attributes
        compression | column.compression materialized_view.column_compression | column_compression
        statistics target, options | column.statistics column.options | column_attributes
        options of foreign data | column.foreign_options | foreign_table_attributes
        rights | column_privilege.privileges | privilege_widened_everywhere
        rights come and go, on views as well | column_privilege | column_privilege_granted
        inherited or its own | column.inherited | table_detached
        comment | column.comment | column_attributes
        names that quote, cross lines and mean something elsewhere | column index | column_hostile_names
        """,
    "constraints": """
        another type under the same name | constraint.type | constraint_attributes
        check | constraint.definition | constraint_changed
        key columns in order, included ones | constraint.definition | constraint_details
        foreign key: columns, actions, match | constraint.definition | constraint_details constraint_changed
        foreign key: columns that are set to null | constraint.definition | constraint_nulls_not_distinct
        nulls not distinct | constraint.definition | constraint_nulls_not_distinct
        deferrable, deferred | constraint.definition | constraint_details
        not valid | constraint.definition constraint | constraint_details constraint_changed
        not enforced | constraint.definition | constraint_not_enforced
        not inherited | constraint.definition | constraint_details
        exclusion: operators and condition | constraint.definition | constraint_details
        without overlaps, period | constraint.definition | constraint_without_overlaps
        not null by a name, not valid, not inherited | constraint | constraint_not_null_named
        options, order and targets of its index | constraint.options constraint.clustered constraint.statistics | constraint_attributes
        tablespace of its index | constraint.tablespace | tests/sources/test_tablespaces.py
        an index that is not valid | constraint.valid | constraint_attributes
        triggers of a foreign key switched off | constraint.enabled | foreign_key_trigger_disabled constraint_changed
        of a domain | constraint.definition | domain_changed domain_collation
        comment | constraint.comment | comment_on_every_kind
        comment of its index | constraint.index_comment constraint | constraint_index_comment
        between partitioned tables | constraint | foreign_key_between_partitioned
        a partition has no part of it | constraint.part_of constraint | index_lacks_parts
        a partition's, other than the whole's | constraint | constraint_on_a_partition_is_deferred constraint_on_a_partition_is_enforced
        """,
    "indexes": """
        an index comes and goes | index | table_partitions
        access method, columns in order | index.definition | index_changed index_details
        descending, nulls first | index.definition | index_details
        operator class with options, collation | index.definition | index_details
        included columns, condition, expression | index.definition | index_details
        unique | index.unique | index_changed
        nulls not distinct | index.definition | index_nulls_not_distinct
        not valid | index.valid | index_attributes
        clustered by it | index.clustered | index_changed
        options | index.definition | index_changed
        tablespace | index.tablespace | tests/sources/test_tablespaces.py
        part of a partitioned index | index.partition_of | index_attributes
        a partition has no part of it | index.partition_of index | index_lacks_parts
        of another table | index.table | index_attributes
        statistics target of an expression | index.statistics | index_attributes
        a partition's statistics target | index | index_statistics_on_a_partition
        comment | index.comment | comment_on_every_kind
        """,
    "views and rules": """
        a view comes and goes | view | view_comes_and_goes
        definition, columns and types | view.definition view.columns | view_definition
        security barrier | view.options | view_options
        security invoker | view.options | view_security_invoker
        check option | view.options | view_check_option
        defaults and comments of columns | view.column_defaults view.column_comments | view_options
        materialized view: definition, columns | materialized_view.definition materialized_view.columns | view_definition
        materialized view: options, settings of columns | materialized_view.options materialized_view.column_settings | materialized_view_options
        materialized view: comments of columns | materialized_view.column_comments | materialized_view_attributes
        rule: event, condition, instead | rule.definition | rule_changed rule_on_update
        rule: enabled | rule.enabled | rule_changed
        rule: comment | rule.comment | comment_on_every_kind
        trigger in place of a change | trigger.definition | trigger_on_a_view
        """,
    "routines": """
        overloads are told apart | function | function_overloaded
        arguments, defaults | function.arguments procedure.arguments | function_rewritten procedure_attributes procedure_quotes_in
        result, columns of a result table, variadic | function.result | function_attributes
        language | function.language procedure.language | function_attributes procedure_attributes
        body | function.body procedure.body | function_rewritten procedure_rewritten
        body in standard syntax | function.body | function_sql_body
        library | function.library procedure.library | function_attributes procedure_attributes
        volatility | function.volatility | function_rewritten
        parallel, strict, leakproof | function.parallel function.strict function.leakproof | function_attributes
        cost, rows, support | function.cost function.rows function.support | function_attributes
        window | function.window | function_attributes
        security definer | function.security_definer procedure.security_definer | function_rewritten procedure_attributes
        settings | function.settings procedure.settings | function_rewritten procedure_attributes
        transforms | function.transforms procedure.transforms | function_attributes procedure_attributes
        owner | function.owner procedure.owner aggregate.owner | owner_of_every_kind
        rights | routine_privilege.privileges routine_privilege | privilege_widened_everywhere routine_privilege_revoked
        comment | function.comment procedure.comment aggregate.comment | comment_on_every_kind
        aggregate: transition, state, result | aggregate.transition aggregate.state_type aggregate.state_space aggregate.result | aggregate_attributes
        aggregate: initial value | aggregate.initial_value | aggregate_state
        aggregate: final function | aggregate.final aggregate.final_extra aggregate.final_modifies | aggregate_attributes
        aggregate: combine, serialize, deserialize | aggregate.combine aggregate.serialize aggregate.deserialize | aggregate_attributes
        aggregate: moving | aggregate.moving_transition aggregate.moving_inverse aggregate.moving_final aggregate.moving_state_type aggregate.moving_initial_value | aggregate_attributes
        aggregate: sort operator, kind, parallel | aggregate.sort_operator aggregate.aggregate_kind aggregate.parallel | aggregate_attributes
        """,
    "triggers": """
        a trigger comes and goes, is switched off | trigger trigger.enabled | trigger_disabled
        columns, condition, arguments | trigger.definition | trigger_definition
        transition tables | trigger.definition | trigger_definition
        constraint trigger that waits | trigger.definition | trigger_definition
        always, or on replicas alone | trigger.enabled rule.enabled event_trigger.enabled | enabled_always_or_on_replicas
        a partition's copy switched otherwise | trigger | trigger_disabled_on_a_partition
        a partition's copy with a comment | trigger | trigger_comment_on_a_partition
        comment | trigger.comment | comment_on_every_kind
        event trigger: event, function | event_trigger.event event_trigger.function | event_trigger_changed
        event trigger: tags, enabled | event_trigger.tags event_trigger.enabled | event_trigger_disabled
        event trigger: at login | event_trigger | event_trigger_login
        event trigger: owner | event_trigger.owner | owner_of_every_kind
        event trigger: comment | event_trigger.comment | comment_on_every_kind
        """,
    "types": """
        enum: labels | enum.labels | enum_label_added
        enum: order of labels | enum.labels | enum_labels_in_order
        enum: none at all | enum | enum_empty_and_gone
        composite: fields, types, collation, comments | composite_type.fields composite_type.field_comments | composite_type_field
        composite: order of fields | composite_type.fields | composite_type_order
        domain: type, not null, default | domain.type domain.not_null domain.default | domain_changed
        domain: default that is gone | domain.default | domain_gets_not_null_and_default
        domain: collation | domain.collation | domain_collation
        range: subtype, operator class, collation, canonical | range.subtype range.operator_class range.collation range.canonical | range_changed
        range: difference | range.difference | range_subtype
        range: multirange | range.multirange | range_multirange_named
        range: its constructors come with it | range | range_comes_with_all
        range: rights to its constructors | routine_privilege | range_rights_to_its_constructors
        base type: functions | base_type.input base_type.output base_type.receive base_type.send base_type.analyze base_type.modifier_input base_type.modifier_output | base_type_changed
        base type: subscript | base_type.subscript base_type.element | base_type_subscript
        base type: how values lie | base_type.length base_type.alignment base_type.storage base_type.by_value | base_type_changed
        base type: category, preferred, delimiter | base_type.category base_type.preferred base_type.delimiter | base_type_changed
        owner | enum.owner domain.owner composite_type.owner range.owner base_type.owner | owner_of_every_kind base_type_changed
        rights | type_privilege.privileges type_privilege | privilege_widened_everywhere type_privilege_revoked type_privilege_of_a_base_type
        comment | enum.comment domain.comment composite_type.comment range.comment | comment_on_every_kind
        """,
    "sequences": """
        type, start, increment, bounds, cache, cycle | sequence.type sequence.start sequence.increment sequence.minimum sequence.maximum sequence.cache sequence.cycle | sequence_options
        whose it is | sequence.owned_by | sequence_owned
        persistence | sequence.persistence | sequence_persistence
        owner | sequence.owner | owner_of_every_kind
        comment | sequence.comment | comment_on_every_kind
        where it stands | | sequence_position_is_no_drift
        """,
    "row-level security": """
        command, permissive, roles, conditions | policy.command policy.permissive policy.roles policy.using policy.check | policy_widened
        of each command | policy policy.command policy.check | policy_of_each_command
        comment | policy.comment | comment_on_every_kind
        """,
    "partitions and inheritance": """
        strategy, key, operator class, collation | table.partition_key | table_attributes
        bounds, the default partition | table.partition_bound | table_partitions table_partitions_below_partitions
        partitions of partitions | table.partition_key table.partition_bound | table_partitions_below_partitions
        detached | table.inherits table.partition_bound | table_detached
        detached half-way | table.detach_pending foreign_table.detach_pending | table_detach_pending
        parents in order | table.inherits | table_inherits_in_order
        """,
    "foreign data": """
        wrapper: handler, validator, options | foreign_data_wrapper.handler foreign_data_wrapper.validator foreign_data_wrapper.options | foreign_data_wrapper_changed
        server: type, version, wrapper, options | foreign_server.type foreign_server.version foreign_server.wrapper foreign_server.options | foreign_server_changed
        mapping: user, options | user_mapping user_mapping.options | user_mapping_changed
        table: server | foreign_table.server | foreign_table_server
        table: options, parents, bound | foreign_table.options foreign_table.inherits foreign_table.partition_bound | foreign_table_attributes
        owners | foreign_data_wrapper.owner foreign_server.owner | foreign_data_wrapper_changed foreign_server_changed
        rights | foreign_server_privilege.privileges foreign_data_wrapper_privilege.privileges | foreign_privilege_granted privilege_with_grant_option
        """,
    "extensions, schemas, languages, access methods": """
        extension: version, schema, relocatable, tables with settings | extension.version extension.schema extension.relocatable extension.configuration | extension_changed
        extension comes and goes | extension | extension_dropped
        rights to its members, other than it left them | privilege.privileges | tests/sources/test_members.py
        schema comes and goes | schema | schema_comes_and_goes
        schema: owner | schema.owner | owner_of_every_kind
        schema: comment | schema.comment | schema_comes_and_goes
        language | language.trusted language.handler language.inline language.validator language.owner | language_changed
        access method | access_method.handler access_method.type | access_method_changed
        transform | transform.from_sql transform.to_sql | transform_changed
        """,
    "rights": """
        of schemas | schema_privilege.privileges schema_privilege | privilege_widened_everywhere schema_privilege_granted
        the owner's own | privilege | privilege_of_the_owner_revoked
        no ACL and the default one | | privilege_default_spelled_out
        maintain | privilege.privileges | privilege_maintain
        of languages | language_privilege.privileges | privilege_with_grant_option
        of the database | database_privilege.privileges | database_privilege_revoked
        of tablespaces | tablespace_privilege.privileges | tablespace_privilege_granted
        of parameters | parameter_privilege.privileges | parameter_privilege_granted
        of what will be made | default_privilege.privileges | default_privilege_set
        """,
    "cluster": """
        roles | role.superuser role.inherit role.create_role role.create_database role.login role.replication role.bypass_row_security role.connection_limit role.valid_until | role_changed
        passwords | | role_password_is_not_seen
        memberships | role_membership.admin | role_membership_granted
        memberships: inherit, set | role_membership.inherit role_membership.set | role_membership_options
        settings of roles | role_setting.value | role_setting_changed
        settings of the database, and of roles in it | database_setting.value database_role_setting.value | database_setting_changed
        tablespaces | tablespace.options tablespace.owner | tablespace_changed
        database: owner, connection limit | database.owner database.connection_limit | database_changed
        database: encoding | database.encoding | database_encoding
        database: locale | database.collate database.ctype | database_locale
        database: provider | database.provider database.locale | database_builtin database_icu
        settings of the server | server_setting.value | server_setting_changed
        """,
    "replication": """
        publication: all tables, operations, root | publication.all_tables publication.operations publication.via_root | publication_changed
        publication: generated columns | publication.generated_columns | publication_generated_columns
        publication: columns and rows of a table | publication_table.columns publication_table.filter | publication_table_filter
        publication: schemas | publication_schema | publication_schema_added
        publication: owner | publication.owner | publication_owner
        subscription: enabled, publications, slot | subscription.enabled subscription.publications subscription.slot | subscription_changed
        subscription: commit, binary, streaming | subscription.synchronous_commit subscription.binary subscription.streaming | subscription_options
        subscription: two phases, errors | subscription.two_phase subscription.disable_on_error | subscription_two_phase
        subscription: password, owner, origin | subscription.password_required subscription.run_as_owner subscription.origin subscription.owner | subscription_rights
        subscription: failover | subscription.failover | subscription_failover
        subscription: where it leads | | subscription_repointed_is_not_seen
        """,
    "the rest": """
        statistics: kinds, columns, target, owner | statistics.kinds statistics.columns statistics.target statistics.owner | statistics_changed
        statistics: expressions | statistics.expressions | statistics_expressions
        collation: locale, deterministic | collation.collate collation.ctype collation.deterministic | collation_changed
        collation: provider | collation.provider collation.locale | collation_provider
        collation: rules | collation.rules | collation_rules
        collation: version of the host's library | collation.version_outdated | collation_outdated
        conversion | conversion.source conversion.target conversion.function conversion.default | conversion_changed
        cast | cast.function cast.context cast.method | cast_changed
        operator | operator.function operator.commutator operator.negator operator.restriction operator.join operator.hashes operator.merges | operator_changed
        operator class | operator_class.type operator_class.family operator_class.default operator_class.key_type | operator_class_changed
        operator family | operator_family.operators operator_family.functions | operator_family_changed
        text search configuration and its map | text_search_configuration.parser text_search_configuration.mappings | text_search_configuration_changed
        text search dictionary | text_search_dictionary.template text_search_dictionary.options | text_search_dictionary_changed
        text search parser | text_search_parser.start text_search_parser.token text_search_parser.end text_search_parser.headline text_search_parser.token_types | text_search_parser_changed
        text search template | text_search_template.init text_search_template.lexize | text_search_template_changed
        comments of roles and tablespaces | role.comment tablespace.comment | role_changed tablespace_changed
        """,
}
