-- A small ledger of the shape that pgdrift knows as `core`: the schema gitversion with its tables,
-- and two event triggers that write down who changed which table, index, view or function.
-- Install it as a superuser, in one transaction. Take it out with
--     DROP EVENT TRIGGER gitversion_ddl_trigger;
--     DROP EVENT TRIGGER gitversion_drop_trigger;
--     DROP SCHEMA gitversion CASCADE;
BEGIN;

CREATE SCHEMA gitversion;

CREATE TYPE gitversion.object_type AS ENUM (
    'SCHEMA', 'TABLE', 'COLUMN', 'INDEX', 'CONSTRAINT', 'VIEW', 'MATERIALIZED_VIEW', 'FUNCTION',
    'PROCEDURE', 'TRIGGER', 'TYPE', 'SEQUENCE', 'PARTITION'
);
CREATE TYPE gitversion.change_type AS ENUM ('CREATE', 'ALTER', 'DROP', 'RENAME', 'COMMENT');
CREATE TYPE gitversion.change_severity AS ENUM ('MAJOR', 'MINOR', 'PATCH');

CREATE TABLE gitversion.objects (
    id serial PRIMARY KEY,
    object_type gitversion.object_type NOT NULL,
    schema_name text NOT NULL,
    object_name text NOT NULL,
    full_name text GENERATED ALWAYS AS (
        CASE WHEN schema_name = '' THEN object_name ELSE schema_name || '.' || object_name END
    ) STORED,
    parent_id int REFERENCES gitversion.objects ON DELETE CASCADE,
    version int NOT NULL DEFAULT 1,
    version_major int NOT NULL DEFAULT 1,
    version_minor int NOT NULL DEFAULT 0,
    version_patch int NOT NULL DEFAULT 0,
    metadata jsonb DEFAULT '{}',
    is_active boolean DEFAULT true,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (object_type, schema_name, object_name)
);

CREATE TABLE gitversion.history (
    id serial PRIMARY KEY,
    object_id int NOT NULL REFERENCES gitversion.objects ON DELETE CASCADE,
    change_type gitversion.change_type NOT NULL,
    change_severity gitversion.change_severity NOT NULL,
    old_version int,
    new_version int,
    old_metadata jsonb,
    new_metadata jsonb,
    change_description text,
    sql_executed text,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    created_by text DEFAULT CURRENT_USER
);
CREATE INDEX ON gitversion.history (created_at);
CREATE INDEX ON gitversion.history (object_id);

