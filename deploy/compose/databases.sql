-- Three databases that were one once, of which production has had a hotfix and lost a policy.
\set ON_ERROR_STOP on
\i /demo/roles.sql
CREATE DATABASE development;
\connect development
\i /demo/schema.sql
\connect postgres
CREATE DATABASE staging TEMPLATE development;
CREATE DATABASE production TEMPLATE development;
\connect production
CREATE INDEX orders_by_status_hotfix ON shop.orders (status, placed_at);
DROP POLICY own_orders ON shop.orders;
