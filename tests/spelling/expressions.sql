-- Expressions that servers spell anew: after a dump and restore, or from one major to the next.
create type mood as enum ('a','b');
create domain posint as integer default 5 check (value > 0);
create domain vdom as varchar(20) default 'x' check (value in ('x','y'));
create table t (id int primary key, v varchar(20) check (v in ('x','y')), t text check (t in ('x','y')), m mood default 'a',
  n numeric(10,2) default 0, n2 numeric default '0', b bigint default 0, c char(3) default 'abc', v2 varchar(20) default 'abc'::text, v3 varchar(20) default null,
  ts timestamptz default now(), ts2 timestamptz default current_timestamp, ts3 timestamp default (now() at time zone 'UTC'), d date default current_date,
  u text default current_user, j jsonb default '{}', arr text[] default '{}', arr2 text[] default array[]::text[], iv interval default '1 day', r real default 0.5, tz timestamptz default transaction_timestamp(),
  check (v not in ('q','r')), check (v like 'x%'), check ((m in ('a','b')) and (id > 0 and id < 10)), check (c in ('abc','def')),
  check (d >= '2020-01-01'), check (id between 1 and 5), check (trim(t) <> ''), check (trim(both 'x' from t) <> ''), check (substring(t from 1 for 2) <> 'ab'), check (position('a' in t) = 0), check (overlay(t placing 'x' from 1) <> ''), check (substring(t, 1, 2) <> 'ab'),
  check (ts3 at time zone 'UTC' > '2020-01-01'), check ((ts, ts2) overlaps (ts, tz)), check (t is normalized), check (v = any(array['x','y'])), check (not (v is null or t is null)), check (v similar to 'a%' ), check (coalesce(v,'') <> ''), check (substring(t from '%#"a#"%' for '#') is null), check (t collate "C" < 'x'), check (v in ('only')),check (v::text in ('q','w')), check(upper(v) in ('A','B')), check (n in (1,2)), check (b in (1,2)), check (n > -1));
create table o (id int primary key, tid int references t, v text);
create view v1 as select * from t;
create view v2 as select t.id, count(*) c from t where v='x' group by t.id having count(*)>1 order by t.id;
create view v3 as select t.id, o.v from t join o on o.tid=t.id where exists (select 1 from o x where x.id=t.id);
create view v4 as with q as (select id, v from t) select id, (select max(o.id) from o where o.tid=q.id) mx from q;
create view v5 as select id as x, v as id from t order by t.id;
create view v6 as select id from t union all select id from o order by 1;
create view v7 as select s.id, row_number() over (partition by v order by id) rn from (select id, v from t where v in ('x','y')) s;
create view v8 as select a.id from t a where a.v in ('x','y') limit 5;
create view v9 as select x from generate_series(1,3) x;
create view v10 as select distinct on (t.v) t.v as vv, t.* from t;
create view v11 as select ts at time zone 'UTC' z, trim(v) tr, substring(v from 1 for 3) s, case when v='x' then 1 else 2 end cs, cast(id as text) from t;
create view v12 as select t from t;
create view v13 as values (1,'a'),(2,'b');
create materialized view mv as select id, v from t where m='a';
create index i1 on t (lower(v)) where v in ('x','y');
create index i2 on t ((coalesce(v,'') || t), (n+1)) where n in (1,2) and not (id=3);
create policy p1 on t using (v in ('x','y') and (id = 1 or v = current_user)) with check (exists (select 1 from o where o.tid = t.id and o.v in ('a')));
create function tf() returns trigger language plpgsql as 'begin return new; end';
create trigger tr1 after update on t for each row when (new.v in ('x','y') and old.v is distinct from new.v) execute function tf();
create rule r1 as on update to o where new.v in ('x') do also insert into t(id,v) select new.id, o.v from o where o.v = any (array['a','b']::varchar[]);
create rule r2 as on delete to o do also delete from t where t.id = old.tid and v in ('x','y');
create table g (a varchar(10), b text generated always as (upper(a) || case when a in ('x','y') then 'z' else '' end) stored, check (case when a in ('x','y') then true else false end));
create statistics st1 (dependencies) on v, t from t;
create table pt (a int, b varchar(10)) partition by list (b);
create table pt1 partition of pt for values in ('x','y');
