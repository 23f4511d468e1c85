CREATE TRANSFORM FOR int LANGUAGE sql (
    FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
CREATE PROCEDURE a(x int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE b() LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE c() LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
