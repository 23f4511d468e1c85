CREATE ROLE app;
CREATE ROLE "ALL";
ALTER ROLE app SET search_path = app;
ALTER ROLE "ALL" SET work_mem = '8MB';
