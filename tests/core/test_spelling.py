"""Two spellings of one meaning are one; whatever could be another meaning stays a difference."""

from __future__ import annotations

import pytest

from pgdrift.core.alike.align import align, unsettled
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.spelling import PRINTED, Spelt, marked, same_meaning
from pgdrift.core.compare import compare
from pgdrift.core.held.objects import Object
from pgdrift.core.judge import Policy, judge
from pgdrift.core.kinds import KINDS, classes
from pgdrift.core.model import (
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    ObjectId,
    Severity,
    Snapshot,
)
from pgdrift.core.texts.loosely import loosely_alike
from tests.core.build import NOW, snap

CHECK = ("constraint", "definition")
POLICY = ("policy", "using")
VIEW = ("view", "definition")
DEFAULT = ("column", "default")


def _one(
    of: tuple[str, str], one: str | None, other: str | None, *types: str, **attributes: object
) -> bool:
    told = [{"type": t, **attributes} for t in (types or ("text", "text"))]
    there = same_meaning(*of, one, other, (told[0], told[-1]))
    back = same_meaning(*of, other, one, (told[-1], told[0]))
    assert there == back
    return there


IN_LIST = (
    "CHECK (((v)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])))"
)
RESTORED = (
    "CHECK (((v)::text = ANY (ARRAY[('x'::character varying)::text,"
    " ('y'::character varying)::text])))"
)


@pytest.mark.parametrize(
    ("of", "one", "other"),
    [
        (CHECK, IN_LIST, RESTORED),
        (CHECK, IN_LIST.replace("= ANY", "<> ALL"), RESTORED.replace("= ANY", "<> ALL")),
        (CHECK, "CHECK (((a > 0) AND ((b > 0) AND (c > 0))))", "CHECK (((a > 0) AND (b > 0) AND (c > 0)))"),
        (CHECK, IN_LIST, "CHECK (((v)::text = ANY (ARRAY['x'::text, 'y'::text])))"),
        (CHECK, "CHECK ((a > 0))", "CHECK (a > 0)"),
        (CHECK, 'CHECK (("position" > 0))', "CHECK ((position > 0))"),
        (CHECK, "CHECK ((at < now()))", "CHECK ((at < CURRENT_TIMESTAMP))"),
        (CHECK, "CHECK ((at < transaction_timestamp()))", "CHECK ((at < now()))"),
        (CHECK, "CHECK ((d <= ('now'::text)::date))", "CHECK ((d <= CURRENT_DATE))"),
        (CHECK, "CHECK ((d <= (now())::date))", "CHECK ((d <= CURRENT_DATE))"),
        (POLICY, '(owner = "current_user"())', "(owner = CURRENT_USER)"),
        (POLICY, "(owner = USER)", "(owner = CURRENT_ROLE)"),
        (CHECK, "CHECK (((ts AT TIME ZONE 'UTC'::text) > x))", "CHECK ((timezone('UTC'::text, ts) > x))"),
        (CHECK, "CHECK ((btrim(t, 'x'::text) <> t))", "CHECK ((TRIM(BOTH 'x'::text FROM t) <> t))"),
        (CHECK, "CHECK ((ltrim(t) <> t))", "CHECK ((TRIM(LEADING FROM t) <> t))"),
        (CHECK, "CHECK ((\"substring\"(t, 1, 2) = 'a'::text))", "CHECK ((SUBSTRING(t FROM 1 FOR 2) = 'a'::text))"),
        (CHECK, "CHECK ((\"substring\"(t, 'a'::text, '#'::text) = t))", "CHECK ((SUBSTRING(t SIMILAR 'a'::text ESCAPE '#'::text) = t))"),
        (CHECK, "CHECK ((\"position\"(t, 'a'::text) = 0))", "CHECK ((POSITION(('a'::text) IN (t)) = 0))"),
        (CHECK, "CHECK ((\"overlay\"(t, 'x'::text, 1) = t))", "CHECK ((OVERLAY(t PLACING 'x'::text FROM 1) = t))"),
        (CHECK, 'CHECK ("overlaps"(a, b, c, d))', "CHECK (((a, b) OVERLAPS (c, d)))"),
        (CHECK, "CHECK (is_normalized(t, 'NFC'::text))", "CHECK ((t IS NFC NORMALIZED))"),
        (CHECK, "CHECK ((\"normalize\"(t, 'NFC'::text) = t))", "CHECK ((NORMALIZE(t, NFC) = t))"),
        (CHECK, "CHECK ((pg_collation_for(t) = t))", "CHECK ((COLLATION FOR (t) = t))"),
    ],
)  # fmt: skip
def test_one_meaning(of: tuple[str, str], one: str, other: str) -> None:
    assert _one(of, one, other)


