CREATE FUNCTION last(int8) RETURNS int8 LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION last(int8, int8) RETURNS int8 LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE a(int) (SFUNC = int4_sum, STYPE = int8);
CREATE AGGREGATE b(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA,
    HYPOTHETICAL);
CREATE AGGREGATE c(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg,
    SSPACE = 64, FINALFUNC_MODIFY = SHAREABLE, COMBINEFUNC = numeric_avg_combine,
    SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize, PARALLEL = SAFE);
CREATE AGGREGATE d(int8) (SFUNC = int8pl, STYPE = int8, FINALFUNC = last, FINALFUNC_EXTRA);
CREATE AGGREGATE e(int8) (SFUNC = int8pl, STYPE = int8, MSFUNC = int8pl, MINVFUNC = int8mi,
    MSTYPE = int8, MSSPACE = 32, MINITCOND = '0', MFINALFUNC = last, MFINALFUNC_EXTRA,
    MFINALFUNC_MODIFY = READ_WRITE);
CREATE AGGREGATE f(int) (SFUNC = int4larger, STYPE = int, SORTOP = >);
