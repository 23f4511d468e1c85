CREATE TABLE t (a int DEFAULT 1, b int, c text DEFAULT NULL, d text DEFAULT '');
