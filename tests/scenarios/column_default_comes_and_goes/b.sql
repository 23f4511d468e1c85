CREATE TABLE t (a int, b int DEFAULT 2, c text, d text DEFAULT NULL);
