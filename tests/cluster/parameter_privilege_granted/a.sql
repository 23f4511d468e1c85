-- since: 15
CREATE ROLE app;
GRANT SET ON PARAMETER log_statement TO app;
GRANT SET ON PARAMETER log_duration TO app;
