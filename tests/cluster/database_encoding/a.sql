-- database: ENCODING 'UTF8'
SELECT 1;
