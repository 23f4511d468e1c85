-- pg_gitversion 1.0: a ledger of the schema, for PostgreSQL 13 to 18.
--
-- Event triggers in, rows of `gitversion` out. Run it by CREATE EXTENSION pg_gitversion, or as it is,
-- inside one transaction, as somebody who may create event triggers. What it is and does stands in
-- docs/ledger.md.
--
-- Rules of the house, for all that follows:
--   * The catalog is the truth: a statement says which object to look at, the catalog how it is now.
--   * It never makes a statement fail: whatever goes wrong here is caught, told and counted.
--   * Who changes the schema needs no right on the ledger: the recorders run as its owner, with a
--     search_path of theirs, pg_temp last. What only they may call is revoked from everybody else.
--   * No value that may be a secret is kept: no options of foreign data, no conninfo, and no text of
--     a statement, unless `keep_sql` asks for that.

CREATE SCHEMA gitversion;
COMMENT ON SCHEMA gitversion IS 'pg_gitversion 1.0: which object changed, by whom and when';

------------------------------------------------------------------------------------ tables

CREATE TYPE gitversion.object_type AS ENUM (
    'SCHEMA', 'TABLE', 'COLUMN', 'INDEX', 'CONSTRAINT', 'VIEW', 'MATERIALIZED_VIEW', 'FUNCTION',
    'PROCEDURE', 'TRIGGER', 'TYPE', 'SEQUENCE', 'PARTITION',
    'ACCESS_METHOD', 'AGGREGATE', 'CAST', 'COLLATION', 'CONVERSION', 'DEFAULT_PRIVILEGES',
    'EXTENSION', 'FOREIGN_DATA_WRAPPER', 'FOREIGN_TABLE', 'LANGUAGE', 'OPERATOR', 'OPERATOR_CLASS',
    'OPERATOR_FAMILY', 'POLICY', 'PUBLICATION', 'RULE', 'SERVER', 'STATISTICS', 'SUBSCRIPTION',
    'TEXT_SEARCH_CONFIGURATION', 'TEXT_SEARCH_DICTIONARY', 'TEXT_SEARCH_PARSER',
    'TEXT_SEARCH_TEMPLATE', 'TRANSFORM', 'USER_MAPPING', 'OTHER'
);
CREATE TYPE gitversion.change_type AS ENUM ('CREATE', 'ALTER', 'DROP', 'RENAME', 'COMMENT');
CREATE TYPE gitversion.change_severity AS ENUM ('MAJOR', 'MINOR', 'PATCH');

CREATE TABLE gitversion.objects (
    id serial PRIMARY KEY,
    object_type gitversion.object_type NOT NULL,
    schema_name text NOT NULL,
    object_name text NOT NULL,
    full_name text GENERATED ALWAYS AS (
        CASE
            WHEN schema_name = '' THEN object_name
            WHEN schema_name ~ '^[a-z_][a-z0-9_$]*$' THEN schema_name || '.' || object_name
            ELSE '"' || replace(schema_name, '"', '""') || '".' || object_name
        END
    ) STORED,
    parent_id int REFERENCES gitversion.objects ON DELETE CASCADE,
    version int NOT NULL DEFAULT 1,
    version_major int NOT NULL DEFAULT 1,
    version_minor int NOT NULL DEFAULT 0,
    version_patch int NOT NULL DEFAULT 0,
    metadata jsonb DEFAULT '{}',
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT clock_timestamp(),
    updated_at timestamptz DEFAULT clock_timestamp(),
    class_oid oid,
    object_oid oid,
    object_subid int,
    object_kind text,
    object_identity text,
    address_names text[],
    address_args text[],
    UNIQUE (object_type, schema_name, object_name)
);
CREATE INDEX objects_address ON gitversion.objects (object_oid, class_oid, object_subid);
CREATE INDEX objects_parent ON gitversion.objects (parent_id);

-- Append only. Readers order by what has become visible (xmin), never by id or time alone: ids are
-- given before commit, and so are times. Within one transaction `id` is the order of events.
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
    created_at timestamptz DEFAULT clock_timestamp(),
    created_by text DEFAULT current_user,
    login_role text,
    application_name text,
    client_address text,
    transaction_id text,
    command_tag text,
    object_kind text,
    object_identity text,
    address_names text[],
    address_args text[],
    recorded_at timestamptz DEFAULT clock_timestamp(),
    old_name text,
    came_along boolean
);
CREATE INDEX history_created_at ON gitversion.history (created_at);
CREATE INDEX history_object_id ON gitversion.history (object_id);

CREATE TABLE gitversion.migrations (
    id serial PRIMARY KEY,
    version text NOT NULL UNIQUE,
    description text,
    up_script text NOT NULL,
    down_script text,
    checksum text,
    applied_at timestamptz,
    applied_by text,
    execution_time_ms int,
    created_at timestamptz DEFAULT clock_timestamp(),
    is_generated boolean NOT NULL DEFAULT false
);

-- Which recorded changes a generated migration holds. Numbers and times cannot say it: a change that
-- committed after the migration was written has a smaller number than those that are in it.
CREATE TABLE gitversion.migration_changes (
    history_id int PRIMARY KEY REFERENCES gitversion.history ON DELETE CASCADE,
    migration_id int NOT NULL REFERENCES gitversion.migrations ON DELETE CASCADE
);
CREATE INDEX migration_changes_migration ON gitversion.migration_changes (migration_id);

CREATE TABLE gitversion.dependencies (
    id serial PRIMARY KEY,
    dependent_id int NOT NULL REFERENCES gitversion.objects ON DELETE CASCADE,
    depends_on_id int NOT NULL REFERENCES gitversion.objects ON DELETE CASCADE,
    dependency_type text NOT NULL DEFAULT 'generic',
    metadata jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT clock_timestamp(),
    UNIQUE (dependent_id, depends_on_id)
);

-- Statements that could not be recorded: where it went wrong, never what the statement said.
CREATE TABLE gitversion.failures (
    id serial PRIMARY KEY,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    login_role text NOT NULL DEFAULT session_user,
    command_tag text,
    sqlstate text,
    step text
);

-- keep_sql: off, or on to keep the text of statements, with whatever secrets they hold.
-- notify: on, off, or auto: on where no prepared transactions are allowed, which NOTIFY would break.
-- sync_rule: which versions in `migrations` declare a sync point, as a regular expression.
-- origin: of which database the object identifiers in `objects` are; nobody's to edit.
CREATE TABLE gitversion.config (
    name text PRIMARY KEY,
    value text
);

------------------------------------------------------------------------------------ names

-- The words of pg_identify_object in those of this ledger.
CREATE FUNCTION gitversion._object_type(kind text) RETURNS gitversion.object_type
LANGUAGE sql STABLE AS $$
    SELECT (CASE
        WHEN kind LIKE '%column' THEN 'COLUMN'
        WHEN kind LIKE '%constraint' THEN 'CONSTRAINT'
        WHEN kind = 'composite type' THEN 'TYPE'
        WHEN kind = 'statistics object' THEN 'STATISTICS'
        WHEN kind = 'default acl' THEN 'DEFAULT_PRIVILEGES'
        WHEN kind IN (
            'schema', 'table', 'index', 'view', 'materialized view', 'function', 'procedure',
            'trigger', 'type', 'sequence', 'access method', 'aggregate', 'cast', 'collation',
            'conversion', 'extension', 'foreign table', 'language', 'operator', 'operator class',
            'operator family', 'policy', 'publication', 'rule', 'server', 'subscription',
            'text search configuration', 'text search dictionary', 'text search parser',
            'text search template', 'transform', 'user mapping', 'foreign-data wrapper'
        ) THEN upper(translate(kind, ' -', '__'))
        ELSE 'OTHER'
    END)::gitversion.object_type
$$;

-- Schema (as it is) and name (as SQL writes it) under which an object is kept: what belongs to a
-- relation or a domain is `owner.name` in its schema; what has no schema has ''. The schema that
-- comes in is quoted, as pg_identify_object gives it.
CREATE FUNCTION gitversion._place(
    kind text, names text[], args text[], identity text, INOUT schema_name text,
    OUT object_name text
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    quoted text := schema_name;
BEGIN
    IF cardinality(names) >= 3
        AND (kind LIKE '%column' OR kind IN ('table constraint', 'trigger', 'rule', 'policy'))
    THEN
        schema_name := names[1];
        object_name := quote_ident(names[2]) || '.' || quote_ident(names[3]);
        RETURN;
    END IF;
    schema_name := CASE
        WHEN kind = 'schema' OR quoted IS NULL THEN ''
        WHEN starts_with(quoted, '"') THEN replace(substr(quoted, 2, length(quoted) - 2), '""', '"')
        ELSE quoted
    END;
    object_name := CASE
        WHEN kind = 'domain constraint'
        THEN substr(names[1], length(quoted) + 2) || '.' || quote_ident(args[1])
        WHEN starts_with(identity, quoted || '.') THEN substr(identity, length(quoted) + 2)
        ELSE identity
    END;
END
$$;

-- What is nobody's drift: the ledger, the system's schemas, what goes with the session.
CREATE FUNCTION gitversion._is_foreign(schema_name text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT schema_name IN ('gitversion', 'information_schema') OR starts_with(schema_name, 'pg_')
$$;

-- The object that a part of it stands for: a default for its column, a member for its publication.
-- Nothing for what is never looked at by itself.
CREATE FUNCTION gitversion._resolve(INOUT class oid, INOUT object oid, INOUT subid int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    whole oid;
BEGIN
    CASE class
    WHEN 'pg_class'::regclass THEN
        SELECT CASE WHEN c.relkind = 'c' THEN c.reltype END INTO whole
        FROM pg_class c WHERE c.oid = object AND c.relkind <> 't';
        IF NOT FOUND THEN
            object := NULL;
        ELSIF whole IS NOT NULL THEN
            class := 'pg_type'::regclass; object := whole; subid := 0;
        END IF;
    WHEN 'pg_attrdef'::regclass THEN
        SELECT 'pg_class'::regclass, d.adrelid, d.adnum INTO class, object, subid
        FROM pg_attrdef d WHERE d.oid = object;
    WHEN 'pg_publication_rel'::regclass THEN
        SELECT 'pg_publication'::regclass, r.prpubid, 0 INTO class, object, subid
        FROM pg_publication_rel r WHERE r.oid = object;
    WHEN 'pg_amop'::regclass THEN
        SELECT 'pg_opfamily'::regclass, a.amopfamily, 0 INTO class, object, subid
        FROM pg_amop a WHERE a.oid = object;
    WHEN 'pg_amproc'::regclass THEN
        SELECT 'pg_opfamily'::regclass, a.amprocfamily, 0 INTO class, object, subid
        FROM pg_amproc a WHERE a.oid = object;
    WHEN 'pg_event_trigger'::regclass, 'pg_largeobject'::regclass THEN
        object := NULL;
    ELSE
        IF class = to_regclass('pg_catalog.pg_publication_namespace') THEN
            EXECUTE 'SELECT n.pnpubid FROM pg_publication_namespace n WHERE n.oid = $1'
            INTO whole USING object;
            class := 'pg_publication'::regclass; object := whole; subid := 0;
        END IF;
    END CASE;
END
$$;

-- The relation that an object is a part of, by oid.
CREATE FUNCTION gitversion._relation(class oid, object oid, subid int) RETURNS oid
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind "char";
BEGIN
    CASE class
    WHEN 'pg_class'::regclass THEN
        IF subid > 0 THEN
            RETURN object;
        END IF;
        SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = object;
        IF kind IN ('i', 'I') THEN
            RETURN (SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = object);
        ELSIF kind = 'S' THEN
            RETURN (
                SELECT d.refobjid FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = object AND d.objsubid = 0
                    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                    AND d.refobjsubid > 0
                LIMIT 1
            );
        END IF;
        RETURN NULL;
    WHEN 'pg_constraint'::regclass THEN
        RETURN (SELECT nullif(c.conrelid, 0) FROM pg_constraint c WHERE c.oid = object);
    WHEN 'pg_trigger'::regclass THEN
        RETURN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = object);
    WHEN 'pg_rewrite'::regclass THEN
        RETURN (SELECT r.ev_class FROM pg_rewrite r WHERE r.oid = object);
    WHEN 'pg_policy'::regclass THEN
        RETURN (SELECT p.polrelid FROM pg_policy p WHERE p.oid = object);
    ELSE
        RETURN NULL;
    END CASE;
END
$$;

------------------------------------------------------------------------------------ descriptions

CREATE FUNCTION gitversion._column(relation oid, number int) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'nullable', NOT a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'position', a.attnum,
            'collation', CASE WHEN a.attcollation <> t.typcollation
                THEN a.attcollation::regcollation::text END,
            'identity', nullif(a.attidentity, ''),
            'generated', nullif(a.attgenerated, ''),
            'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
            'statistics', nullif(a.attstattarget, -1),
            'options', a.attoptions,
            'fdw_options', (SELECT array_agg(split_part(o, '=', 1)) FROM unnest(a.attfdwoptions) o),
            'inherited', CASE WHEN NOT a.attislocal THEN true END,
            'acl', a.attacl::text,
            'comment', (SELECT x.description FROM pg_description x
                WHERE x.objoid = relation AND x.classoid = 'pg_class'::regclass
                    AND x.objsubid = number)
        ))
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = relation AND a.attnum = number AND NOT a.attisdropped
    );
END
$$;

CREATE FUNCTION gitversion._relation_parts(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'columns', coalesce((
                SELECT jsonb_object_agg(a.attname, gitversion._column(a.attrelid, a.attnum))
                FROM pg_attribute a
                WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
            ), '{}'),
            'constraints', (
                SELECT jsonb_object_agg(c.conname, pg_get_constraintdef(c.oid))
                FROM pg_constraint c
                WHERE c.conrelid = relation AND c.contype IN ('c', 'f', 'p', 'u', 'x')
                    AND c.conislocal AND c.conparentid = 0
            ),
            'sequences', (
                SELECT jsonb_object_agg(s.oid::regclass::text, a.attname)
                FROM pg_depend d
                JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation
                    AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
            ),
            'parents', (
                SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
                FROM pg_inherits i WHERE i.inhrelid = relation
            )
        )
    );
