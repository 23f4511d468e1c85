ALTER SYSTEM SET authentication_timeout = '30s';
ALTER SYSTEM SET autovacuum = off;
SELECT pg_reload_conf();
