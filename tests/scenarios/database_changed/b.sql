DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 7', current_database());
    EXECUTE format('COMMENT ON DATABASE %I IS ''ours''', current_database());
    EXECUTE format('ALTER DATABASE %I OWNER TO pg_monitor', current_database());
END $$;
