CREATE TABLE r (a int4range, at tsrange, CONSTRAINT r_pk PRIMARY KEY (a, at WITHOUT OVERLAPS));
CREATE TABLE t (a int4range, at tsrange,
    CONSTRAINT t_fk FOREIGN KEY (a, PERIOD at) REFERENCES r (a, PERIOD at));
