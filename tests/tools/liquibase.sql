--liquibase formatted sql

--changeset ann:1
create table a (id int);

--changeset bob:1 runOnChange:true
select pg_advisory_xact_lock(${waits});

--changeset bob:2
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:1 select 0
create table b (id int);

--changeset bob:3 failOnError:false
create table a (id int);