@pytest.mark.parametrize(
    ("of", "one", "other"),
    [
        (CHECK, IN_LIST, RESTORED.replace("'y'", "'z'")),
        (CHECK, IN_LIST, RESTORED.replace("'y'", "'Y'")),
        (CHECK, IN_LIST, RESTORED.replace("= ANY", "= ALL")),
        (CHECK, IN_LIST, RESTORED.replace("(v)", "(w)")),
        (CHECK, "CHECK ((v = ('xy'::character varying(1))::text))", "CHECK ((v = 'xy'::text))"),
        (CHECK, "CHECK ((v = ('x '::bpchar)::text))", "CHECK ((v = 'x '::text))"),
        (CHECK, IN_LIST, IN_LIST.replace("character varying", "character varying(1)")),
        (CHECK, "CHECK (f((ARRAY[a])::text[]))", "CHECK (f(ARRAY[(a)::integer]))"),
        (CHECK, "CHECK ((f(ARRAY[a])::text[] = b))", "CHECK ((f ARRAY[(a)::text] = b))"),
        (CHECK, "CHECK (((a AND b) OR c))", "CHECK ((a AND (b OR c)))"),
        (CHECK, "CHECK (((a OR b) AND c))", "CHECK ((a OR b AND c))"),
        (CHECK, "CHECK (((a - b) - c))", "CHECK ((a - (b - c)))"),
        (CHECK, "CHECK ((a > 0))", "CHECK ((b > 0))"),
        (CHECK, "CHECK ((a > 0))", "CHECK ((a >= 0))"),
        (CHECK, "CHECK ((a.x = b.y))", "CHECK ((b.x = a.y))"),
        (CHECK, 'CHECK (("Position" > 0))', "CHECK ((position > 0))"),
        (CHECK, 'CHECK ("true")', "CHECK (true)"),
        (CHECK, "CHECK ((at < public.now()))", "CHECK ((at < CURRENT_TIMESTAMP))"),
        (CHECK, "CHECK ((at < now()))", "CHECK ((at < clock_timestamp()))"),
        (CHECK, "CHECK ((at < now()))", "CHECK ((at < statement_timestamp()))"),
        (CHECK, "CHECK ((at < now))", "CHECK ((at < CURRENT_TIMESTAMP))"),
        (CHECK, "CHECK ((at < CURRENT_TIMESTAMP(3)))", "CHECK ((at < CURRENT_TIMESTAMP))"),
        (CHECK, "CHECK ((at = 'now()'::text))", "CHECK ((at = 'CURRENT_TIMESTAMP'::text))"),
        (CHECK, "CHECK ((d <= 'now'::date))", "CHECK ((d <= CURRENT_DATE))"),
        (CHECK, "CHECK ((d <= (now())::date))", "CHECK ((d <= now()))"),
        (POLICY, "(owner = CURRENT_USER)", "(owner = SESSION_USER)"),
        (POLICY, '(owner = "user")', "(owner = CURRENT_USER)"),
        (POLICY, "(owner = public.current_user())", "(owner = CURRENT_USER)"),
        (CHECK, "CHECK ((EXTRACT(year FROM d) > 1))", "CHECK ((date_part('year'::text, d) > 1))"),
        (CHECK, "CHECK (((a AT TIME ZONE b) > x))", "CHECK ((timezone(a, b) > x))"),
        (CHECK, "CHECK ((TRIM(LEADING FROM t) = t))", "CHECK ((btrim(t) = t))"),
        (CHECK, "CHECK ((POSITION((a) IN (b)) = 0))", 'CHECK (("position"(a, b) = 0))'),
        (CHECK, 'CHECK (("substring"((v)::text, 1) = t))', 'CHECK (("substring"(v, 1) = t))'),
        (CHECK, "CHECK ((v)::text ~ 'a'::text)", "CHECK (v ~ 'a'::text)"),
        (CHECK, "CHECK (x -- )", "CHECK (x /* )"),
        (("table", "comment"), "now()", "CURRENT_TIMESTAMP"),
        (("function", "body"), "now()", "CURRENT_TIMESTAMP"),
    ],
)  # fmt: skip
def test_another_meaning(of: tuple[str, str], one: str, other: str) -> None:
    assert not _one(of, one, other)


