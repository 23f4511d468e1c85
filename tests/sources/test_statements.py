"""Where statements end: as psql sees it, whatever stands in quotes, comments and bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.sources.statements import PsqlLine, Statement, UnfinishedError, split


def told(text: str) -> list[tuple[int, str]]:
    return [
        (p.line, p.sql if isinstance(p, Statement) else f"{p.name}|{p.rest}") for p in split(text)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "select 'it''s;'",
        "select ';', E'a\\';b', e'\\\\'",
        "select E'it''s\\';'",
        "select U&'d\\0061t;', b'01', n';'",
        'select 1 as "we;ird""name;"',
        "do $$ begin; end; $$",
        "do $a_1$ $$ ; $b$ ; $a_1$",
        "do $ö$ ; $ö$",
        "select a$b$c, $1 from t",
        "select 1 /* ; /* ; */ ' ; */ + 1",
        "select 1 -- ; ' $$ /*\n + 1",
        "create rule r as on insert to t do also (insert into u values (1); select ';')",
        "create function f() returns int begin atomic select 1; select 2; end",
        "CREATE OR REPLACE FUNCTION f() BEGIN\n ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; TABLE t; END",
        "create procedure p() begin atomic insert into t values (case 1 when 1 then 2 end); end",
        "create table t (begin_at int, \"end\" int, c text default ';')",
        "begin",
        "end",
        "select 1 - -1, 2 / 2, '{}'::jsonb -> 'a'",
        "",
    ],
)
def test_a_statement_ends_where_psql_ends_it(statement: str) -> None:
    expected = [(1, statement)] if statement else []
    lines = statement.count("\n") + 2
    assert told(f"{statement};\nselect 'next'") == [*expected, (lines, "select 'next'")]


def test_a_line_is_the_one_on_which_a_statement_begins() -> None:
    text = "-- one\n/* two\nthree */ select\n 4;\n\n  select 6\n;select 7;select 7"
    assert told(text) == [(3, "select\n 4"), (6, "select 6"), (7, "select 7"), (7, "select 7")]


def test_rows_of_a_copy_are_no_statements() -> None:
    text = (
        "COPY public.t (a, b) FROM stdin;\n1\t;'\n\\N\tx\\.\n\\.\n"
        "copy t from stdin with (format csv);\n';\n\\.\nselect 1;"
    )
    assert [p.line for p in split(text)] == [1, 5, 8]
    assert told("copy t to stdout; select 2")[1] == (1, "select 2")
    assert told("copy t from stdin;\n1\n") == [(1, "copy t from stdin")]


def test_lines_for_psql_are_told_apart() -> None:
    text = "\\restrict abc\nselect 1 \\gexec\nselect 2;\n\\connect  -reuse-previous=on x\n"
    assert told(text) == [
        (1, r"\restrict|abc"),
        (2, "select 1"),
        (2, r"\gexec|"),
        (3, "select 2"),
        (4, r"\connect|-reuse-previous=on x"),
    ]
    assert isinstance(next(split("\\q")), PsqlLine)


def test_where_backslashes_escape_in_every_string_they_do_here() -> None:
    text = "set standard_conforming_strings = off; select 'a\\';b'; select 1"
    assert [sql for _, sql in told(text)][1:] == ["select 'a\\';b'", "select 1"]
    text = "set standard_conforming_strings = on; select 'a\\'; select 1"
    assert [sql for _, sql in told(text)][1:] == ["select 'a\\'", "select 1"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("select 1;\nselect 'a;\n", 2, "the quote '"),
        ("select E'a\\'", 1, "the quote E'"),
        ('\n\nselect "a', 3, 'the quote "'),
        ("do $a$ ; $b$", 1, r"the quote $a$"),
        ("select 1;\n/* /* */", 2, "the comment"),
        ("create table t (a int;\n", 1, "its statement"),
        ("create function f() begin atomic select 1;", 1, "its statement"),
        ("set standard_conforming_strings = off;\nselect 'a\\'", 2, "the quote '"),
    ],
)
def test_what_never_ends_is_said_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(UnfinishedError) as caught:
        list(split(text))
    assert caught.value.line == line
    assert str(caught.value).startswith(what)


def test_words_stand_outside_of_quotes_and_parentheses() -> None:
    (found,) = split('GRANT Select (a) ON "Database" TO app /* on database */')
    assert isinstance(found, Statement)
    assert found.words == ("grant", "select", "on", "to", "app")
    assert found.has("to", "app")
    assert not found.has("on", "database")


WORDS = ["$$", "/*", "*/", "--", "begin atomic", "end", "copy t from stdin;"]
PIECES = st.sampled_from([*"'\"$;()\\\n ae1/*-", *WORDS])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_split_or_refused_and_nothing_is_told_twice(text: str) -> None:
    try:
        parts = list(split(text))
    except UnfinishedError:
        return
    at = 0
    for part in parts:
        if isinstance(part, Statement):
            at = text.index(part.sql, at) + len(part.sql)
            assert part.line <= text.count("\n", 0, at) + 1
