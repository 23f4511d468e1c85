-- since: 15
CREATE SEQUENCE q;