@pytest.mark.parametrize(
    ("one", "other", "of_type"),
    [
        ("now()", "CURRENT_TIMESTAMP", "timestamp with time zone"),
        ("(now())::timestamp without time zone", "LOCALTIMESTAMP", "timestamp(3) without time zone"),
        ("'x'::text", "'x'::character varying", "character varying(20)"),
        ("'x'::text", "'x'::bpchar", "character(3)"),
        ("NULL::character varying", None, "character varying(20)"),
        ("(0)::numeric", "0", "numeric(10,2)"),
        ("'0'::numeric", "0", "numeric"),
        ("'0.10'::numeric", "0.10", "numeric"),
        ("'-1'::integer", "(-1)", "integer"),
        ("'0'::bigint", "0", "bigint"),
        ("(nextval('s'::regclass))::integer", "nextval('s'::regclass)", "integer"),
    ],
)  # fmt: skip
def test_one_default(one: str, other: str | None, of_type: str) -> None:
    assert _one(DEFAULT, one, other, of_type)


@pytest.mark.parametrize(
    ("one", "other", "of_type"),
    [
        ("now()", "clock_timestamp()", "timestamp with time zone"),
        ("'now'::text", "now()", "text"),
        ("'x'::text", "'y'::text", "text"),
        ("'x'::text", "'x '::text", "text"),
        ("'x'::bpchar", "'x'::text", "text"),
        ("('xyz'::character varying(1))::text", "'xyz'::text", "text"),
        ("0", None, "integer"),
        ("NULL::public.d", None, "public.d"),
        ("''::text", None, "text"),
        ("'1.50'::numeric", "1.5", "numeric"),
        ("'0.1'::real", "0.1", "double precision"),
        ("('now'::text)::date", "'now'::date", "date"),
        ("(1.5)::integer", "1.5", "numeric"),
        ("'1'::text", "1", "text"),
    ],
)
def test_another_default(one: str, other: str | None, of_type: str) -> None:
    assert not _one(DEFAULT, one, other, of_type)


OLD_AND_NEW = [
    ("CHECK ((btrim((v)::text) <> 'x'::text))", "CHECK ((TRIM(BOTH FROM v) <> 'x'::text))"),
    ('CHECK ((length("substring"((v)::text, 1, 2)) > 1))', "CHECK ((length(SUBSTRING(v FROM 1 FOR 2)) > 1))"),
    ('CHECK ((length("overlay"((v)::text, (v)::text, 1)) > 1))', "CHECK ((length(OVERLAY(v PLACING v FROM 1)) > 1))"),
]  # fmt: skip


def _as_printed(of_type: str | None, definition: str, version: int) -> Snapshot:
    v = {} if of_type is None else {"type": of_type}
    column = Object(ObjectId("column", (*TABLE.path, "v")), v, TABLE)
    return snap(_constraint(definition), column, version=version)


def _told(one: Snapshot, other: Snapshot) -> bool:
    told = [
        bool(compare(align(a, b, Options()), b).changes) for a, b in ((one, other), (other, one))
    ]
    assert told[0] == told[1]
    return told[0]


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
@pytest.mark.parametrize("of_type", ["character varying(9)", "text", "character(3)", "name"])
def test_casts_of_strings_that_an_old_server_adds_are_none(
    old: str, new: str, of_type: str
) -> None:
    assert not _told(_as_printed(of_type, old, 130022), _as_printed(of_type, new, 180001))


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_casts_that_somebody_wrote_mean_another_function(old: str, new: str) -> None:
    for of_type in ("bytea", "bit(8)", "bit varying", "public.own", "text[]", None):
        assert _told(_as_printed(of_type, old, 130022), _as_printed(of_type, new, 180001))
    for version in (140000, 180001):
        assert _told(_as_printed("text", old, version), _as_printed("text", new, 180001))


def test_casts_of_a_view_are_known_where_its_only_table_is() -> None:
    view = ObjectId("view", ("app", "w"))

    def side(of_type: str, query: str, version: int) -> Snapshot:
        column = Object(ObjectId("column", (*TABLE.path, "v")), {"type": of_type}, TABLE)
        return snap(Object(view, {"definition": query}), column, version=version)

    old, new = (
        " SELECT btrim((t.v)::text) AS b FROM app.t;",
        " SELECT TRIM(BOTH FROM v) AS b FROM app.t;",
    )
    assert not _told(side("text", old, 130022), side("text", new, 180001))
    assert _told(side("bytea", old, 130022), side("bytea", new, 180001))
    for more in (
        " FROM app.t t(v, w);",
        " FROM app.t, app.u;",
        " FROM (app.t JOIN app.u ON (true));",
    ):
        sides = (text.replace(" FROM app.t;", more) for text in (old, new))
        assert _told(side("text", next(sides), 130022), side("text", next(sides), 180001))