END
$$;

CREATE FUNCTION gitversion._relation_itself(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'oid', c.oid::int8,
            'owner', pg_get_userbyid(c.relowner),
            'acl', c.relacl::text,
            'options', c.reloptions,
            'persistence', nullif(c.relpersistence, 'p'),
            'tablespace', (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace),
            'row_security', nullif(c.relrowsecurity, false),
            'force_row_security', nullif(c.relforcerowsecurity, false),
            'replica_identity', CASE WHEN c.relkind IN ('r', 'p') THEN nullif(c.relreplident, 'd') END,
            'access_method', (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam
                AND m.amname NOT IN ('heap', 'btree')),
            'partition_key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
            'partition_bound', pg_get_expr(c.relpartbound, c.oid),
            'of_type', nullif(c.reloftype, 0)::regtype::text,
            'definition', CASE
                WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid)
                WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid)
            END,
            'server', (SELECT s.srvname FROM pg_foreign_table f
                JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
            'fdw_options', (SELECT array_agg(split_part(o, '=', 1))
                FROM pg_foreign_table f, unnest(f.ftoptions) o WHERE f.ftrelid = c.oid),
            'comment', (SELECT x.description FROM pg_description x
                WHERE x.objoid = c.oid AND x.classoid = 'pg_class'::regclass AND x.objsubid = 0)
        )
        FROM pg_class c
        WHERE c.oid = relation
    );
END
$$;

CREATE FUNCTION gitversion._index(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'table', i.indrelid::regclass::text,
            'constraint', (SELECT c.conname FROM pg_constraint c
                WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid
                    AND c.contype IN ('p', 'u', 'x') LIMIT 1),
            'invalid', nullif(NOT i.indisvalid, false),
            'clustered', nullif(i.indisclustered, false),
            'parent', (SELECT h.inhparent::regclass::text FROM pg_inherits h
                WHERE h.inhrelid = i.indexrelid)
        )
        FROM pg_index i
        WHERE i.indexrelid = relation
    );
END
$$;

CREATE FUNCTION gitversion._sequence(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'definition', format(
                'AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
                format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart,
                s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END
            ),
            'owned_by', (
                SELECT format('%s.%I', d.refobjid::regclass, a.attname)
                FROM pg_depend d
                JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE d.classid = 'pg_class'::regclass AND d.objid = relation
                    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                LIMIT 1
            ),
            'of_identity', (
                SELECT true FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = relation
                    AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
                LIMIT 1
            )
        )
        FROM pg_sequence s
        WHERE s.seqrelid = relation
    );
END
$$;

CREATE FUNCTION gitversion._type(type oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'oid', t.oid::int8,
            'owner', pg_get_userbyid(t.typowner),
            'acl', t.typacl::text,
            'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                FROM pg_enum e WHERE e.enumtypid = t.oid),
            'attributes', (
                SELECT jsonb_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                    || CASE WHEN a.attcollation NOT IN (0, 100)
                        THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END ORDER BY a.attnum)
                FROM pg_attribute a
                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            ),
            'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
            'not_null', CASE WHEN t.typtype = 'd' AND t.typnotnull THEN true END,
            'default', t.typdefault,
            'collation', CASE WHEN t.typtype = 'd' AND t.typcollation NOT IN (0, 100)
                THEN t.typcollation::regcollation::text END,
            'constraints', (SELECT jsonb_object_agg(c.conname, pg_get_constraintdef(c.oid))
                FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'),
            'subtype', (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
            'input', CASE WHEN t.typtype = 'b' THEN t.typinput::regproc::text END,
            'shell', nullif(NOT t.typisdefined, false),
            'comment', (SELECT x.description FROM pg_description x
                WHERE x.objoid = t.oid AND x.classoid = 'pg_type'::regclass AND x.objsubid = 0)
        )
        FROM pg_type t
        WHERE t.oid = type
    );
END
$$;

CREATE FUNCTION gitversion._routine(routine oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'oid', p.oid::int8,
            'owner', pg_get_userbyid(p.proowner),
            'acl', p.proacl::text,
            'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
            'aggregate', (SELECT to_jsonb(a) FROM pg_aggregate a WHERE a.aggfnoid = p.oid),
            'comment', (SELECT x.description FROM pg_description x
                WHERE x.objoid = p.oid AND x.classoid = 'pg_proc'::regclass AND x.objsubid = 0)
        )
        FROM pg_proc p
        WHERE p.oid = routine
    );
END
$$;

-- What hangs on a relation (or a domain) and has a definition of its own.
CREATE FUNCTION gitversion._part(class oid, object oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jsonb;
BEGIN
    CASE class
    WHEN 'pg_constraint'::regclass THEN
        SELECT jsonb_build_object(
            'table', nullif(c.conrelid, 0)::regclass::text,
            'domain', nullif(c.contypid, 0)::regtype::text,
            'definition', pg_get_constraintdef(c.oid),
            'inherited', CASE WHEN c.conparentid <> 0 OR NOT c.conislocal THEN true END,
            'type', c.contype
        ) INTO found FROM pg_constraint c WHERE c.oid = object;
    WHEN 'pg_trigger'::regclass THEN
        SELECT jsonb_build_object(
            'table', t.tgrelid::regclass::text,
            'definition', pg_get_triggerdef(t.oid),
            'enabled', nullif(t.tgenabled, 'O')
        ) INTO found FROM pg_trigger t WHERE t.oid = object;
    WHEN 'pg_rewrite'::regclass THEN
        SELECT jsonb_build_object(
            'table', r.ev_class::regclass::text,
            'definition', pg_get_ruledef(r.oid),
            'enabled', nullif(r.ev_enabled, 'O')
        ) INTO found FROM pg_rewrite r WHERE r.oid = object;
    ELSE
        SELECT jsonb_build_object(
            'table', p.polrelid::regclass::text,
            'definition', format(
                'CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s',
                p.polname, p.polrelid::regclass,
                CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                    WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC'
                    ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(p.polroles) role),
                ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
            )
        ) INTO found FROM pg_policy p WHERE p.oid = object;
    END CASE;
    RETURN found || jsonb_build_object(
        'oid', object::int8, 'comment', (SELECT x.description FROM pg_description x
            WHERE x.objoid = object AND x.classoid = class AND x.objsubid = 0)
    );
END
$$;

-- Any other kind: its catalog row, but for what could be a secret or may not be read by all.
CREATE FUNCTION gitversion._other(class oid, object oid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jsonb := '{}';
    members jsonb;
BEGIN
    IF class NOT IN (
        'pg_user_mapping'::regclass, 'pg_subscription'::regclass, 'pg_largeobject_metadata'::regclass
    ) THEN
        EXECUTE format('SELECT to_jsonb(c) FROM %s c WHERE c.oid = $1', class::regclass)
        INTO found USING object;
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO found
        FROM jsonb_each(found) WHERE key NOT LIKE '%options' AND key NOT IN ('oid', 'stxstattarget');
    END IF;
    CASE class
    WHEN 'pg_namespace'::regclass THEN
        found := jsonb_build_object('owner', pg_get_userbyid((found->>'nspowner')::oid),
            'acl', (SELECT n.nspacl::text FROM pg_namespace n WHERE n.oid = object));
    WHEN 'pg_statistic_ext'::regclass THEN
        found := found || jsonb_build_object('definition', pg_get_statisticsobjdef(object));
    WHEN 'pg_extension'::regclass THEN
        found := jsonb_build_object('version', found->'extversion',
            'schema', (found->>'extnamespace')::oid::regnamespace::text);
    WHEN 'pg_publication'::regclass THEN
        SELECT jsonb_agg(to_jsonb(r) - 'oid' - 'prpubid' ORDER BY r.prrelid) INTO members
        FROM pg_publication_rel r WHERE r.prpubid = object;
        found := found || jsonb_build_object('members', members);
        IF to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL THEN
            EXECUTE 'SELECT jsonb_agg(n.pnnspid::regnamespace::text ORDER BY n.pnnspid)'
                ' FROM pg_publication_namespace n WHERE n.pnpubid = $1' INTO members USING object;
            found := found || jsonb_build_object('schemas', members);
        END IF;
    WHEN 'pg_default_acl'::regclass THEN
        found := jsonb_build_object(
            'acl', (SELECT d.defaclacl::text FROM pg_default_acl d WHERE d.oid = object));
    WHEN 'pg_ts_config'::regclass THEN
        SELECT jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary)
            ORDER BY m.maptokentype, m.mapseqno) INTO members
        FROM pg_ts_config_map m WHERE m.mapcfg = object;
        found := found || jsonb_build_object('mapping', members);
    ELSE
    END CASE;
    RETURN found || jsonb_build_object(
        'oid', object::int8, 'comment', (SELECT x.description FROM pg_description x
            WHERE x.objoid = object AND x.classoid = class AND x.objsubid = 0)
    );
END
$$;

-- How an object is now, NULL where it is gone. What is not set is left out.
CREATE FUNCTION gitversion._describe(class oid, object oid, subid int) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind "char";
    found jsonb;
BEGIN
    CASE class
    WHEN 'pg_class'::regclass THEN
        IF subid > 0 THEN
            RETURN gitversion._column(object, subid);
        END IF;
        SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = object;
        found := gitversion._relation_itself(object) || CASE
            WHEN kind IN ('i', 'I') THEN gitversion._index(object)
            WHEN kind = 'S' THEN gitversion._sequence(object)
            ELSE gitversion._relation_parts(object)
        END;
    WHEN 'pg_type'::regclass THEN
        found := gitversion._type(object);
    WHEN 'pg_proc'::regclass THEN
        found := gitversion._routine(object);
    WHEN 'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass,
        'pg_policy'::regclass THEN
        found := gitversion._part(class, object);
    ELSE
        found := gitversion._other(class, object);
    END CASE;
    RETURN jsonb_strip_nulls(found);
END
$$;

------------------------------------------------------------------------------------ recording

-- Whether a catalog row was written by this transaction (or by one that began later).
-- Reads as: at most no transaction lies between it and us.
CREATE FUNCTION gitversion._is_recent(writer xid) RETURNS boolean
LANGUAGE sql STABLE AS $$ SELECT age(writer) <= 0 $$;

-- All that is captured at install: what people made, part by part, and of which relation it is one.
CREATE FUNCTION gitversion._existing() RETURNS TABLE (class oid, object oid, subid int, relation oid)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH spaces AS (
        SELECT n.oid FROM pg_namespace n WHERE NOT gitversion._is_foreign(n.nspname)
    ), relations AS (
        SELECT c.oid, c.relkind, coalesce(i.indrelid, d.refobjid) AS of
        FROM pg_class c
        LEFT JOIN pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
        WHERE c.relnamespace IN (SELECT s.oid FROM spaces s) AND c.relkind <> 't'
    ), found AS (
        SELECT 'pg_namespace'::regclass::oid AS class, s.oid AS object, 0 AS subid, NULL::oid AS of
            FROM spaces s
        UNION ALL SELECT 'pg_class'::regclass, r.oid, 0, r.of FROM relations r WHERE r.relkind <> 'c'
        UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attrelid
            FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
            WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 0, c.conrelid FROM pg_constraint c
            WHERE c.connamespace IN (SELECT s.oid FROM spaces s) AND c.contype <> 't'
        UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0, t.tgrelid
            FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
            WHERE NOT t.tgisinternal AND t.tgparentid = 0
        UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, 0, w.ev_class
            FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
        UNION ALL SELECT 'pg_policy'::regclass, p.oid, 0, p.polrelid
            FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
        UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, NULL FROM pg_proc p
            WHERE p.pronamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, NULL FROM pg_type t
            LEFT JOIN pg_class c ON c.oid = t.typrelid
            WHERE t.typnamespace IN (SELECT s.oid FROM spaces s)
                AND (t.typtype IN ('b', 'd', 'e', 'r', 'p') OR c.relkind = 'c')
                AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
        UNION ALL SELECT 'pg_collation'::regclass, c.oid, 0, NULL FROM pg_collation c
            WHERE c.collnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_conversion'::regclass, c.oid, 0, NULL FROM pg_conversion c
            WHERE c.connamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_operator'::regclass, o.oid, 0, NULL FROM pg_operator o
            WHERE o.oprnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_opclass'::regclass, o.oid, 0, NULL FROM pg_opclass o
            WHERE o.opcnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_opfamily'::regclass, o.oid, 0, NULL FROM pg_opfamily o
            WHERE o.opfnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, 0, NULL FROM pg_statistic_ext s
            WHERE s.stxnamespace IN (SELECT n.oid FROM spaces n)
        UNION ALL SELECT 'pg_ts_config'::regclass, t.oid, 0, NULL FROM pg_ts_config t
            WHERE t.cfgnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_ts_dict'::regclass, t.oid, 0, NULL FROM pg_ts_dict t
            WHERE t.dictnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_ts_parser'::regclass, t.oid, 0, NULL FROM pg_ts_parser t
            WHERE t.prsnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_ts_template'::regclass, t.oid, 0, NULL FROM pg_ts_template t
            WHERE t.tmplnamespace IN (SELECT s.oid FROM spaces s)
        UNION ALL SELECT 'pg_extension'::regclass, e.oid, 0, NULL FROM pg_extension e
            WHERE e.extname <> 'pg_gitversion'
        UNION ALL SELECT 'pg_language'::regclass, l.oid, 0, NULL FROM pg_language l WHERE l.oid >= 16384
        UNION ALL SELECT 'pg_am'::regclass, m.oid, 0, NULL FROM pg_am m WHERE m.oid >= 16384
        UNION ALL SELECT 'pg_cast'::regclass, c.oid, 0, NULL FROM pg_cast c WHERE c.oid >= 16384
        UNION ALL SELECT 'pg_transform'::regclass, t.oid, 0, NULL FROM pg_transform t
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, f.oid, 0, NULL FROM pg_foreign_data_wrapper f
        UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 0, NULL FROM pg_foreign_server s
        UNION ALL SELECT 'pg_user_mapping'::regclass, u.umid, 0, NULL FROM pg_user_mappings u
        UNION ALL SELECT 'pg_publication'::regclass, p.oid, 0, NULL FROM pg_publication p
        UNION ALL SELECT 'pg_subscription'::regclass, s.oid, 0, NULL FROM pg_subscription s
            JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()
        UNION ALL SELECT 'pg_default_acl'::regclass, d.oid, 0, NULL FROM pg_default_acl d
            WHERE d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT s.oid FROM spaces s)
    )
    SELECT f.class, f.object, f.subid::int, f.of FROM found f
    WHERE NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = f.class AND d.objid = f.object AND (
            d.deptype = 'e'  -- what a range brings with it
            OR d.deptype = 'i' AND d.classid IN ('pg_proc'::regclass, 'pg_cast'::regclass)
        )
    ) AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
            AND d.objid = f.of
    );
