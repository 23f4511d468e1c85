DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET work_mem = ''16MB''', current_database());
    EXECUTE format('ALTER DATABASE %I SET app.jwt_secret = ''hunter3''', current_database());
    EXECUTE format('ALTER DATABASE %I SET app.upstream = ''postgres://u:hunter2@far/db''', current_database());
    EXECUTE format('ALTER ROLE postgres IN DATABASE %I SET maintenance_work_mem = ''32MB''', current_database());
END $$;
