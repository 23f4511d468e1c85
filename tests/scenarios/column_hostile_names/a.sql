CREATE SCHEMA "s.s ""x""";
CREATE TABLE "s.s ""x"""."<b>&'; DROP TABLE x; --" ("<!channel>" int, "a b" int, "😀" int);
