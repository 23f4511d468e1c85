-- since: 18
CREATE TABLE r (a int4range, at tsrange, CONSTRAINT r_pk PRIMARY KEY (a, at));
CREATE TABLE t (a int4range, at tsrange, CONSTRAINT t_fk FOREIGN KEY (a, at) REFERENCES r);
