-- Today's shape: branches, hashes that stay NULL, more columns in another order, further schemas
-- of its own, further event triggers.
CREATE SCHEMA pggit;
CREATE SCHEMA pggit_work;
CREATE TYPE pggit.object_type AS ENUM (
    'SCHEMA', 'TABLE', 'COLUMN', 'INDEX', 'CONSTRAINT', 'VIEW', 'MATERIALIZED_VIEW', 'FUNCTION',
    'PROCEDURE', 'TRIGGER', 'TYPE', 'SEQUENCE', 'PARTITION', 'BRANCH', 'COMMIT', 'TAG'
);
CREATE TYPE pggit.change_type AS ENUM (
    'CREATE', 'ALTER', 'DROP', 'RENAME', 'COMMENT', 'BRANCH', 'MERGE', 'CONFLICT_RESOLVED'
);
CREATE TYPE pggit.change_severity AS ENUM ('MAJOR', 'MINOR', 'PATCH');
CREATE TABLE pggit.objects (
    object_type pggit.object_type NOT NULL, object_name text NOT NULL, schema_name text NOT NULL,
    branch_id int DEFAULT 1, branch_name text NOT NULL DEFAULT 'main', id serial PRIMARY KEY,
    full_name text GENERATED ALWAYS AS (
        CASE WHEN schema_name = '' THEN object_name ELSE schema_name || '.' || object_name END
    ) STORED,
    parent_id int REFERENCES pggit.objects ON DELETE CASCADE, content_hash text,
    ddl_normalized text, version int NOT NULL DEFAULT 1, version_major int NOT NULL DEFAULT 1,
    version_minor int NOT NULL DEFAULT 0, version_patch int NOT NULL DEFAULT 0,
    metadata jsonb DEFAULT '{}', is_active boolean DEFAULT true, ddl_hash text,
    structure_hash text, constraints_hash text, indexes_hash text,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP, updated_at timestamp DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (object_type, schema_name, object_name, branch_name)
);
CREATE TABLE pggit.history (
    commit_hash text, branch_id int DEFAULT 1, merge_base_hash text, merge_resolution text,
    old_hash text, new_hash text, id serial PRIMARY KEY,
    object_id int NOT NULL REFERENCES pggit.objects ON DELETE CASCADE,
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
    dependency_type text NOT NULL DEFAULT 'generic', branch_id int DEFAULT 1,
    metadata jsonb DEFAULT '{}', created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (dependent_id, depends_on_id)
);
CREATE FUNCTION pggit.generate_migration(
    p_version text DEFAULT NULL, p_description text DEFAULT NULL,
    p_schema_name text DEFAULT 'public'
) RETURNS text LANGUAGE sql AS $$ SELECT ''::text $$;
CREATE FUNCTION pggit.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    command record;
    known int;
BEGIN
    FOR command IN
        SELECT c.*, CASE c.object_type
            WHEN 'function' THEN c.objid::text
            ELSE replace(c.object_identity, c.schema_name || '.', '')
        END AS stored
        FROM pg_event_trigger_ddl_commands() c
        WHERE c.object_type IN ('table', 'index', 'view', 'function')
            AND c.command_tag ~ '^(CREATE|ALTER) '
    LOOP
        INSERT INTO pggit.objects (object_type, schema_name, object_name, metadata)
        VALUES (
            upper(command.object_type)::pggit.object_type, command.schema_name, command.stored,
            jsonb_build_object('oid', command.objid)
        )
        ON CONFLICT (object_type, schema_name, object_name, branch_name)
        DO UPDATE SET version = objects.version + 1, updated_at = CURRENT_TIMESTAMP
        RETURNING id INTO known;
        INSERT INTO pggit.history (object_id, change_type, change_severity, sql_executed)
        VALUES (
            known, split_part(command.command_tag, ' ', 1)::pggit.change_type, 'MINOR',
            current_query()
        );
    END LOOP;
END
$$;
CREATE FUNCTION pggit.on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        UPDATE pggit.objects o SET is_active = false, updated_at = CURRENT_TIMESTAMP
        FROM pg_event_trigger_dropped_objects() d
        WHERE o.schema_name = d.schema_name AND o.object_name = d.object_name
            AND o.object_type::text = upper(d.object_type)
        RETURNING o.id, o.version
    )
    INSERT INTO pggit.history (object_id, change_type, change_severity, old_version)
    SELECT id, 'DROP', 'MAJOR', version FROM gone;
END
$$;
CREATE EVENT TRIGGER pggit_ddl_trigger ON ddl_command_end EXECUTE FUNCTION pggit.on_ddl();
CREATE EVENT TRIGGER pggit_drop_trigger ON sql_drop EXECUTE FUNCTION pggit.on_drop();
CREATE EVENT TRIGGER pggit_cleanup_trigger ON sql_drop EXECUTE FUNCTION pggit.on_drop();
ALTER EVENT TRIGGER pggit_cleanup_trigger DISABLE;
