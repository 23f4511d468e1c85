CREATE SCHEMA "s.s ""x""";
CREATE TABLE "s.s ""x"""."<b>&'; DROP TABLE x; --" ("<!channel>" text, "a b" int, "é	tab" int);
CREATE INDEX " USING btree (" ON "s.s ""x"""."<b>&'; DROP TABLE x; --" ("a b");