END
$$;

-- Of which database, and of which life of it, the oids in `objects` are.
CREATE FUNCTION gitversion._origin() RETURNS text
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT format('%s/%s/%s', d.oid, a.attrelid::oid, a.xmin)
        FROM pg_database d, pg_attribute a
        WHERE d.datname = current_database()
            AND a.attrelid = 'gitversion.objects'::regclass AND a.attname = 'id'
    );
END
$$;

-- Makes `objects` what the catalog holds now, and tells nobody: no history comes of it. It is for
-- the install, and for whoever knows why the two had come apart. Returns how many objects there are.
CREATE FUNCTION gitversion.capture() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET jit = off
SET plan_cache_mode = force_generic_plan
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 SET timezone = 'UTC' AS $$
DECLARE
    captured int;
BEGIN
    UPDATE gitversion.objects SET class_oid = NULL, object_oid = NULL, object_subid = NULL;
    INSERT INTO gitversion.objects AS o (
        object_type, schema_name, object_name, metadata, class_oid, object_oid, object_subid,
        object_kind, object_identity, address_names, address_args
    )
    SELECT DISTINCT ON (1, 2, 3)
        gitversion._object_type(i.type), p.schema_name, p.object_name,
        gitversion._describe(e.class, e.object, e.subid), e.class, e.object, e.subid,
        i.type, i.identity, a.object_names, a.object_args
    FROM gitversion._existing() e
    CROSS JOIN LATERAL pg_identify_object(e.class, e.object, e.subid) i
    CROSS JOIN LATERAL pg_identify_object_as_address(e.class, e.object, e.subid) a
    CROSS JOIN LATERAL gitversion._place(
        i.type, a.object_names, a.object_args, i.identity, i.schema) p
    ON CONFLICT (object_type, schema_name, object_name) DO UPDATE SET
        metadata = excluded.metadata, is_active = true,
        class_oid = excluded.class_oid, object_oid = excluded.object_oid,
        object_subid = excluded.object_subid, object_kind = excluded.object_kind,
        object_identity = excluded.object_identity, address_names = excluded.address_names,
        address_args = excluded.address_args;
    GET DIAGNOSTICS captured = ROW_COUNT;
    UPDATE gitversion.objects SET is_active = false WHERE object_oid IS NULL AND is_active;
    UPDATE gitversion.objects o SET parent_id = p.id
    FROM gitversion._existing() e
    JOIN gitversion.objects p ON p.class_oid = 'pg_class'::regclass AND p.object_subid = 0
        AND p.object_oid = e.relation
    WHERE o.class_oid = e.class AND o.object_oid = e.object AND o.object_subid = e.subid
        AND o.parent_id IS DISTINCT FROM p.id;
    INSERT INTO gitversion.config AS c VALUES ('origin', gitversion._origin())
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    RETURN captured;
END
$$;

-- After a restore or an upgrade of the server: the oids are others'. Finds the objects by name again,
-- and leaves what it does not find as it was recorded: that is for somebody to look at.
CREATE FUNCTION gitversion._relearn() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock('gitversion.objects'::regclass::int8) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM gitversion.objects) THEN
        PERFORM gitversion.capture();
        RETURN;
    END IF;
    UPDATE gitversion.objects o
    SET class_oid = e.class, object_oid = e.object, object_subid = e.subid
    FROM (
        SELECT k.id, e.class, e.object, e.subid
        FROM gitversion.objects k
        LEFT JOIN (
            gitversion._existing() e
            CROSS JOIN LATERAL pg_identify_object(e.class, e.object, e.subid) i
            CROSS JOIN LATERAL pg_identify_object_as_address(e.class, e.object, e.subid) a
            CROSS JOIN LATERAL gitversion._place(
        i.type, a.object_names, a.object_args, i.identity, i.schema) p
        ) ON k.object_type = gitversion._object_type(i.type)
            AND k.schema_name = p.schema_name AND k.object_name = p.object_name
    ) e
    WHERE o.id = e.id
        AND (o.class_oid, o.object_oid, o.object_subid)
            IS DISTINCT FROM (e.class, e.object, e.subid);
    INSERT INTO gitversion.config AS c VALUES ('origin', gitversion._origin())
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;

-- Writes one row of history, and the object as it is from then on.
CREATE FUNCTION gitversion._write(
    known gitversion.objects, change gitversion.change_type, severity gitversion.change_severity,
    new_metadata jsonb, tag text, who text, moment timestamptz, old_name text, came_along boolean
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    is_drop boolean := change = 'DROP';
    next_version int := known.version + CASE WHEN known.metadata IS NULL THEN 0 ELSE 1 END;
BEGIN
    UPDATE gitversion.objects o SET
        version = CASE WHEN is_drop THEN o.version ELSE next_version END,
        version_major = o.version_major
            + (known.metadata IS NOT NULL AND NOT is_drop AND severity = 'MAJOR')::int,
        version_minor = CASE
            WHEN known.metadata IS NULL OR is_drop THEN o.version_minor
            WHEN severity = 'MAJOR' THEN 0
            ELSE o.version_minor + (severity = 'MINOR')::int
        END,
        version_patch = CASE
            WHEN known.metadata IS NULL OR is_drop THEN o.version_patch
            WHEN severity = 'PATCH' THEN o.version_patch + 1
            ELSE 0
        END,
        metadata = coalesce(new_metadata, known.metadata, '{}'),
        is_active = NOT is_drop,
        updated_at = moment,
        object_oid = CASE WHEN is_drop THEN NULL ELSE o.object_oid END
    WHERE o.id = known.id;
    INSERT INTO gitversion.history (
        object_id, change_type, change_severity, old_version, new_version, old_metadata,
        new_metadata, change_description, sql_executed, created_at, created_by, login_role,
        application_name, client_address, transaction_id, command_tag, object_kind,
        object_identity, address_names, address_args, recorded_at, old_name, came_along
    ) VALUES (
        known.id, change, severity,
        CASE WHEN known.metadata IS NOT NULL THEN known.version END,
        CASE WHEN NOT is_drop THEN next_version END, known.metadata, new_metadata,
        format('%s %s %s', tag, known.object_kind, known.object_identity)
            || coalesce(' (was ' || old_name || ')', ''),
        (SELECT current_query() FROM gitversion.config c WHERE c.name = 'keep_sql' AND c.value = 'on'),
        moment, who, session_user, current_setting('application_name'), host(inet_client_addr()),
        pg_current_xact_id()::text, tag, known.object_kind, known.object_identity,
        known.address_names, known.address_args, moment, old_name, came_along
    );
END
$$;

-- How much a change means to those who use the object.
CREATE FUNCTION gitversion._severity(
    change gitversion.change_type, object_type gitversion.object_type, before jsonb, after jsonb
) RETURNS gitversion.change_severity
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT (CASE
            WHEN change IN ('DROP', 'RENAME') THEN 'MAJOR'
            WHEN change = 'COMMENT' THEN 'PATCH'
            WHEN change = 'CREATE' THEN 'MINOR'
            WHEN before - '{oid,acl,owner,comment}'::text[] = after - '{oid,acl,owner,comment}'::text[]
            THEN 'PATCH'
            WHEN object_type = 'COLUMN' AND (
                before->'type' IS DISTINCT FROM after->'type'
                OR before->'nullable' IS DISTINCT FROM after->'nullable'
            ) THEN 'MAJOR'
            WHEN EXISTS (
                SELECT FROM jsonb_each(coalesce(before->'columns', '{}')) c
                WHERE after->'columns'->c.key->'type' IS DISTINCT FROM c.value->'type'
            ) THEN 'MAJOR'
            ELSE 'MINOR'
        END)::gitversion.change_severity
    );
END
$$;

-- Looks at one object and records what became of it. `mode` says why it is looked at: 'named' by the
-- statement, 'found' among what it may have changed with it, moved 'along' with what it names, or
-- 'kept' up to date without a word.
-- Gives what was recorded, and how it is called; nothing where nothing was.
CREATE FUNCTION gitversion._touch(
    class oid, object oid, subid int, mode text, tag text, who text, moment timestamptz,
    OUT change gitversion.change_type, OUT told text
)
LANGUAGE plpgsql AS $$
DECLARE
    it record;
    place record;
    after jsonb;
    before gitversion.objects;
    taken gitversion.objects;
    known gitversion.objects;
    parent int;
    old_name text;
BEGIN
    SELECT i.type AS kind, i.schema, i.identity, a.object_names AS names, a.object_args AS args
    INTO it
    FROM pg_identify_object(class, object, subid) i,
        pg_identify_object_as_address(class, object, subid) a;
    IF it.kind IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO place
    FROM gitversion._place(it.kind, it.names, it.args, it.identity, it.schema);
    IF gitversion._is_foreign(coalesce(nullif(place.schema_name, ''), it.names[1]))
        AND (place.schema_name <> '' OR it.kind = 'schema')
        OR (it.kind = 'extension' AND it.names[1] = 'pg_gitversion')
    THEN
        RETURN;
    END IF;
    after := gitversion._describe(class, object, subid);
    IF after IS NULL THEN
        RETURN;
    END IF;

    SELECT * INTO before FROM gitversion.objects o
    WHERE o.object_oid = object AND o.class_oid = class AND o.object_subid = subid AND o.is_active;
    SELECT * INTO taken FROM gitversion.objects o
    WHERE o.object_type = gitversion._object_type(it.kind)
        AND o.schema_name = place.schema_name AND o.object_name = place.object_name;
    IF before.id IS NULL AND taken.id IS NULL AND mode = 'named' AND starts_with(tag, 'ALTER') THEN
        -- Renamed by the first statement since a restore: the one that is missing and looks alike.
        SELECT (array_agg(o))[1] INTO before.id FROM (
            SELECT k.id FROM gitversion.objects k
            WHERE k.is_active AND k.object_oid IS NULL AND k.metadata - 'oid' = after - 'oid'
                AND k.object_type = gitversion._object_type(it.kind)
        ) c (o)
        HAVING count(*) = 1;
        SELECT * INTO before FROM gitversion.objects o WHERE o.id = before.id;
        UPDATE gitversion.objects o SET is_active = false, updated_at = moment
        WHERE o.parent_id = before.id AND o.object_oid IS NULL;
    END IF;
    IF before.id IS NOT NULL AND before.id IS DISTINCT FROM taken.id THEN
        old_name := before.full_name;
        -- A name that has a history of its own goes on with that.
        IF taken.id IS NOT NULL THEN
            UPDATE gitversion.objects o SET is_active = false, object_oid = NULL, updated_at = moment
            WHERE o.id = before.id;
        END IF;
    END IF;

    SELECT p.id INTO parent FROM gitversion.objects p
    WHERE p.class_oid = 'pg_class'::regclass AND p.object_subid = 0 AND p.is_active
        AND p.object_oid = gitversion._relation(class, object, subid);
    change := CASE
        WHEN old_name IS NOT NULL THEN 'RENAME'
        WHEN before.id IS NOT NULL OR mode = 'named' AND tag !~ '^(CREATE|SELECT|IMPORT)'
            OR taken.is_active AND taken.object_oid IS NULL
        THEN CASE WHEN tag = 'COMMENT' THEN 'COMMENT' ELSE 'ALTER' END
        ELSE 'CREATE'
    END;
    IF before.id IS NULL AND taken.is_active THEN
        before := taken;
    END IF;
    IF before.id IS NOT NULL AND old_name IS NULL
        AND before.metadata - 'oid' = after - 'oid'
        AND (mode <> 'named' OR tag LIKE 'CREATE%' OR before.updated_at = moment)
    THEN
        UPDATE gitversion.objects o SET metadata = after, object_oid = object, class_oid = class,
            object_subid = subid, parent_id = parent
        WHERE o.id = before.id AND (
            o.object_oid IS DISTINCT FROM object OR o.metadata IS DISTINCT FROM after
            OR o.parent_id IS DISTINCT FROM parent
        );
        change := NULL;
        RETURN;
    END IF;

    INSERT INTO gitversion.objects AS o (
        id, object_type, schema_name, object_name, metadata, created_at, updated_at
    ) VALUES (
        coalesce(taken.id, before.id, nextval('gitversion.objects_id_seq')),
        gitversion._object_type(it.kind), place.schema_name, place.object_name,
        NULL, moment, moment
    )
    ON CONFLICT (id) DO UPDATE SET
        schema_name = excluded.schema_name, object_name = excluded.object_name
    RETURNING * INTO known;
    UPDATE gitversion.objects o SET
        class_oid = class, object_oid = object, object_subid = subid, object_kind = it.kind,
        object_identity = it.identity, address_names = it.names, address_args = it.args,
        is_active = true, parent_id = parent
    WHERE o.id = known.id
    RETURNING * INTO known;
    -- What was there before, for the record.
    known.metadata := coalesce(before.metadata, taken.metadata);
    IF mode = 'kept' OR mode = 'along' AND old_name IS NULL THEN
        UPDATE gitversion.objects o SET metadata = after WHERE o.id = known.id;
        IF change <> 'RENAME' THEN
            change := NULL;
        END IF;
        RETURN;
    END IF;
    PERFORM gitversion._write(
        known, change,
        gitversion._severity(change, known.object_type, coalesce(before.metadata, '{}'), after),
        after, tag, who, moment, old_name, CASE WHEN mode = 'along' THEN true END
    );
    told := it.kind || ' ' || it.identity;
