-- since: 15; database: LOCALE 'C'
SELECT 1;
