CREATE ROLE app;
CREATE ROLE "ALL";
ALTER ROLE app SET search_path = app, public;
ALTER ROLE app SET "app.api_token" = 'hunter2';
ALTER ROLE ALL SET work_mem = '8MB';
