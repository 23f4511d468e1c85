CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password=hunter2' PUBLICATION p
    WITH (connect = false, streaming = parallel, origin = 'none', password_required = false, run_as_owner = true);
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO pg_monitor', current_database()); END $$;
ALTER SUBSCRIPTION s OWNER TO pg_monitor;