def test_a_length_that_changed_is_a_type_that_changed_and_no_default() -> None:
    types = ("character varying(50)", "text")
    assert _one(DEFAULT, "'x'::character varying", "'x'::text", *types)
    assert not _one(DEFAULT, "1", "'1'::text", "integer", "text")
    column = ObjectId("column", ("app", "t", "v"))
    one = snap(Object(column, {"type": types[0], "default": "'x'::character varying"}))
    two = snap(Object(column, {"type": types[1], "default": "'x'::text"}))
    (change,) = compare(align(one, two, Options()), two).changes
    assert dict(change.attributes) == {"type": types}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" SELECT t.a,\n    t.b\n   FROM app.t;", " SELECT a,\n    b\n   FROM app.t;"),
        (" SELECT x.a FROM app.t x WHERE (x.b > 1) ORDER BY x.a;", " SELECT a FROM app.t x WHERE (b > 1) ORDER BY a;"),
        (" SELECT s.a, row_number() OVER (PARTITION BY s.b) AS n FROM ( SELECT t.a FROM app.t) s;", " SELECT a, row_number() OVER (PARTITION BY b) AS n FROM ( SELECT t.a FROM app.t) s;"),
        (" WITH q AS ( SELECT t.a FROM t) SELECT q.a FROM q;", " WITH q AS ( SELECT t.a FROM t) SELECT a FROM q;"),
        (" SELECT x.x FROM generate_series(1, 3) x(x);", " SELECT x FROM generate_series(1, 3) x(x);"),
        (" SELECT DISTINCT ON (t.a) t.b FROM t;", " SELECT DISTINCT ON (a) b FROM t;"),
    ],
)  # fmt: skip
def test_one_view(one: str, other: str) -> None:
    assert _one(VIEW, one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" SELECT t.a FROM app.t;", " SELECT b FROM app.t;"),
        (" SELECT a.x FROM a JOIN b ON (true);", " SELECT b.x FROM a JOIN b ON (true);"),
        (" SELECT a.x FROM a, b;", " SELECT x FROM a, b;"),
        (" SELECT t.a FROM app.t;", " SELECT t.a FROM other.t;"),
        (" SELECT t.b AS a FROM t ORDER BY t.a;", " SELECT b AS a FROM t ORDER BY a;"),
        (" SELECT t.f(1) FROM t;", " SELECT f(1) FROM t;"),
        (" SELECT (x)::t.ty FROM t;", " SELECT (x)::ty FROM t;"),
        (" SELECT ( SELECT t.a FROM u) FROM t;", " SELECT ( SELECT a FROM u) FROM t;"),
        (" SELECT t.a FROM t UNION SELECT u.a FROM u;", " SELECT a FROM t UNION SELECT a FROM u;"),
    ],
)
def test_another_view(one: str, other: str) -> None:
    assert not _one(VIEW, one, other)


def test_the_body_of_a_routine_is_printed_only_where_sql_is_parsed() -> None:
    body = ("function", "body")
    one, other = (
        "BEGIN ATOMIC\n SELECT now();\nEND",
        "BEGIN ATOMIC\n SELECT CURRENT_TIMESTAMP;\nEND",
    )
    assert _one(body, one, other, language="sql")
    assert not _one(body, one, other, language="plpgsql")
    assert not _one(body, "SELECT now()", "SELECT CURRENT_TIMESTAMP", language="sql")


def test_what_is_printed_and_can_be_made_again_is_one_list() -> None:
    made = {(k.name, a.name) for k in KINDS for a in k.attributes if a.respell}
    assert made == {(kind, name) for kind, names in PRINTED.items() for name in names}


def test_expressions_within_a_list_are_one_meaning_in_any_order() -> None:
    expressions = ("statistics", "expressions")
    one, other = ["a", "(d + now())"], ["(d + CURRENT_TIMESTAMP)", "a"]
    assert same_meaning(*expressions, one, other, ({}, {}))
    assert not same_meaning(*expressions, one, [*other, "a"], ({}, {}))
    assert not same_meaning(*expressions, one, ["(d + CURRENT_TIMESTAMP)", "b"], ({}, {}))
    arguments = ("function", "arguments")
    assert _one(arguments, "a date DEFAULT (now())::date", "a date DEFAULT CURRENT_DATE")
    assert not _one(arguments, "a date DEFAULT now()", "a date")


TABLE = ObjectId("table", ("app", "t"))
CONSTRAINT = ObjectId("constraint", ("app", "t", "c"))


def _constraint(definition: str) -> Object:
    return Object(CONSTRAINT, {"definition": definition, "comment": None}, TABLE)


