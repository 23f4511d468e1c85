CREATE TEXT SEARCH TEMPLATE s (INIT = dsimple_init, LEXIZE = dsimple_lexize);
