CREATE ROLE app;
CREATE ROLE staff;
CREATE ROLE other;
GRANT staff TO app;
GRANT staff TO other;