END
$$;

-- What a statement on a relation may have changed beside it: its columns, constraints, indexes and
-- so on, and those of all that inherit from it. `everything`, or what has just been written.
CREATE FUNCTION gitversion._parts(relation oid, everything boolean)
RETURNS TABLE (class oid, object oid, subid int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    -- As a list: what is in it is found by index, however many the planner thinks they are.
    tree oid[] := ARRAY[relation];
    more oid[] := CASE WHEN EXISTS (
        SELECT FROM pg_class p WHERE p.oid = relation AND p.relkind = 'p'
    ) THEN ARRAY(  -- a partition that was detached: nothing says any more whose it was
        SELECT c.oid FROM pg_class c
        WHERE c.relkind IN ('r', 'p', 'f') AND gitversion._is_recent(c.xmin) AND c.oid <> relation
    ) ELSE '{}' END;
BEGIN
    LOOP
        tree := tree || more;
        more := ARRAY(
            SELECT DISTINCT i.inhrelid FROM pg_inherits i
            WHERE i.inhparent = ANY (tree) AND i.inhrelid <> ALL (tree)
        );
        EXIT WHEN cardinality(more) = 0;
    END LOOP;
    RETURN QUERY
    WITH parts AS (
        SELECT 'pg_class'::regclass::oid AS class, a.attrelid AS object, a.attnum::int AS subid,
            a.attrelid AS of
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
        WHERE a.attrelid = ANY (tree) AND a.attnum > 0 AND NOT a.attisdropped AND (everything OR gitversion._is_recent(a.xmin))
        UNION ALL
        SELECT 'pg_constraint'::regclass, c.oid, 0, c.conrelid
        FROM pg_constraint c
        WHERE c.conrelid = ANY (tree) AND c.contype <> 't'
            AND (everything OR gitversion._is_recent(c.xmin))
        UNION ALL
        SELECT 'pg_class'::regclass, i.indexrelid, 0, NULL
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = ANY (tree)
            AND (everything OR gitversion._is_recent(i.xmin) OR gitversion._is_recent(c.xmin))
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid, 0, NULL
        FROM pg_depend d
        JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (tree)
            AND d.refobjsubid > 0 AND d.classid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i') AND (everything OR gitversion._is_recent(c.xmin))
        UNION ALL
        SELECT 'pg_trigger'::regclass, g.oid, 0, NULL
        FROM pg_trigger g
        WHERE g.tgrelid = ANY (tree) AND NOT g.tgisinternal AND g.tgparentid = 0
            AND (everything OR gitversion._is_recent(g.xmin))
        UNION ALL
        SELECT 'pg_rewrite'::regclass, w.oid, 0, NULL
        FROM pg_rewrite w
        WHERE w.ev_class = ANY (tree) AND w.rulename <> '_RETURN'
            AND (everything OR gitversion._is_recent(w.xmin))
        UNION ALL
        SELECT 'pg_policy'::regclass, p.oid, 0, NULL
        FROM pg_policy p
        WHERE p.polrelid = ANY (tree) AND (everything OR gitversion._is_recent(p.xmin))
    )
    SELECT 'pg_class'::regclass::oid, r.oid, 0
    FROM (
        SELECT c.oid FROM pg_class c
        WHERE c.oid = ANY (tree) AND gitversion._is_recent(c.xmin)
        UNION SELECT p.of FROM parts p
    ) r
    WHERE r.oid <> relation
    UNION ALL
    SELECT p.class, p.object, p.subid FROM parts p
    ORDER BY 1, 2, 3;
END
$$;

-- What statements changed that name no object: rights, and owners.
CREATE FUNCTION gitversion._granted() RETURNS TABLE (class oid, object oid, subid int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT k.class, k.object, k.subid
    FROM (
        SELECT 'pg_class'::regclass::oid AS class, c.oid AS object, 0 AS subid, c.relacl AS acl,
            c.relowner AS owner
        FROM pg_class c WHERE gitversion._is_recent(c.xmin)
        UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, NULL
            FROM pg_attribute a WHERE gitversion._is_recent(a.xmin)
        UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, p.proowner
            FROM pg_proc p WHERE gitversion._is_recent(p.xmin)
        UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, t.typowner
            FROM pg_type t WHERE gitversion._is_recent(t.xmin)
        UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspacl, n.nspowner
            FROM pg_namespace n WHERE gitversion._is_recent(n.xmin)
    ) k
    JOIN gitversion.objects o
        ON o.class_oid = k.class AND o.object_oid = k.object AND o.object_subid = k.subid
    WHERE o.is_active AND (
        o.metadata->>'acl' IS DISTINCT FROM k.acl::text
        OR o.metadata->>'owner' IS DISTINCT FROM pg_get_userbyid(k.owner)::text
            AND k.owner IS NOT NULL
    )
    UNION ALL
    SELECT k.class, k.object, 0
    FROM (
        SELECT 'pg_language'::regclass::oid AS class, l.oid AS object
        FROM pg_language l WHERE gitversion._is_recent(l.xmin)
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, f.oid
            FROM pg_foreign_data_wrapper f WHERE gitversion._is_recent(f.xmin)
        UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid
            FROM pg_foreign_server s WHERE gitversion._is_recent(s.xmin)
        UNION ALL SELECT 'pg_operator'::regclass, o.oid
            FROM pg_operator o WHERE gitversion._is_recent(o.xmin)
        UNION ALL SELECT 'pg_collation'::regclass, c.oid
            FROM pg_collation c WHERE gitversion._is_recent(c.xmin)
        UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid
            FROM pg_statistic_ext s WHERE gitversion._is_recent(s.xmin)
        UNION ALL SELECT 'pg_default_acl'::regclass, d.oid
            FROM pg_default_acl d WHERE gitversion._is_recent(d.xmin)
    ) k
    WHERE NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = k.class AND d.objid = k.object AND d.deptype = 'e'
    )
    ORDER BY 1, 2, 3;
END
$$;

-- What has another name now because something else has: parts, and what is named with a type.
CREATE FUNCTION gitversion._renamed(old_schema text) RETURNS TABLE (class oid, object oid, subid int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    known gitversion.objects;
    alive boolean;
BEGIN
    FOR known IN
        SELECT o.* FROM gitversion.objects o
        WHERE o.is_active AND o.object_oid IS NOT NULL AND (
            o.schema_name = old_schema
            OR o.object_type IN (
                'FUNCTION', 'PROCEDURE', 'AGGREGATE', 'OPERATOR', 'CAST', 'TRANSFORM',
                'DEFAULT_PRIVILEGES'
            )
        )
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE oid = $1)', known.class_oid::regclass)
        INTO alive USING known.object_oid;
        IF alive AND known.object_identity IS DISTINCT FROM (
            SELECT i.identity
            FROM pg_identify_object(known.class_oid, known.object_oid, known.object_subid) i
        ) THEN
            class := known.class_oid; object := known.object_oid; subid := known.object_subid;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- What says the name of an object in its own definition, and the relations of that.
CREATE FUNCTION gitversion._mentions(of_class oid, of_object oid)
RETURNS TABLE (class oid, object oid, subid int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH mentions AS (
        SELECT CASE WHEN w.oid IS NULL AND a.oid IS NULL THEN d.classid
                ELSE 'pg_class'::regclass END AS class,
            coalesce(w.ev_class, a.adrelid, d.objid) AS object,
            coalesce(a.adnum, d.objsubid)::int AS subid
        FROM pg_depend d
        LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
        WHERE d.refclassid = of_class AND d.refobjid = of_object
    ), wanted AS (
        SELECT m.class, m.object, m.subid FROM mentions m
        UNION SELECT 'pg_class'::regclass, m.object, 0 FROM mentions m
            WHERE m.class = 'pg_class'::regclass
        UNION SELECT 'pg_class'::regclass, gitversion._relation(m.class, m.object, m.subid), 0
            FROM mentions m
    )
    SELECT o.class_oid, o.object_oid, o.object_subid
    FROM wanted w
    JOIN gitversion.objects o ON o.is_active AND o.class_oid = w.class
        AND o.object_oid = w.object AND o.object_subid = w.subid;
END
$$;

-- A hint for whoever listens: what, by whom. Never a fact, and never a reason to fail a commit.
CREATE FUNCTION gitversion._notify(tag text, told text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wish text := coalesce((SELECT c.value FROM gitversion.config c WHERE c.name = 'notify'), 'auto');
    shown int := least(cardinality(told), 20);
    payload text;
BEGIN
    IF wish = 'off' OR cardinality(told) = 0 OR pg_notification_queue_usage() > 0.5
        OR (wish <> 'on' AND current_setting('max_prepared_transactions') <> '0')
    THEN
        RETURN;
    END IF;
    LOOP
        payload := jsonb_build_object(
            'v', 1, 'tag', tag, 'objects', to_jsonb(told[:shown]),
            'more', cardinality(told) - shown, 'by', session_user,
            'application', current_setting('application_name')
        )::text;
        EXIT WHEN octet_length(payload) < 2000 OR shown = 0;
        shown := shown - 1;
    END LOOP;
    PERFORM pg_notify('pg_gitversion', payload);
END
$$;

-- What goes with the session, and what belongs to an extension.
CREATE FUNCTION gitversion._is_ignored(class oid, object oid, subid int) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.deptype = 'e' AND (d.classid, d.objid) IN (
                (class, object), ('pg_class'::regclass, gitversion._relation(class, object, subid))
            )
        ) OR EXISTS (
            SELECT FROM pg_class c
            WHERE c.relpersistence = 't' AND c.oid IN (
                CASE WHEN class = 'pg_class'::regclass THEN object END,
                gitversion._relation(class, object, subid)
            )
        )
    );
END
$$;

-- Sees to it that the oids in `objects` are those of this database.
CREATE FUNCTION gitversion._at_home() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM gitversion.config c
        WHERE c.name = 'origin' AND c.value = gitversion._origin()
    ) THEN
        PERFORM gitversion._relearn();
    END IF;
END
$$;

-- Looks at what a statement may have changed beside the object that it names. `named` is what was
-- recorded of that one. Gives what was recorded.
CREATE FUNCTION gitversion._touch_parts(
    class oid, object oid, subid int, named gitversion.change_type, tag text, who text,
    moment timestamptz
) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    whole oid := CASE
        WHEN class = 'pg_class'::regclass AND subid = 0
            AND gitversion._relation(class, object, subid) IS NULL THEN object
        ELSE gitversion._relation(class, object, subid)
    END;
    is_whole boolean := whole = object AND subid = 0;
    is_part boolean := class = 'pg_constraint'::regclass OR subid > 0;
    part record;
    told text[] := '{}';
    mode text;
BEGIN
    IF class = 'pg_type'::regclass THEN
        FOR part IN
            SELECT c.oid FROM pg_constraint c
            WHERE c.contypid = object AND (named = 'RENAME' OR gitversion._is_recent(c.xmin))
        LOOP
            told := told || (gitversion._touch('pg_constraint'::regclass, part.oid, 0,
                CASE WHEN named IN ('CREATE', 'RENAME') THEN 'kept' ELSE 'found' END,
                tag, who, moment)).told;
        END LOOP;
        RETURN told;
    END IF;
    IF whole IS NULL OR tag = 'SECURITY LABEL' OR (tag = 'COMMENT' AND subid = 0) THEN
        RETURN told;
    END IF;
    IF NOT is_whole AND (is_part OR class = 'pg_class'::regclass) THEN
        -- What is told of a column or a sequence stands with its table as well.
        mode := CASE WHEN tag <> 'COMMENT' AND is_part THEN 'found' ELSE 'kept' END;
        IF is_part OR tag = 'ALTER SEQUENCE' THEN
            told := told || (gitversion._touch(
                'pg_class'::regclass, whole, 0, mode, tag, who, moment)).told;
        END IF;
    END IF;
    IF NOT (is_whole OR is_part) OR tag = 'COMMENT' THEN
        IF class = 'pg_class'::regclass AND subid = 0 AND tag LIKE '%INDEX' THEN
            -- An index, and those of its partitions.
            FOR part IN
                SELECT p.class, p.object, p.subid FROM gitversion._parts(object, false) p
            LOOP
                told := told || (gitversion._touch(
                    part.class, part.object, part.subid, 'found', tag, who, moment)).told;
            END LOOP;
        END IF;
        RETURN told;
    END IF;
    FOR part IN
        SELECT p.class, p.object, p.subid,
            gitversion._relation(p.class, p.object, p.subid) = whole AS is_own
        FROM gitversion._parts(whole, is_whole AND named IN ('CREATE', 'RENAME')) p
        WHERE (p.class, p.object, p.subid) <> (_touch_parts.class, _touch_parts.object,
            _touch_parts.subid)
    LOOP
        mode := CASE
            WHEN NOT is_whole OR NOT part.is_own THEN 'found'
            WHEN named = 'RENAME' THEN
                CASE WHEN part.class = 'pg_class'::regclass AND part.subid = 0 THEN 'along'
                    ELSE 'kept' END
            WHEN named = 'CREATE'
                AND (part.subid > 0 OR part.class = 'pg_constraint'::regclass) THEN 'kept'
            ELSE 'found'
        END;
        told := told || (gitversion._touch(
            part.class, part.object, part.subid, mode, tag, who, moment)).told;
    END LOOP;
    RETURN told;
END
$$;

