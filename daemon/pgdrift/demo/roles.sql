-- Roles belong to the whole server: once for all three databases. Logins get a password at start.
create role shop_owner nologin;
create role shop_app nologin;
create role shop_support nologin;
create role shop_reporting nologin;
create role deploy login in role shop_owner;
create role anna login in role shop_owner;
create role pgdrift login;
