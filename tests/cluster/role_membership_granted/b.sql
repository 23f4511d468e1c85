CREATE ROLE app;
CREATE ROLE staff;
CREATE ROLE other;
GRANT staff TO app WITH ADMIN OPTION;
GRANT pg_read_all_stats TO app;
GRANT other TO pg_monitor;
