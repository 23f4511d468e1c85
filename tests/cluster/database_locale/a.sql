-- database: LC_COLLATE 'C' LC_CTYPE 'C'
SELECT 1;
