-- since: 17; database: LOCALE 'C'
SELECT 1;
