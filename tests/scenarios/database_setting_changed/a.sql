DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET work_mem = ''8MB''', current_database());
    EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database());
    EXECUTE format('ALTER DATABASE %I SET app.jwt_secret = ''hunter2''', current_database());
    EXECUTE format('ALTER ROLE postgres IN DATABASE %I SET maintenance_work_mem = ''64MB''', current_database());
END $$;