def test_what_a_server_settled_is_one_meaning_and_nothing_else_is() -> None:
    one, two = snap(_constraint("CHECK (a)")), snap(_constraint("CHECK (b)"))
    settled = frozenset({Spelt(CONSTRAINT, "definition", "CHECK (a)", "CHECK (b)")})
    assert compare(align(one, two, Options(), settled), two).changes == ()
    assert compare(align(two, one, Options(), settled), one).changes
    assert compare(align(one, two, Options()), two).changes


def test_the_switch_tells_every_spelling() -> None:
    one, two = snap(_constraint(IN_LIST)), snap(_constraint(RESTORED))
    assert compare(align(one, two, Options()), two).changes == ()
    assert compare(align(one, two, Options(spelling=True)), two).changes
    assert unsettled(one, two, Options(spelling=True)) == ()


def test_what_no_rule_knows_is_asked_once() -> None:
    one, two = snap(_constraint("CHECK (a)")), snap(_constraint("CHECK (b)"))
    (dispute,) = unsettled(one, two, Options())
    assert dispute.spelt == Spelt(CONSTRAINT, "definition", "CHECK (a)", "CHECK (b)")
    assert unsettled(one, snap(_constraint("CHECK (a)")), Options()) == ()


# Where nobody could be asked


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(v = ('x'::character varying)::text)", "(v = 'x'::text)"),
        ("(v = 'x'::text)", "(v = 'x'::character varying)"),
        ("((ARRAY[ARRAY['x'::character varying]])::text[])", "(ARRAY[ARRAY['x'::text]])"),
        ("(t.a = 1)", "(a = 1)"),
    ],
)
def test_alike(one: str, other: str) -> None:
    assert loosely_alike(one, other)
    assert loosely_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a.x = 1)", "(b.x = 1)"),
        ("(a.x = b.x)", "(b.x = a.x)"),
        ("((a AND b) OR c)", "(a AND (b OR c))"),
        ("(a = 'x'::text)", "(a = 'y'::text)"),
        ("((v)::character varying(5) = 'x'::text)", "(v = 'x'::text)"),
        ("((a)::integer > 1)", "(a > 1)"),
        ("((a)::text < (b)::text)", "(a < b)"),
        ("(ARRAY[(a)::text[]])", "(ARRAY[(a)::text])"),
        ("((ARRAY[ARRAY[a]])::text[])", "(ARRAY[ARRAY[a]])"),
        ("(app.f(a))", "(f(a))"),
        ("((a)::app.ty = b)", "((a)::ty = b)"),
    ],
)
def test_not_alike(one: str, other: str) -> None:
    assert not loosely_alike(one, other)


def _finding(change: Change) -> tuple[ChangeClass, Severity, tuple[str, ...]]:
    policy = Policy(protected=True, classes=classes())
    (found,) = judge([change], lambda _: Direction.CHANGED, {}, {}, policy, NOW)
    return found.cls, found.severity, found.change.spelling


def test_what_merely_looks_alike_is_cosmetic_and_calls_nobody() -> None:
    texts = ("CHECK ((v = ('x'::character varying)::text))", "CHECK ((v = 'x'::text))")
    change = Change(CONSTRAINT, ChangeType.CHANGED, {"definition": texts})
    (found,) = marked([change])
    assert _finding(found) == (ChangeClass.COSMETIC, Severity.INFO, ("definition",))
    assert _finding(change)[1] is Severity.CRITICAL
    with_more = Change(
        CONSTRAINT, ChangeType.CHANGED, {"definition": texts, "valid": (True, False)}
    )
    (found,) = marked([with_more])
    assert _finding(found)[1:] == (Severity.CRITICAL, ("definition",))


def test_a_policy_is_never_called_another_spelling_on_a_guess() -> None:
    policy = ObjectId("policy", ("app", "t", "p"))
    texts = ("(v = ('x'::character varying)::text)", "(v = 'x'::text)")
    assert loosely_alike(*texts)
    (found,) = marked([Change(policy, ChangeType.CHANGED, {"using": texts})])
    assert _finding(found) == (ChangeClass.SECURITY, Severity.CRITICAL, ())


def test_a_server_that_said_no_is_believed() -> None:
    texts = ("CHECK ((t.a = 1))", "CHECK ((a = 1))")
    change = Change(CONSTRAINT, ChangeType.CHANGED, {"definition": texts})
    (guessed,) = marked([change])
    (told,) = marked([change], frozenset({Spelt(CONSTRAINT, "definition", *texts)}))
    assert (guessed.spelling, told.spelling) == (("definition",), ())
