-- Names that a careless quote, dot, comma or brace would break.
create schema "S.""1"; create schema "gitversion.x"; create schema "sélect {,}";
create table "S.""1"."t""; drop table x;--" ("c.d" int primary key, "{a,b}" text, "é é" int[]);
create index "i'"";" on "S.""1"."t""; drop table x;--" (("c.d" + 1));
create view "sélect {,}"."v.w" as select "c.d" as "x""y" from "S.""1"."t""; drop table x;--";
create function "sélect {,}"."f(x)"("a b" "S.""1"."t""; drop table x;--", variadic int[])
    returns int language sql as 'select 1';
create function "sélect {,}"."f(x)"(int) returns int language sql as 'select 1';
create type "S.""1"."e,""" as enum ('a,b', '"');
create domain "S.""1"."d'" as int constraint "c""k" check (value > 0);
create policy "p\"";" on "S.""1"."t""; drop table x;--" using (true);
create function public.tf() returns trigger language plpgsql as 'begin return null; end';
create trigger "tr.""g" after insert on "S.""1"."t""; drop table x;--"
    execute function public.tf();
create rule "r$$" as on delete to "S.""1"."t""; drop table x;--" do also nothing;
create operator public.@#@ (leftarg = int, rightarg = int, function = int4pl);
create statistics "S.""1"."st." on "c.d", "{a,b}" from "S.""1"."t""; drop table x;--";
create table parted (id int) partition by list (id);
create table "part.1" partition of parted for values in (1);
create foreign data wrapper "w;"; create server "s'v" foreign data wrapper "w;";
create user mapping for public server "s'v" options (password 'sesame');
create sequence "seq""1"; create materialized view mv as select 1 as a;
alter default privileges in schema "S.""1" grant select on tables to public;
create subscription "s'u.""b" connection 'dbname=none' publication "p," with (connect = false, slot_name = none);