CREATE TABLE gitversion.migrations (
    id serial PRIMARY KEY,
    version text NOT NULL UNIQUE,
    description text,
    up_script text NOT NULL,
    down_script text,
    checksum text,
    applied_at timestamp,
    applied_by text,
    execution_time_ms int,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE gitversion.dependencies (
    id serial PRIMARY KEY,
    dependent_id int NOT NULL REFERENCES gitversion.objects ON DELETE CASCADE,
    depends_on_id int NOT NULL REFERENCES gitversion.objects ON DELETE CASCADE,
    dependency_type text NOT NULL DEFAULT 'generic',
    metadata jsonb DEFAULT '{}',
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (dependent_id, depends_on_id)
);

-- The name as the ledger keeps it: as SQL prints it, without the schema where that needs no quotes.
CREATE FUNCTION gitversion.stored_name(identity text, schema_name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT CASE
        WHEN starts_with(identity, schema_name || '.')
        THEN substr(identity, length(schema_name) + 2)
        ELSE identity
    END
$$;

CREATE FUNCTION gitversion.describe(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object(
        'oid', relation,
        'columns', coalesce(jsonb_object_agg(a.attname, jsonb_build_object(
            'type', format_type(a.atttypid, NULL),
            'nullable', NOT a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'position', a.attnum
        )) FILTER (WHERE a.attname IS NOT NULL), '{}')
    )
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- Writes one statement on one object. It runs with the rights of the ledger's owner, so that
-- whoever may change the schema needs no right on the ledger's tables for it to be recorded.
CREATE FUNCTION gitversion.record(
    type gitversion.object_type, schema text, name text, change gitversion.change_type,
    tag text, details jsonb, who text, statement text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    before gitversion.objects;
    object gitversion.objects;
BEGIN
    SELECT * INTO before FROM gitversion.objects o
    WHERE o.object_type = type AND o.schema_name = schema AND o.object_name = name
    FOR UPDATE;
    IF NOT FOUND THEN
        IF change = 'DROP' THEN
            RETURN;
        END IF;
        INSERT INTO gitversion.objects (object_type, schema_name, object_name, metadata)
        VALUES (type, schema, name, details)
        RETURNING * INTO before;
    END IF;
    UPDATE gitversion.objects o
    SET version = o.version + (change <> 'DROP')::int,
        version_minor = o.version_minor + (change <> 'DROP')::int,
        metadata = coalesce(details, o.metadata),
        is_active = change <> 'DROP',
        updated_at = CURRENT_TIMESTAMP
    WHERE o.id = before.id
    RETURNING * INTO object;
    INSERT INTO gitversion.history (
        object_id, change_type, change_severity, old_version, new_version,
        old_metadata, new_metadata, change_description, sql_executed, created_by
    ) VALUES (
        object.id, change,
        (CASE change WHEN 'DROP' THEN 'MAJOR' ELSE 'MINOR' END)::gitversion.change_severity,
        before.version, CASE WHEN change <> 'DROP' THEN object.version END,
        CASE WHEN change <> 'DROP' THEN before.metadata END, details,
        format('%s %s %s.%s', tag, type, schema, name), statement, who
    );
END
$$;

CREATE FUNCTION gitversion.record_columns(relation oid, schema text, name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO gitversion.objects (object_type, schema_name, object_name, parent_id, metadata)
    SELECT 'COLUMN', schema, name || '.' || quote_ident(a.attname), o.id, jsonb_build_object(
        'type', format_type(a.atttypid, NULL), 'nullable', NOT a.attnotnull)
    FROM pg_attribute a
    LEFT JOIN gitversion.objects o
        ON o.object_type = 'TABLE' AND o.schema_name = schema AND o.object_name = name
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    ON CONFLICT (object_type, schema_name, object_name) DO NOTHING
$$;

CREATE FUNCTION gitversion.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    command record;
    name text;
BEGIN
    FOR command IN
        SELECT c.objid, c.command_tag, c.schema_name, c.object_identity,
            upper(c.object_type)::gitversion.object_type AS type
        FROM pg_event_trigger_ddl_commands() c
        WHERE c.object_type IN ('table', 'index', 'view', 'function')
            AND c.objsubid = 0
            AND split_part(c.command_tag, ' ', 1) IN ('CREATE', 'ALTER')
            AND c.schema_name NOT IN ('gitversion', 'pg_temp', 'pg_catalog')
    LOOP
        name := CASE command.type
            WHEN 'FUNCTION' THEN command.objid::text
            ELSE gitversion.stored_name(command.object_identity, command.schema_name)
        END;
        PERFORM gitversion.record(
            command.type, command.schema_name, name,
            split_part(command.command_tag, ' ', 1)::gitversion.change_type, command.command_tag,
            CASE command.type
                WHEN 'TABLE' THEN gitversion.describe(command.objid)
                ELSE jsonb_build_object('oid', command.objid)
            END,
            current_user, current_query()
        );
        IF command.type = 'TABLE' THEN
            PERFORM gitversion.record_columns(command.objid, command.schema_name, name);
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION gitversion.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    gone record;
BEGIN
    FOR gone IN
        SELECT d.objid, d.schema_name, d.object_identity,
            upper(d.object_type)::gitversion.object_type AS type
        FROM pg_event_trigger_dropped_objects() d
        WHERE d.object_type IN ('table', 'index', 'view', 'function')
            AND NOT d.is_temporary
            AND d.schema_name NOT IN ('gitversion', 'pg_toast')
    LOOP
        PERFORM gitversion.record(
            gone.type, gone.schema_name,
            CASE gone.type
                WHEN 'FUNCTION' THEN gone.objid::text
                ELSE gitversion.stored_name(gone.object_identity, gone.schema_name)
            END,
            'DROP', 'DROP', NULL, current_user, current_query()
        );
    END LOOP;
END
$$;

-- Event triggers run as whoever changes the schema: everybody must reach what they call.
GRANT USAGE ON SCHEMA gitversion TO PUBLIC;

CREATE EVENT TRIGGER gitversion_ddl_trigger ON ddl_command_end
    EXECUTE FUNCTION gitversion.on_ddl();
CREATE EVENT TRIGGER gitversion_drop_trigger ON sql_drop
    EXECUTE FUNCTION gitversion.on_drop();

COMMIT;