-- What ALTER EXTENSION … ADD took from the record, as the extension's version stands for it from then
-- on, and what DROP left to it: the statement names the extension alone. Gives what was recorded.
CREATE FUNCTION gitversion._members(
    extension oid, tag text, who text, moment timestamptz
) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    known gitversion.objects;
    part record;
    told text[] := '{}';
BEGIN
    FOR known IN
        SELECT o.* FROM pg_depend d
        JOIN gitversion.objects o ON o.class_oid = d.classid AND o.object_oid = d.objid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension
            AND d.deptype = 'e' AND o.object_subid = 0 AND o.is_active
    LOOP
        PERFORM gitversion._write(
            known, 'ALTER', 'MINOR', known.metadata, tag, who, moment, NULL, NULL);
        UPDATE gitversion.objects o SET is_active = false, object_oid = NULL
        WHERE known.id IN (o.id, o.parent_id);
        told := told || (known.object_kind || ' ' || known.object_identity);
    END LOOP;
    FOR part IN
        SELECT e.* FROM gitversion._existing() e
        WHERE NOT EXISTS (
            SELECT FROM gitversion.objects o
            WHERE o.class_oid = e.class AND o.object_oid = e.object AND o.object_subid = e.subid
                AND o.is_active
        )
        ORDER BY e.relation IS NOT NULL, e.class, e.object, e.subid
    LOOP
        told := told || (gitversion._touch(part.class, part.object, part.subid,
            CASE WHEN part.subid > 0 OR part.class = 'pg_constraint'::regclass THEN 'kept'
                ELSE 'named' END,
            tag, who, moment)).told;
    END LOOP;
    RETURN told;
END
$$;

