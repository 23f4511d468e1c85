CREATE FUNCTION last(int8) RETURNS int8 LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION last(int8, int8) RETURNS int8 LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE a(int) (SFUNC = int4pl, STYPE = int);
CREATE AGGREGATE b(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA);
CREATE AGGREGATE c(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg);
CREATE AGGREGATE d(int8) (SFUNC = int8pl, STYPE = int8);
CREATE AGGREGATE e(int8) (SFUNC = int8pl, STYPE = int8);
CREATE AGGREGATE f(int) (SFUNC = int4larger, STYPE = int);
