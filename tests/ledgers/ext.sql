-- The shape that only an extension could install: names doubly qualified, migrations between two
-- versions, no columns, no statements, drops never recorded.
CREATE SCHEMA pggit;
CREATE TYPE pggit.object_type AS ENUM (
    'SCHEMA', 'TABLE', 'COLUMN', 'INDEX', 'CONSTRAINT', 'VIEW', 'MATERIALIZED_VIEW', 'FUNCTION',
    'PROCEDURE', 'TRIGGER', 'TYPE', 'SEQUENCE'
);
CREATE TYPE pggit.change_type AS ENUM ('CREATE', 'ALTER', 'DROP', 'RENAME', 'COMMENT');
CREATE TYPE pggit.change_severity AS ENUM ('MAJOR', 'MINOR', 'PATCH');
CREATE TABLE pggit.objects (
    id serial PRIMARY KEY, object_type pggit.object_type NOT NULL, schema_name text NOT NULL,
    object_name text NOT NULL,
    full_name text GENERATED ALWAYS AS (
        CASE WHEN schema_name = '' THEN object_name ELSE schema_name || '.' || object_name END
    ) STORED,
    parent_id int REFERENCES pggit.objects ON DELETE CASCADE, version int NOT NULL DEFAULT 1,
    version_major int NOT NULL DEFAULT 1, version_minor int NOT NULL DEFAULT 0,
    version_patch int NOT NULL DEFAULT 0, metadata jsonb DEFAULT '{}',
    is_active boolean DEFAULT true, created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp DEFAULT CURRENT_TIMESTAMP, UNIQUE (object_type, schema_name, object_name)
);
CREATE TABLE pggit.history (
    id serial PRIMARY KEY, object_id int NOT NULL REFERENCES pggit.objects ON DELETE CASCADE,
    change_type pggit.change_type NOT NULL, change_severity pggit.change_severity NOT NULL,
    old_version int, new_version int, old_metadata jsonb, new_metadata jsonb,
    change_description text, sql_executed text, created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    created_by text DEFAULT CURRENT_USER
);
CREATE TABLE pggit.migrations (
    id serial PRIMARY KEY, version text NOT NULL UNIQUE, description text, up_script text NOT NULL,
    down_script text, checksum text, applied_at timestamp, applied_by text, execution_time_ms int,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE pggit.dependencies (
    id serial PRIMARY KEY, dependent_id int NOT NULL REFERENCES pggit.objects ON DELETE CASCADE,
    depends_on_id int NOT NULL REFERENCES pggit.objects ON DELETE CASCADE,
    dependency_type text NOT NULL DEFAULT 'generic', metadata jsonb DEFAULT '{}',
    created_at timestamp DEFAULT CURRENT_TIMESTAMP, UNIQUE (dependent_id, depends_on_id)
);
CREATE FUNCTION pggit.generate_migration(
    p_from_version timestamp DEFAULT NULL, p_to_version timestamp DEFAULT NULL
) RETURNS text LANGUAGE sql AS $$ SELECT ''::text $$;
CREATE FUNCTION pggit.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    command record;
    known int;
BEGIN
    FOR command IN
        SELECT * FROM pg_event_trigger_ddl_commands()
        WHERE object_type IN ('table', 'index', 'view', 'function', 'sequence', 'type', 'trigger')
    LOOP
        INSERT INTO pggit.objects (object_type, schema_name, object_name, metadata)
        VALUES (
            upper(command.object_type)::pggit.object_type, coalesce(command.schema_name, ''),
            command.object_identity,
            jsonb_build_object(
                'command_tag', command.command_tag, 'object_type', command.object_type
            )
        )
        ON CONFLICT (object_type, schema_name, object_name)
        DO UPDATE SET version = objects.version + 1, updated_at = CURRENT_TIMESTAMP
        RETURNING id INTO known;
        INSERT INTO pggit.history (object_id, change_type, change_severity, change_description)
        VALUES (
            known, split_part(command.command_tag, ' ', 1)::pggit.change_type, 'MINOR',
            command.command_tag
        );
    END LOOP;
END
$$;
CREATE FUNCTION pggit.on_drop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER pggit_ddl_trigger ON ddl_command_end EXECUTE FUNCTION pggit.on_ddl();
CREATE EVENT TRIGGER pggit_drop_trigger ON sql_drop EXECUTE FUNCTION pggit.on_drop();