-- Records the statement that has just ended. Callable by all, but only where an event trigger runs.
CREATE FUNCTION gitversion.record_commands(who text, tag text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET jit = off
SET plan_cache_mode = force_generic_plan
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 SET timezone = 'UTC' AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    command record;
    at record;
    part record;
    did record;
    told text[] := '{}';
    seen text[] := '{}';
    old_schema text;
BEGIN
    FOR command IN
        SELECT c.classid, c.objid, c.objsubid, c.command_tag, c.in_extension, c.schema_name
        FROM pg_event_trigger_ddl_commands() WITH ORDINALITY c
        ORDER BY c.ordinality
    LOOP
        CONTINUE WHEN command.in_extension OR starts_with(command.schema_name, 'pg_temp')
            OR command.command_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX');
        IF command.objid IS NULL THEN
            PERFORM gitversion._at_home();
            FOR part IN SELECT * FROM gitversion._granted() LOOP
                told := told || (gitversion._touch(
                    part.class, part.object, part.subid, 'found', tag, who, moment)).told;
            END LOOP;
            CONTINUE;
        END IF;
        at := gitversion._resolve(command.classid, command.objid, command.objsubid);
        CONTINUE WHEN at.object IS NULL
            OR format('%s %s %s %s', at.class, at.object, at.subid, command.command_tag) = ANY (seen)
            OR gitversion._is_ignored(at.class, at.object, at.subid);
        seen := seen || format('%s %s %s %s', at.class, at.object, at.subid, command.command_tag);
        PERFORM gitversion._at_home();
        IF at.class = 'pg_namespace'::regclass THEN
            SELECT o.address_names[1] INTO old_schema FROM gitversion.objects o
            WHERE o.class_oid = at.class AND o.object_oid = at.object AND o.is_active;
        END IF;
        did := gitversion._touch(
            at.class, at.object, at.subid, 'named', command.command_tag, who, moment);
        told := told || did.told || gitversion._touch_parts(
            at.class, at.object, at.subid, did.change, command.command_tag, who, moment);
        IF command.command_tag = 'ALTER EXTENSION' THEN
            told := told || gitversion._members(at.object, tag, who, moment);
        END IF;
        IF did.change = 'RENAME' THEN
            FOR part IN SELECT * FROM gitversion._renamed(old_schema) LOOP
                PERFORM gitversion._touch(
                    part.class, part.object, part.subid, 'kept', command.command_tag, who, moment);
            END LOOP;
            FOR part IN SELECT * FROM gitversion._mentions(at.class, at.object) LOOP
                PERFORM gitversion._touch(
                    part.class, part.object, part.subid, 'kept', command.command_tag, who, moment);
            END LOOP;
            IF at.class = 'pg_namespace'::regclass THEN
                UPDATE gitversion.objects o SET metadata = coalesce(gitversion._describe(
                    o.class_oid, o.object_oid, o.object_subid), o.metadata)
                WHERE o.is_active AND o.object_oid IS NOT NULL;
            END IF;
        END IF;
    END LOOP;
    IF tag = 'DROP OWNED' THEN
        PERFORM gitversion._at_home();
        FOR part IN SELECT * FROM gitversion._granted() LOOP
            told := told || (gitversion._touch(
                part.class, part.object, part.subid, 'found', tag, who, moment)).told;
        END LOOP;
    END IF;
    PERFORM gitversion._notify(tag, array_remove(told, NULL));
END
$$;

-- Records that an object is gone. `came_along`: something else was dropped, and this went with it.
-- Gives how it was called; nothing where nothing was recorded.
CREATE FUNCTION gitversion._drop(
    gone record, gone_relations oid[], tag text, who text, moment timestamptz
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    place record;
    known gitversion.objects;
    is_part boolean;
BEGIN
    SELECT * INTO place FROM gitversion._place(
        gone.object_type, gone.address_names, gone.address_args, gone.object_identity,
        quote_ident(gone.schema_name));
    IF place.schema_name <> '' AND gitversion._is_foreign(place.schema_name) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO known FROM gitversion.objects o
    WHERE o.class_oid = gone.classid AND o.object_oid = gone.objid
        AND o.object_subid = gone.objsubid AND o.is_active;
    IF known.id IS NULL THEN
        SELECT * INTO known FROM gitversion.objects o
        WHERE o.object_type = gitversion._object_type(gone.object_type)
            AND o.schema_name = place.schema_name AND o.object_name = place.object_name;
    END IF;
    IF known.id IS NULL THEN
        -- Unknown, and meant: it was made while nobody recorded, or by an extension's script.
        IF NOT gone.original OR current_query() ~* '\m(create|alter|drop)\s+extension\M' THEN
            RETURN NULL;
        END IF;
        INSERT INTO gitversion.objects (
            object_type, schema_name, object_name, is_active, object_kind, object_identity,
            address_names, address_args
        ) VALUES (
            gitversion._object_type(gone.object_type), place.schema_name, place.object_name, false,
            gone.object_type, gone.object_identity, gone.address_names, gone.address_args
        ) RETURNING * INTO known;
    ELSIF NOT known.is_active AND NOT gone.original THEN
        RETURN NULL;
    END IF;
    is_part := known.object_type IN ('COLUMN', 'CONSTRAINT') AND EXISTS (
        SELECT FROM gitversion.objects p
        WHERE p.id = known.parent_id AND p.object_oid = ANY (gone_relations)
    );
    UPDATE gitversion.objects o
    SET is_active = false, object_oid = NULL, updated_at = moment
    WHERE o.is_active AND (
        o.parent_id = known.id AND o.object_type IN ('COLUMN', 'CONSTRAINT')
        OR o.id = known.id AND is_part
    );
    IF is_part THEN
        RETURN NULL;
    END IF;
    PERFORM gitversion._write(
        known, 'DROP', 'MAJOR', NULL, tag, who, moment, NULL, NOT gone.original);
    RETURN gone.object_type || ' ' || gone.object_identity;
END
$$;

-- Records what a statement has dropped. Callable by all, but only where an event trigger runs.
CREATE FUNCTION gitversion.record_drops(who text, tag text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET jit = off
SET plan_cache_mode = force_generic_plan
SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 SET timezone = 'UTC' AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    gone record;
    gone_relations oid[];
    told text[] := '{}';
    at record;
BEGIN
    SELECT array_agg(d.objid) INTO gone_relations FROM pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0;
    -- What depends on something before that, sequences last: so all can be brought back in the
    -- opposite order.
    FOR gone IN
        SELECT d.* FROM pg_event_trigger_dropped_objects() WITH ORDINALITY d
        WHERE NOT d.is_temporary
            AND d.object_type NOT IN (
                'composite type', 'composite type column', 'toast table', 'event trigger')
            AND (d.object_type <> 'rule' OR d.address_names[3] <> '_RETURN')
        ORDER BY d.object_type = 'sequence', d.ordinality DESC
    LOOP
        PERFORM gitversion._at_home();
        IF gone.object_type = 'default value' THEN
            SELECT c.oid, a.attnum INTO at FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = gone.address_names[1]
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = gone.address_names[3]
            WHERE c.relname = gone.address_names[2];
            IF FOUND THEN
                told := told || (gitversion._touch(
                    'pg_class'::regclass, at.oid, at.attnum, 'found', tag, who, moment)).told;
                IF tag NOT LIKE 'ALTER%' THEN
                    PERFORM gitversion._touch(
                        'pg_class'::regclass, at.oid, 0, 'kept', tag, who, moment);
                END IF;
            END IF;
        ELSIF gone.object_type IN ('publication relation', 'publication namespace') THEN
            SELECT p.oid INTO at FROM pg_publication p WHERE p.pubname = gone.address_args[1];
            IF FOUND THEN
                told := told || (gitversion._touch(
                    'pg_publication'::regclass, at.oid, 0, 'found', tag, who, moment)).told;
            END IF;
        ELSE
            told := told || gitversion._drop(gone, gone_relations, tag, who, moment);
            -- Its relation lives on, and is told of by nobody else.
            IF tag NOT LIKE 'ALTER%' AND gone.object_type IN ('table column', 'table constraint')
            THEN
                PERFORM gitversion._touch('pg_class'::regclass, c.oid, 0, 'kept', tag, who, moment)
                FROM pg_class c
                JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = gone.address_names[1]
                WHERE c.relname = gone.address_names[2];
            END IF;
        END IF;
    END LOOP;
    PERFORM gitversion._notify(tag, array_remove(told, NULL));
END
$$;

-- Counts a statement that could not be recorded. Callable as the above.
CREATE FUNCTION gitversion.record_failure(tag text, state text, context text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM pg_event_trigger_ddl_commands();
    -- The first line of ours only: others may quote the statement.
    INSERT INTO gitversion.failures (command_tag, sqlstate, step)
    VALUES (tag, state, substring(context FROM 'function gitversion\.[a-z_]+\([^)]*\) line [0-9]+'))
$$;

-- Run as whoever changes the schema, who needs no right but to call what is above. Nothing that goes
-- wrong here, bar a cancelled statement, reaches the statement.
CREATE FUNCTION gitversion.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state text;
    context text;
BEGIN
    PERFORM gitversion.record_commands(current_user::text, tg_tag);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, context = PG_EXCEPTION_CONTEXT;
    RAISE WARNING 'pg_gitversion could not record this % (SQLSTATE %)', tg_tag, state
        USING HINT = 'The statement is done. See gitversion.failures.';
    BEGIN
        PERFORM gitversion.record_failure(tg_tag, state, context);
    EXCEPTION WHEN OTHERS THEN
        NULL;  -- it has been told
    END;
END
$$;

CREATE FUNCTION gitversion.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state text;
    context text;
BEGIN
    PERFORM gitversion.record_drops(current_user::text, tg_tag);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, context = PG_EXCEPTION_CONTEXT;
    RAISE WARNING 'pg_gitversion could not record what this % dropped (SQLSTATE %)', tg_tag, state
        USING HINT = 'The statement is done. See gitversion.failures.';
    BEGIN
        PERFORM gitversion.record_failure(tg_tag, state, context);
    EXCEPTION WHEN OTHERS THEN
        NULL;  -- it has been told
    END;
END
$$;

------------------------------------------------------------------------------------ reading

-- The objects that somebody means by a name: as SQL writes it, or as it is.
CREATE FUNCTION gitversion._named(name text) RETURNS SETOF gitversion.objects
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM gitversion.objects o
    WHERE name IN (o.full_name, o.object_identity, o.schema_name || '.' || o.object_name,
        array_to_string(o.address_names, '.'))
    ORDER BY o.is_active DESC, o.id
$$;

CREATE FUNCTION gitversion.get_version(p_object_name text)
RETURNS TABLE (
    object_type gitversion.object_type, full_name text, version int, version_string text,
    metadata jsonb, updated_at timestamptz
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.object_type, o.full_name, o.version,
        format('%s.%s.%s', o.version_major, o.version_minor, o.version_patch),
        o.metadata, o.updated_at
    FROM gitversion._named(p_object_name) o
    WHERE o.is_active
$$;

CREATE FUNCTION gitversion.get_history(p_object_name text, p_limit int DEFAULT 10)
RETURNS TABLE (
    change_type gitversion.change_type, change_severity gitversion.change_severity,
    old_version int, new_version int, change_description text, created_at timestamptz,
    created_by text, login_role text, application_name text, client_address text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.change_type, h.change_severity, h.old_version, h.new_version, h.change_description,
        h.created_at, h.created_by, h.login_role, h.application_name, h.client_address
    FROM gitversion._named(p_object_name) o
    JOIN gitversion.history h ON h.object_id = o.id
    ORDER BY h.id DESC
    LIMIT p_limit
$$;

CREATE FUNCTION gitversion.get_recent_changes(p_limit int DEFAULT 50)
RETURNS TABLE (
    object_type gitversion.object_type, full_name text, change_type gitversion.change_type,
    change_severity gitversion.change_severity, change_description text, created_at timestamptz,
    created_by text, login_role text, application_name text, client_address text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.object_type, o.full_name, h.change_type, h.change_severity, h.change_description,
        h.created_at, h.created_by, h.login_role, h.application_name, h.client_address
    FROM gitversion.history h
    JOIN gitversion.objects o ON o.id = h.object_id
    ORDER BY h.id DESC
    LIMIT p_limit
$$;

-- What depends on an object now, by the catalog, near things first: what DROP ... CASCADE would take.
CREATE FUNCTION gitversion.get_impact_analysis(p_object_name text)
RETURNS TABLE (
    level int, object_type text, object_name text, dependency_type text, impact_description text,
    impact text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE reached (level, class, object, subid, deptype) AS (
        SELECT 0, o.class_oid, o.object_oid, o.object_subid, 'n'::"char"
        FROM gitversion._named(p_object_name) o
        WHERE o.is_active AND o.object_oid IS NOT NULL
        UNION
        SELECT r.level + 1,
            CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END,
            coalesce(w.ev_class, d.objid),
            CASE WHEN w.oid IS NULL THEN d.objsubid ELSE 0 END, d.deptype
        FROM reached r
        JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.object
            AND (r.subid = 0 OR d.refobjsubid = r.subid) AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
        LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        WHERE r.level < 12
            AND (coalesce(w.ev_class, d.objid), d.objsubid) <> (r.object, r.subid)
    ), nearest AS (
        SELECT DISTINCT ON (r.class, r.object, r.subid) r.*
        FROM reached r WHERE r.level > 0
        ORDER BY r.class, r.object, r.subid, r.level
    )
    SELECT n.level, i.type, i.identity,
        CASE
            WHEN EXISTS (SELECT FROM pg_constraint c
                WHERE n.class = 'pg_constraint'::regclass AND c.oid = n.object AND c.contype = 'f')
            THEN 'foreign_key'
            WHEN i.type IN ('view', 'materialized view') THEN 'view'
            ELSE 'generic'
        END,
        CASE WHEN n.deptype = 'n'
            THEN format('%s %s stands in the way of a DROP; CASCADE takes it too', i.type, i.identity)
            ELSE format('%s %s goes with it', i.type, i.identity)
        END,
        CASE WHEN n.deptype = 'n' THEN 'CASCADE' ELSE 'AUTOMATIC' END
    FROM nearest n
    CROSS JOIN LATERAL pg_identify_object(n.class, n.object, n.subid) i
    WHERE i.schema IS DISTINCT FROM 'pg_toast'
        AND NOT EXISTS (
            SELECT FROM pg_type t
            WHERE n.class = 'pg_type'::regclass AND t.oid = n.object
                AND (t.typrelid <> 0 OR t.typcategory = 'A')
        )
    ORDER BY n.level, i.type, i.identity
$$;

CREATE VIEW gitversion.object_versions AS
SELECT o.object_type, o.full_name, o.version,
    format('%s.%s.%s', o.version_major, o.version_minor, o.version_patch) AS version_string,
    o.is_active, o.created_at, o.updated_at
FROM gitversion.objects o;

CREATE VIEW gitversion.recent_changes AS SELECT * FROM gitversion.get_recent_changes(100);

CREATE VIEW gitversion.pending_migrations AS
SELECT m.version, m.description, m.created_at, m.up_script
FROM gitversion.migrations m
WHERE m.applied_at IS NULL;

CREATE VIEW gitversion.dependency_graph AS
SELECT d.full_name AS dependent, d.object_type AS dependent_type, r.full_name AS depends_on,
    r.object_type AS depends_on_type, g.dependency_type
FROM gitversion.dependencies g
JOIN gitversion.objects d ON d.id = g.dependent_id
JOIN gitversion.objects r ON r.id = g.depends_on_id;

-- Fills `dependencies` anew from the catalog. Nobody keeps it up to date: ask before you read it.
CREATE FUNCTION gitversion.detect_foreign_keys() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found int;
BEGIN
    DELETE FROM gitversion.dependencies;
    INSERT INTO gitversion.dependencies (dependent_id, depends_on_id, dependency_type, metadata)
    SELECT d.id, r.id, 'foreign_key', jsonb_object_agg(c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c
    JOIN gitversion.objects d ON d.class_oid = 'pg_class'::regclass AND d.object_oid = c.conrelid
        AND d.object_subid = 0 AND d.is_active
    JOIN gitversion.objects r ON r.class_oid = 'pg_class'::regclass AND r.object_oid = c.confrelid
        AND r.object_subid = 0 AND r.is_active
    WHERE c.contype = 'f'
    GROUP BY d.id, r.id;
    GET DIAGNOSTICS found = ROW_COUNT;
    RETURN found;
END
$$;

-- What changed since the last migration that declares a sync point; since the install without one.
-- What the latest one holds is synced, whenever it was recorded; one that was put in by hand holds
-- what was recorded before it. What was dropped since then is shown until the next sync point.
CREATE VIEW gitversion.schema_sync_status AS
WITH sync AS (
    SELECT m.id, m.version, m.is_generated, coalesce(m.applied_at, m.created_at) AS at
    FROM gitversion.migrations m
    WHERE m.version ~ (SELECT c.value FROM gitversion.config c WHERE c.name = 'sync_rule')
    ORDER BY coalesce(m.applied_at, m.created_at) DESC, m.id DESC
    LIMIT 1
), changed AS (
    SELECT DISTINCT ON (h.object_id) h.object_id, h.change_type, h.created_by, h.recorded_at
    FROM gitversion.history h
    LEFT JOIN sync s ON true
    WHERE s.id IS NULL OR CASE WHEN s.is_generated
        THEN NOT EXISTS (SELECT FROM gitversion.migration_changes c
            WHERE c.history_id = h.id AND c.migration_id <= s.id)
        ELSE h.recorded_at > s.at
    END
    ORDER BY h.object_id, h.id DESC
)
SELECT o.object_type, o.full_name, o.version, o.updated_at,
    CASE WHEN c.object_id IS NULL THEN 'SYNCED' ELSE 'NEEDS SYNC' END AS sync_status,
    c.change_type AS last_change, c.created_by AS changed_by, s.version AS synced_by,
    s.at AS synced_at
FROM gitversion.objects o
LEFT JOIN changed c ON c.object_id = o.id
LEFT JOIN sync s ON true
WHERE o.is_active OR c.object_id IS NOT NULL
ORDER BY c.object_id IS NULL, o.updated_at DESC, o.full_name;

------------------------------------------------------------------------------------ migrations

-- A comment of one line, whatever is in a name: what follows a line break would be run.
CREATE FUNCTION gitversion._note(words text, VARIADIC names text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '-- ' || regexp_replace(format(words, VARIADIC names), E'[\\r\\n]+', ' ', 'g')
$$;

-- One column as CREATE TABLE and ADD COLUMN take it.
CREATE FUNCTION gitversion._column_sql(name text, state jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(' ', name, state->>'type', 'COLLATE ' || (state->>'collation'),
        CASE
            WHEN state ? 'generated' THEN format('GENERATED ALWAYS AS (%s) %s', state->>'default',
                CASE state->>'generated' WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END)
            WHEN state ? 'default' THEN 'DEFAULT ' || (state->>'default')
            WHEN state ? 'identity' THEN format('GENERATED %s AS IDENTITY',
                CASE state->>'identity' WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END)
        END,
        CASE WHEN state->'nullable' = 'false' THEN 'NOT NULL' END)
$$;

CREATE FUNCTION gitversion._table_sql(name text, state jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'CREATE ' || CASE WHEN state->>'persistence' = 'u' THEN 'UNLOGGED ' ELSE '' END
        || CASE WHEN state ? 'server' THEN 'FOREIGN ' ELSE '' END || 'TABLE ' || name
        || CASE WHEN state ? 'partition_bound'
            THEN format(' PARTITION OF %s %s', state->'parents'->>0, state->>'partition_bound')
            ELSE coalesce(E' (\n    ' || (
                SELECT string_agg(line, E',\n    ' ORDER BY first, place, line) FROM (
                    SELECT 1 AS first, (c.value->>'position')::int AS place,
                        gitversion._column_sql(quote_ident(c.key), c.value) AS line
                    FROM jsonb_each(state->'columns') c
                    UNION ALL
                    SELECT 2, 0, format('CONSTRAINT %I %s', c.key, c.value)
                    FROM jsonb_each_text(state->'constraints') c
                ) lines
            ) || E'\n)', ' ()')
            || coalesce(' INHERITS (' || (SELECT string_agg(p, ', ')
                FROM jsonb_array_elements_text(state->'parents') p) || ')', '')
        END
        || coalesce(' PARTITION BY ' || (state->>'partition_key'), '')
        || coalesce(' USING ' || quote_ident(state->>'access_method'), '')
        || coalesce(' WITH (' || (SELECT string_agg(o, ', ')
            FROM jsonb_array_elements_text(state->'options') o) || ')', '')
        || coalesce(' SERVER ' || quote_ident(state->>'server'), '') || ';'
        || CASE WHEN state ? 'fdw_options' THEN E'\n-- not written: the values of its options, which may be secrets and are not kept' ELSE '' END
        || CASE WHEN state ? 'row_security'
            THEN format(E'\nALTER TABLE %s ENABLE ROW LEVEL SECURITY;', name) ELSE '' END
        || CASE WHEN state ? 'force_row_security'
            THEN format(E'\nALTER TABLE %s FORCE ROW LEVEL SECURITY;', name) ELSE '' END
        || coalesce((SELECT string_agg(format(E'\nALTER SEQUENCE %s OWNED BY %s.%I;',
            s.key, name, s.value), '') FROM jsonb_each_text(state->'sequences') s), '')
$$;

CREATE FUNCTION gitversion._type_sql(name text, state jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN state ? 'labels' THEN format('CREATE TYPE %s AS ENUM (%s);', name, (
            SELECT string_agg(quote_literal(l), ', ' ORDER BY i)
            FROM jsonb_array_elements_text(state->'labels') WITH ORDINALITY AS u (l, i)))
        WHEN state ? 'base' THEN concat_ws(' ', 'CREATE DOMAIN', name, 'AS', state->>'base',
            'COLLATE ' || (state->>'collation'), 'DEFAULT ' || (state->>'default'),
            CASE WHEN state ? 'not_null' THEN 'NOT NULL' END,
            (SELECT string_agg(format('CONSTRAINT %I %s', c.key, c.value), ' ')
                FROM jsonb_each_text(state->'constraints') c)) || ';'
        WHEN state ? 'attributes' THEN format('CREATE TYPE %s AS (%s);', name, (
            SELECT string_agg(a, ', ' ORDER BY i)
            FROM jsonb_array_elements_text(state->'attributes') WITH ORDINALITY AS u (a, i)))
        WHEN state ? 'subtype' THEN format('CREATE TYPE %s AS RANGE (SUBTYPE = %s);', name, state->>'subtype')
        WHEN state ? 'shell' THEN format('CREATE TYPE %s;', name)
    END
$$;

-- The words with which SQL speaks of an object: ALTER, DROP, COMMENT ON, GRANT ON this.
CREATE FUNCTION gitversion._words(type text, identity text, names text[], args text[]) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN type = 'COLUMN' THEN format('COLUMN %I.%I.%I', names[1], names[2], names[3])
        WHEN type = 'CONSTRAINT' AND cardinality(names) < 3
        THEN format('CONSTRAINT %I ON DOMAIN %s', args[1], names[1])
        WHEN type IN ('CONSTRAINT', 'TRIGGER', 'POLICY', 'RULE')
        THEN format('%s %I ON %I.%I', type, names[3], names[1], names[2])
        WHEN type = 'USER_MAPPING'
        THEN format('USER MAPPING FOR %I SERVER %I', names[1], args[1])
        ELSE replace(type, '_', ' ') || ' ' || identity
    END
$$;

-- The statements that give and take rights, from one list of them to another; one may be NULL, which
-- stands for what the owner has anyway. `letter` is acldefault's word for the kind.
CREATE FUNCTION gitversion._rights_sql(
    type text, identity text, names text[], owner text, was text, becomes text
) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    letter "char" := CASE type WHEN 'SEQUENCE' THEN 's' WHEN 'SCHEMA' THEN 'n' WHEN 'TYPE' THEN 'T'
        WHEN 'FUNCTION' THEN 'f' WHEN 'PROCEDURE' THEN 'f' WHEN 'AGGREGATE' THEN 'f' ELSE 'r' END;
    target text := CASE WHEN type = 'COLUMN' THEN format('%I.%I', names[1], names[2])
        WHEN letter = 'r' THEN identity
        ELSE CASE type WHEN 'AGGREGATE' THEN 'FUNCTION' ELSE type END || ' ' || identity END;
    role oid := to_regrole(quote_ident(owner));
    defaults aclitem[] := CASE WHEN type <> 'COLUMN' THEN acldefault(letter, role) END;
    written text;
BEGIN
    WITH before AS (
        SELECT grantee, privilege_type, is_grantable
        FROM aclexplode(coalesce(was::aclitem[], defaults))
    ), after AS (
        SELECT grantee, privilege_type, is_grantable
        FROM aclexplode(coalesce(becomes::aclitem[], defaults))
    ), steps AS (
        SELECT 'REVOKE %s%s ON %s FROM %s;' AS form, b.grantee, b.privilege_type, false AS grantable
        FROM (TABLE before EXCEPT TABLE after) b
        UNION ALL
        SELECT 'GRANT %s%s ON %s TO %s%s;', a.grantee, a.privilege_type, a.is_grantable
        FROM (TABLE after EXCEPT TABLE before) a
    )
    SELECT string_agg(format(
        s.form, s.privilege_type, CASE WHEN type = 'COLUMN' THEN format(' (%I)', names[3]) END,
        target, CASE WHEN s.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(s.grantee)) END,
        CASE WHEN s.grantable THEN ' WITH GRANT OPTION' END
    ), E'\n' ORDER BY s.form DESC, s.grantee, s.privilege_type) INTO written
    FROM steps s;
    RETURN written;
EXCEPTION WHEN undefined_object OR invalid_text_representation OR null_value_not_allowed THEN
    RETURN gitversion._note('not written: rights on %s: they name roles that are gone', identity);
END
$$;

-- What brings an object into being, '' where something else does, NULL where it is not known.
CREATE FUNCTION gitversion._create_sql(
    type text, identity text, names text[], args text[], state jsonb
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT made || coalesce(CASE WHEN state ? 'acl' THEN E'\n' || gitversion._rights_sql(
            type, identity, names, state->>'owner', NULL, state->>'acl') END, '')
        || CASE WHEN state ? 'comment' THEN format(E'\nCOMMENT ON %s IS %L;',
            gitversion._words(type, identity, names, args), state->>'comment') ELSE '' END
    FROM (SELECT CASE
        WHEN type IN ('TABLE', 'FOREIGN_TABLE') THEN gitversion._table_sql(identity, state)
        WHEN type = 'TYPE' THEN gitversion._type_sql(identity, state)
        WHEN type = 'COLUMN' THEN CASE WHEN state ? 'inherited' THEN '' ELSE
            format('ALTER TABLE %I.%I ADD COLUMN %s;', names[1], names[2],
                gitversion._column_sql(quote_ident(names[3]), state)) END
        WHEN type = 'SCHEMA' THEN format('CREATE SCHEMA %s;', identity)
        WHEN type = 'SEQUENCE' THEN CASE WHEN state ? 'of_identity' THEN ''
            ELSE format('CREATE SEQUENCE %s %s;', identity, state->>'definition') END
        WHEN type = 'INDEX' THEN
            CASE WHEN state ? 'constraint' OR state ? 'parent' THEN ''
                ELSE replace(state->>'definition', format(' ON ONLY %s ', state->>'table'),
                    format(' ON %s ', state->>'table')) || ';' END
        WHEN type = 'CONSTRAINT' THEN CASE
            WHEN state ? 'inherited' OR state->>'type' = 'n' THEN ''
            ELSE format('ALTER %s ADD CONSTRAINT %I %s;',
                CASE WHEN state ? 'domain' THEN 'DOMAIN ' || (state->>'domain')
                    ELSE format('TABLE %I.%I', names[1], names[2]) END,
                coalesce(names[3], args[1]), state->>'definition') END
        WHEN type IN ('VIEW', 'MATERIALIZED_VIEW') THEN
            format(E'CREATE %s%s %s%s AS\n%s', CASE type WHEN 'VIEW' THEN 'OR REPLACE ' END,
                replace(type, '_', ' '), identity,
                ' WITH (' || (SELECT string_agg(o, ', ')
                    FROM jsonb_array_elements_text(state->'options') o) || ')', state->>'definition')
        WHEN type = 'TRIGGER' THEN (state->>'definition') || ';' || CASE WHEN state ? 'enabled'
            THEN format(E'\nALTER TABLE %I.%I %s TRIGGER %I;', names[1], names[2],
                CASE state->>'enabled' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                    ELSE 'ENABLE ALWAYS' END, names[3]) ELSE '' END
        WHEN type = 'RULE' THEN state->>'definition'
        WHEN type = 'EXTENSION' THEN
            format('CREATE EXTENSION %s SCHEMA %s VERSION %L;', identity, state->>'schema', state->>'version')
        WHEN state ? 'definition' THEN rtrim(state->>'definition', E'\n') || ';'
    END) m (made)
$$;

CREATE FUNCTION gitversion._drop_sql(
    type text, identity text, names text[], args text[], state jsonb
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN type IN ('OTHER', 'DEFAULT_PRIVILEGES') THEN NULL
        WHEN type = 'COLUMN' AND state ? 'inherited' THEN ''
        WHEN type = 'COLUMN'
        THEN format('ALTER TABLE %I.%I DROP COLUMN %I;', names[1], names[2], names[3])
        WHEN state ? 'constraint' OR state ? 'parent' OR state ? 'of_identity' OR state ? 'inherited'
            OR type = 'CONSTRAINT' AND state->>'type' = 'n' THEN ''
        WHEN type = 'CONSTRAINT' THEN format('ALTER %s DROP CONSTRAINT %I;',
            CASE WHEN state ? 'domain' THEN 'DOMAIN ' || (state->>'domain')
                ELSE format('TABLE %I.%I', names[1], names[2]) END, coalesce(names[3], args[1]))
        WHEN state ? 'owned_by' THEN format('DROP SEQUENCE IF EXISTS %s;', identity)
        ELSE format('DROP %s;', gitversion._words(type, identity, names, args))
    END
$$;

CREATE FUNCTION gitversion._rename_sql(
    type text, identity text, was text[], becomes text[], old_name text
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN type IN ('COLUMN', 'CONSTRAINT') AND cardinality(becomes) = 3
        THEN format('ALTER TABLE %I.%I RENAME %s %I TO %I;',
            becomes[1], becomes[2], type, was[3], becomes[3])
        WHEN type IN ('TRIGGER', 'POLICY', 'RULE')
        THEN format('ALTER %s %I ON %I.%I RENAME TO %I;',
            type, was[3], becomes[1], becomes[2], becomes[3])
        WHEN cardinality(was) = 1 THEN format('ALTER %s %I RENAME TO %I;',
            replace(type, '_', ' '), was[1], becomes[1])
        WHEN was[1] <> becomes[1] THEN format('ALTER %s %s SET SCHEMA %I;',
            replace(type, '_', ' '), old_name, becomes[1])
        ELSE format('ALTER %s %s RENAME TO %I;', replace(type, '_', ' '), old_name, becomes[2])
    END
$$;

CREATE FUNCTION gitversion._alter_column_sql(names text[], was jsonb, becomes jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('ALTER TABLE %I.%I ALTER COLUMN %I %s;',
        names[1], names[2], names[3], step), E'\n' ORDER BY place)
    FROM (VALUES
        (1, CASE WHEN was->>'default' IS NOT NULL AND NOT was ? 'generated'
            AND was->'default' IS DISTINCT FROM becomes->'default' THEN 'DROP DEFAULT' END),
        (2, CASE WHEN was->>'generated' = 's' AND NOT becomes ? 'generated'
            THEN 'DROP EXPRESSION' END),
        (3, CASE WHEN was ? 'identity' AND NOT becomes ? 'identity' THEN 'DROP IDENTITY' END),
        (4, CASE WHEN was->'type' IS DISTINCT FROM becomes->'type'
                OR was->'collation' IS DISTINCT FROM becomes->'collation'
            THEN concat_ws(' ', 'TYPE', becomes->>'type', 'COLLATE ' || (becomes->>'collation'),
                format('USING %I::%s', names[3], becomes->>'type')) END),
        (5, CASE WHEN was->'nullable' IS DISTINCT FROM becomes->'nullable'
            THEN CASE WHEN becomes->'nullable' = 'true' THEN 'DROP NOT NULL'
                ELSE 'SET NOT NULL' END END),
        (6, CASE WHEN becomes->>'default' IS NOT NULL AND NOT becomes ? 'generated'
            AND was->'default' IS DISTINCT FROM becomes->'default'
            THEN 'SET DEFAULT ' || (becomes->>'default') END),
        (7, CASE WHEN becomes ? 'identity' AND was->'identity' IS DISTINCT FROM becomes->'identity'
            THEN CASE WHEN was ? 'identity' THEN 'SET' ELSE 'ADD' END || ' GENERATED '
                || CASE becomes->>'identity' WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
                || CASE WHEN was ? 'identity' THEN '' ELSE ' AS IDENTITY' END END),
        (8, CASE WHEN was->'statistics' IS DISTINCT FROM becomes->'statistics'
            THEN format('SET STATISTICS %s', coalesce(becomes->>'statistics', '-1')) END),
        (9, CASE WHEN becomes ? 'storage' AND was->'storage' IS DISTINCT FROM becomes->'storage'
            THEN 'SET STORAGE ' || CASE becomes->>'storage' WHEN 'p' THEN 'PLAIN'
                WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END END)
    ) s (place, step)
    WHERE step IS NOT NULL
$$;

-- What an enum got more: labels are added one by one, each before the one that follows it.
CREATE FUNCTION gitversion._labels_sql(identity text, was jsonb, becomes jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM jsonb_array_elements(was) w WHERE NOT becomes @> w)
        THEN gitversion._note('not undone: a value of %s cannot be taken away', identity)
        ELSE (
            SELECT string_agg(format('ALTER TYPE %s ADD VALUE %L%s;', identity, n.label,
                coalesce(' BEFORE ' || quote_literal((
                    SELECT k.label
                    FROM jsonb_array_elements_text(becomes) WITH ORDINALITY AS k (label, i)
                    WHERE k.i > n.i AND was ? k.label ORDER BY k.i LIMIT 1)), '')), E'\n' ORDER BY n.i)
            FROM jsonb_array_elements_text(becomes) WITH ORDINALITY AS n (label, i)
            WHERE NOT was ? n.label
        )
    END
$$;

-- What changes a domain, or the attributes of a composite type. One that was renamed looks as one that
-- went and one that came, which would lose what it holds: so that is not written.
CREATE FUNCTION gitversion._alter_type_sql(identity text, was jsonb, becomes jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN was ? 'base' AND was - '{oid,owner,acl,comment,constraints,default,not_null}'::text[]
            = becomes - '{oid,owner,acl,comment,constraints,default,not_null}'::text[]
        THEN concat_ws(E'\n',
            CASE WHEN was->'default' IS DISTINCT FROM becomes->'default'
                THEN format('ALTER DOMAIN %s %s;', identity,
                    coalesce('SET DEFAULT ' || (becomes->>'default'), 'DROP DEFAULT')) END,
            CASE WHEN was ? 'not_null' <> (becomes ? 'not_null')
                THEN format('ALTER DOMAIN %s %s NOT NULL;', identity,
                    CASE WHEN becomes ? 'not_null' THEN 'SET' ELSE 'DROP' END) END)
        WHEN a.came IS NOT NULL AND a.went IS NOT NULL OR NOT was ? 'attributes'
            OR a.kept || coalesce(a.came, '[]') <> becomes->'attributes'
        THEN gitversion._note('not written: ALTER TYPE %s: to add and drop attributes does not lead'
            ' there, or would lose what one holds that was renamed', identity)
        ELSE (
            SELECT string_agg(format('ALTER TYPE %s %s;', identity, w.words), E'\n')
            FROM (
                SELECT 'ADD ATTRIBUTE ' || c FROM jsonb_array_elements_text(a.came) c
                UNION ALL
                SELECT 'DROP ATTRIBUTE ' || substring(g FROM '^("(?:[^"]|"")*"|[^ ]+)')
                FROM jsonb_array_elements_text(a.went) g
            ) w (words)
        )
    END
    FROM (
        SELECT
            (SELECT jsonb_agg(x ORDER BY i) FROM jsonb_array_elements(becomes->'attributes')
                WITH ORDINALITY AS u (x, i) WHERE NOT (was->'attributes') @> x) AS came,
            (SELECT jsonb_agg(x ORDER BY i) FROM jsonb_array_elements(was->'attributes')
                WITH ORDINALITY AS u (x, i) WHERE NOT (becomes->'attributes') @> x) AS went,
            coalesce((SELECT jsonb_agg(x ORDER BY i) FROM jsonb_array_elements(was->'attributes')
                WITH ORDINALITY AS u (x, i) WHERE (becomes->'attributes') @> x), '[]') AS kept
    ) a
$$;

-- Why a change is not there as a statement.
CREATE FUNCTION gitversion._not_written(h gitversion.history, type text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT gitversion._note('not written: %s on %s %s: %s', h.command_tag, h.object_kind,
        h.object_identity, CASE
            WHEN h.command_tag = 'ALTER EXTENSION' AND type <> 'EXTENSION'
            THEN 'it joined an extension or left it, and which is not kept'
            WHEN type IN ('SERVER', 'FOREIGN_DATA_WRAPPER', 'FOREIGN_TABLE', 'USER_MAPPING',
                'SUBSCRIPTION')
            THEN 'its options may hold secrets and are not kept'
            WHEN type = 'DEFAULT_PRIVILEGES' THEN 'rights on what is still to come are not written'
            WHEN h.change_type IN ('CREATE', 'DROP') THEN 'no definition of this kind is kept'
            ELSE 'what it changed is not kept as a statement'
        END)
$$;

-- What leads from one description of an object to another; NULL where that is not known.
CREATE FUNCTION gitversion._alter_sql(
    type text, identity text, names text[], args text[], was jsonb, becomes jsonb
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN was - 'oid' = becomes - 'oid' THEN NULL ELSE concat_ws(E'\n',
        CASE
            WHEN type = 'COLUMN' THEN CASE WHEN NOT becomes ? 'inherited'
                THEN gitversion._alter_column_sql(names, was, becomes) END
            WHEN type = 'TYPE' AND was->'labels' <> becomes->'labels'
            THEN gitversion._labels_sql(identity, was->'labels', becomes->'labels')
            WHEN type = 'TYPE' AND was - '{oid,owner,acl,comment,constraints}'::text[]
                <> becomes - '{oid,owner,acl,comment,constraints}'::text[]
            THEN gitversion._alter_type_sql(identity, was, becomes)
            WHEN type = 'TYPE' THEN NULL
            WHEN type = 'SEQUENCE' AND was->>'definition' <> becomes->>'definition'
            THEN CASE WHEN NOT becomes ? 'of_identity'
                THEN format('ALTER SEQUENCE %s %s;', identity, becomes->>'definition') END
            WHEN type IN ('TABLE', 'FOREIGN_TABLE', 'SCHEMA') THEN NULL
            WHEN type = 'VIEW' AND was - '{oid,owner,acl,comment}'::text[]
                <> becomes - '{oid,owner,acl,comment}'::text[]
            THEN CASE WHEN becomes->'columns' @> (was->'columns')
                THEN gitversion._create_sql(
                    type, identity, names, args, becomes - '{acl,comment}'::text[])
                ELSE format(E'DROP VIEW %s;\n', identity)
                    || gitversion._create_sql(type, identity, names, args, becomes) END
            WHEN type IN ('FUNCTION', 'PROCEDURE') AND was->>'definition' <> becomes->>'definition'
            THEN rtrim(becomes->>'definition', E'\n') || ';'
            WHEN was - '{oid,owner,acl,comment,enabled}'::text[]
                <> becomes - '{oid,owner,acl,comment,enabled}'::text[]
            THEN gitversion._drop_sql(type, identity, names, args, was) || E'\n'
                || gitversion._create_sql(type, identity, names, args, becomes)
        END,
        CASE WHEN type = 'SEQUENCE' AND was->'owned_by' IS DISTINCT FROM becomes->'owned_by'
            THEN format('ALTER SEQUENCE %s OWNED BY %s;',
                identity, coalesce(becomes->>'owned_by', 'NONE')) END,
        CASE WHEN type = 'TRIGGER' AND was->'enabled' IS DISTINCT FROM becomes->'enabled'
            THEN format('ALTER TABLE %I.%I %s TRIGGER %I;', names[1], names[2],
                CASE becomes->>'enabled' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                    WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, names[3]) END,
        CASE WHEN was->'row_security' IS DISTINCT FROM becomes->'row_security'
            THEN format('ALTER TABLE %s %s ROW LEVEL SECURITY;', identity,
                CASE WHEN becomes ? 'row_security' THEN 'ENABLE' ELSE 'DISABLE' END) END,
        CASE WHEN was->'force_row_security' IS DISTINCT FROM becomes->'force_row_security'
            THEN format('ALTER TABLE %s %s ROW LEVEL SECURITY;', identity,
                CASE WHEN becomes ? 'force_row_security' THEN 'FORCE' ELSE 'NO FORCE' END) END,
        CASE WHEN type = 'TABLE' AND was->'persistence' IS DISTINCT FROM becomes->'persistence'
            THEN format('ALTER TABLE %s SET %s;', identity,
                CASE WHEN becomes ? 'persistence' THEN 'UNLOGGED' ELSE 'LOGGED' END) END,
        CASE WHEN type = 'TABLE' AND was->'partition_bound' IS DISTINCT FROM becomes->'partition_bound'
            THEN concat_ws(E'\n',
                CASE WHEN was ? 'partition_bound' THEN format('ALTER TABLE %s DETACH PARTITION %s;',
                    was->'parents'->>0, identity) END,
                CASE WHEN becomes ? 'partition_bound'
                    THEN format('ALTER TABLE %s ATTACH PARTITION %s %s;',
                        becomes->'parents'->>0, identity, becomes->>'partition_bound') END) END,
        CASE WHEN type IN ('TABLE', 'INDEX', 'MATERIALIZED_VIEW')
            AND was->'options' IS DISTINCT FROM becomes->'options'
            THEN concat_ws(E'\n',
                (SELECT format('ALTER %s %s RESET (%s);', replace(type, '_', ' '), identity,
                    string_agg(split_part(o, '=', 1), ', '))
                FROM jsonb_array_elements_text(was->'options') o HAVING count(*) > 0),
                (SELECT format('ALTER %s %s SET (%s);', replace(type, '_', ' '), identity,
                    string_agg(o, ', '))
                FROM jsonb_array_elements_text(becomes->'options') o HAVING count(*) > 0)) END,
        CASE WHEN was->'owner' IS DISTINCT FROM becomes->'owner'
            THEN format('ALTER %s OWNER TO %I;',
                gitversion._words(type, identity, names, args), becomes->>'owner') END,
        CASE WHEN was->'acl' IS DISTINCT FROM becomes->'acl' AND type <> 'DEFAULT_PRIVILEGES'
            THEN gitversion._rights_sql(type, identity, names,
                coalesce(becomes->>'owner', was->>'owner'), was->>'acl', becomes->>'acl') END,
        CASE WHEN was->'comment' IS DISTINCT FROM becomes->'comment'
            THEN format('COMMENT ON %s IS %L;',
                gitversion._words(type, identity, names, args), becomes->>'comment') END
    ) END
$$;

-- One row of history as statements: forwards, or back. Where they are not known, a comment says so.
CREATE FUNCTION gitversion._step_sql(h gitversion.history, forward boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    type text := (SELECT o.object_type::text FROM gitversion.objects o WHERE o.id = h.object_id);
    comes boolean := h.change_type = 'CREATE' AND forward OR h.change_type = 'DROP' AND NOT forward;
    goes boolean := h.change_type = 'DROP' AND forward OR h.change_type = 'CREATE' AND NOT forward;
    was jsonb := CASE WHEN forward THEN h.old_metadata ELSE h.new_metadata END;
    becomes jsonb := CASE WHEN forward THEN h.new_metadata ELSE h.old_metadata END;
    old_names text[];
    written text;
BEGIN
    IF h.came_along AND (forward OR h.change_type = 'RENAME')
        OR h.object_kind LIKE '%view column' AND h.change_type IN ('CREATE', 'ALTER', 'DROP')
    THEN
        RETURN '';  -- what is said of another object does it
    ELSIF h.command_tag = 'ALTER EXTENSION' AND type <> 'EXTENSION' THEN
        RETURN gitversion._not_written(h, type);
    ELSIF h.change_type = 'COMMENT' AND h.old_metadata = h.new_metadata THEN
        RETURN '';  -- what was said already
    ELSIF comes THEN
        written := gitversion._create_sql(
            type, h.object_identity, h.address_names, h.address_args, coalesce(becomes, '{}'));
        IF NOT forward AND type IN ('TABLE', 'COLUMN', 'MATERIALIZED_VIEW', 'SEQUENCE') THEN
            written := gitversion._note('not undone: what %s held is gone', h.object_identity)
                || coalesce(E'\n' || written, '');
        END IF;
    ELSIF goes THEN
        written := gitversion._drop_sql(
            type, h.object_identity, h.address_names, h.address_args, coalesce(was, '{}'));
        IF forward AND EXISTS (
            SELECT FROM gitversion.history o JOIN gitversion.objects k ON k.id = o.object_id
            WHERE o.recorded_at = h.recorded_at AND o.transaction_id = h.transaction_id
                AND o.came_along AND k.object_type NOT IN ('INDEX', 'TRIGGER', 'SEQUENCE')
        ) THEN
            written := rtrim(written, ';') || ' CASCADE;';
        END IF;
    ELSIF h.change_type = 'RENAME' THEN
        old_names := CASE WHEN cardinality(h.address_names) = 1 AND type <> 'TYPE'
            THEN parse_ident(h.old_name)
            ELSE parse_ident(h.old_name, false) END;
        written := CASE
            WHEN type = 'TYPE' THEN gitversion._rename_sql(type, h.object_identity,
                CASE WHEN forward THEN old_names ELSE parse_ident(h.object_identity) END,
                CASE WHEN forward THEN parse_ident(h.object_identity) ELSE old_names END,
                CASE WHEN forward THEN h.old_name ELSE h.object_identity END)
            ELSE gitversion._rename_sql(type, h.object_identity,
                CASE WHEN forward THEN old_names ELSE h.address_names END,
                CASE WHEN forward THEN h.address_names ELSE old_names END,
                CASE WHEN forward THEN h.old_name ELSE h.object_identity END)
        END;
    ELSE
        written := gitversion._alter_sql(type, h.object_identity, h.address_names, h.address_args,
            coalesce(was, '{}'), coalesce(becomes, '{}'));
        IF NOT forward AND type = 'TYPE' AND written LIKE 'ALTER TYPE % ADD ATTRIBUTE %' THEN
            written := gitversion._note(
                'not undone: what attributes of %s held is gone', h.object_identity)
                || E'\n' || written;
        END IF;
    END IF;
    IF written IS NULL AND h.change_type = 'ALTER' AND EXISTS (
        SELECT FROM gitversion.history o
        WHERE o.recorded_at = h.recorded_at AND o.transaction_id = h.transaction_id AND o.id <> h.id
    ) THEN
        RETURN '';
    END IF;
    RETURN coalesce(written, gitversion._not_written(h, type));
END
$$;

-- Writes what was recorded since the last migration as one: how to get there, and back. Nothing is
-- marked as applied: that is for apply_migration to say. With a schema, only what is in it.
-- Returns the version.
CREATE FUNCTION gitversion.generate_migration(
    p_version text DEFAULT NULL, p_description text DEFAULT NULL, p_schema_name text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    named text := coalesce(p_version, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'));
    changes int[];
    ups text;
    downs text;
    made int;
BEGIN
    IF EXISTS (SELECT FROM gitversion.migrations m WHERE m.version = named) THEN
        RAISE EXCEPTION 'there is a migration % already', named
            USING ERRCODE = 'unique_violation', HINT = 'Choose another version, or none.';
    END IF;
    SELECT array_agg(h.id ORDER BY h.id) INTO changes
    FROM gitversion.history h JOIN gitversion.objects o ON o.id = h.object_id
    WHERE (p_schema_name IS NULL OR o.schema_name = p_schema_name
            OR (o.object_type = 'SCHEMA' AND o.address_names[1] = p_schema_name))
        AND NOT EXISTS (SELECT FROM gitversion.migration_changes c WHERE c.history_id = h.id);
    SELECT
        string_agg(nullif(gitversion._step_sql(h, true), ''), E'\n' ORDER BY h.id),
        string_agg(nullif(gitversion._step_sql(h, false), ''), E'\n' ORDER BY h.id DESC)
    INTO ups, downs
    FROM gitversion.history h WHERE h.id = ANY (changes);
    ups := coalesce(ups, '-- nothing was recorded since the last migration') || E'\n';
    downs := coalesce(downs, '-- nothing was recorded since the last migration') || E'\n';
    INSERT INTO gitversion.migrations (
        version, description, up_script, down_script, checksum, is_generated
    ) VALUES (named, p_description, ups, downs, md5(ups), true)
    RETURNING id INTO made;
    INSERT INTO gitversion.migration_changes (history_id, migration_id)
    SELECT u.id, made FROM unnest(changes) AS u (id);
    RETURN named;
END
$$;

-- Runs a migration as whoever calls, in the caller's transaction, and stamps it. One that was written
-- here from what was recorded here is in place already: it is stamped only.
CREATE FUNCTION gitversion.apply_migration(p_version text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    it gitversion.migrations;
    began timestamptz := pg_catalog.clock_timestamp();
BEGIN
    SELECT * INTO it FROM gitversion.migrations m WHERE m.version = p_version FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no migration %', p_version
            USING HINT = 'gitversion.pending_migrations lists those that wait.';
    ELSIF it.applied_at IS NOT NULL THEN
        RAISE EXCEPTION 'migration % was applied at % already', p_version, it.applied_at;
    ELSIF it.is_generated THEN
        RAISE NOTICE 'migration % was written here from what was done here: nothing to run', p_version;
    ELSE
        EXECUTE it.up_script;
    END IF;
    UPDATE gitversion.migrations m SET
        applied_at = pg_catalog.clock_timestamp(), applied_by = current_user,
        execution_time_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - began) * 1000)::int
    WHERE m.id = it.id;
END
$$;

------------------------------------------------------------------------------------ start

-- Captures what there is and begins to record. ALWAYS: a session that calls itself a replica changes
-- this database's schema as well.
CREATE FUNCTION gitversion.start() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO gitversion.config AS c VALUES
        ('version', '1.0'),
        ('installed_at', clock_timestamp()::text),
        ('keep_sql', 'off'),
        ('notify', 'auto'),
        ('sync_rule', '(^|[_-])(baseline|reconcile|sync)([_-]|$)')
    ON CONFLICT (name) DO NOTHING;
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'gitversion_drop_trigger') THEN
        CREATE EVENT TRIGGER gitversion_drop_trigger ON sql_drop
            EXECUTE FUNCTION gitversion.on_drop();
        ALTER EVENT TRIGGER gitversion_drop_trigger ENABLE ALWAYS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'gitversion_ddl_trigger') THEN
        CREATE EVENT TRIGGER gitversion_ddl_trigger ON ddl_command_end
            EXECUTE FUNCTION gitversion.on_ddl();
        ALTER EVENT TRIGGER gitversion_ddl_trigger ENABLE ALWAYS;
    END IF;
    RETURN gitversion.capture();
END
$$;

-- Everybody must reach what the event triggers call; nobody but the owner anything else.
GRANT USAGE ON SCHEMA gitversion TO PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gitversion FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    gitversion.record_commands(text, text), gitversion.record_drops(text, text),
    gitversion.record_failure(text, text, text), gitversion._named(text),
    gitversion.get_version(text), gitversion.get_history(text, int),
    gitversion.get_recent_changes(int), gitversion.get_impact_analysis(text)
    TO PUBLIC;

DO $$
DECLARE
    is_extension boolean := EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            AND d.objid = 'gitversion'::pg_catalog.regnamespace AND d.deptype = 'e'
    );
    -- What replays a dump says this first. It brings the rows, and the event triggers as the last
    -- thing of all: what is recorded while it runs would stand in their way.
    is_replay boolean := pg_catalog.current_setting('row_security') = 'off'
        OR pg_catalog.current_setting('application_name') = 'pg_restore';
    name text;
BEGIN
    IF NOT is_extension THEN
        PERFORM gitversion.start();
        RETURN;
    END IF;
    FOREACH name IN ARRAY ARRAY['objects', 'history', 'migrations', 'dependencies', 'failures'] LOOP
        PERFORM pg_catalog.pg_extension_config_dump(
            ('gitversion.' || name || '_id_seq')::pg_catalog.regclass, '');
        PERFORM pg_catalog.pg_extension_config_dump(
            ('gitversion.' || name)::pg_catalog.regclass, '');
    END LOOP;
    PERFORM pg_catalog.pg_extension_config_dump('gitversion.migration_changes', '');
    PERFORM pg_catalog.pg_extension_config_dump('gitversion.config', '');
    IF is_replay THEN
        RAISE WARNING 'pg_gitversion is being restored: its rows and its event triggers are to come'
            USING HINT = 'If it is not, call gitversion.start().';
        RETURN;
    END IF;
    PERFORM gitversion.start();
    -- No members of the extension, so that a dump holds them, and holds them last.
    ALTER EXTENSION pg_gitversion DROP EVENT TRIGGER gitversion_ddl_trigger;
    ALTER EXTENSION pg_gitversion DROP EVENT TRIGGER gitversion_drop_trigger;
END
$$;
