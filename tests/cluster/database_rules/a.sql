-- since: 16; database: LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'
SELECT 1;
