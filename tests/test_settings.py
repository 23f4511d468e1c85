"""A configuration is taken or refused: never a traceback, never a secret in what is said."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pgdrift.configfile import parse
from pgdrift.errors import ConfigError
from pgdrift.settings import Settings, load

EXAMPLE = Path(__file__).parent.parent / "config" / "pgdrift.example.yaml"
SECRET = "s3cretPa55"
# The same, its secrets in clear, some of them in braces.
CLEAR = (
    EXAMPLE.read_text(encoding="utf-8")
    .replace("dsn_file: /run/secrets/development ", f"dsn: postgresql://u:{SECRET}@h/db ")
    .replace("token_file: /run/secrets/slack ", f"token: {SECRET} ")
    .replace("password_file: /run/secrets/smtp ", f'password: "{SECRET}" ')
    .replace(
        "    team:\n", f"    eve: {{ type: slack, token: {SECRET}, channel: C1 }}\n    team:\n"
    )
)
PIECES = st.one_of(
    st.sampled_from("[]{}:,-?&*!|>'\"#%@`=_0 \t\n\0\x85\ufeff"),
    st.sampled_from(["\n  ", ": ", "- ", "*a", "&a ", "<<: ", "---\n", '"\\0"', "\\ud800"]),
    st.sampled_from(["!!int ", "!!timestamp ", "!!set ", "!!binary ", "0x_", "1:2:3.4", ".nan"]),
    st.sampled_from(["on", "null", "2027-02-30", "99999999999d", "0s", "9" * 5000, "_env_file"]),
    st.sampled_from(["environments", "alerts", "store", "defaults", "follows", "until"]),
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=3)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGDRIFT_CONFIG", raising=False)


def taken_or_refused(path: Path, content: str | bytes) -> Settings | None:
    """Load a file; None when it was refused. Anything else that is raised is a bug."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    path.write_bytes(raw)
    refused: ConfigError | None = None
    try:
        return load(path)
    except ConfigError as error:
        refused = error
    assert refused.hint
    assert SECRET not in str(refused)
    assert all(line.isprintable() for line in str(refused).split("\n"))
    return None


def refusal(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


many = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(text=st.one_of(st.text(), st.binary(), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_is_taken_or_refused(tmp_path: Path, text: str | bytes) -> None:
    taken_or_refused(tmp_path / "c.yaml", text)


@many
@given(edits=EDITS)
@example(edits=[(CLEAR.index("token: s") / len(CLEAR), 0, "- "), (0.9, 0, "- ")])
def test_an_edit_of_the_example_is_taken_or_refused_without_a_secret(
    tmp_path: Path, edits: list[tuple[float, int, str]]
) -> None:
    text = CLEAR
    for where, length, piece in edits:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + length :]
    taken_or_refused(tmp_path / "c.yaml", text)


def test_the_example_is_taken_with_its_secrets_in_clear(tmp_path: Path) -> None:
    assert CLEAR.count(SECRET) == 4
    taken = taken_or_refused(tmp_path / "c.yaml", CLEAR)
    assert taken
    assert taken.compare.ignore[0].until == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "compare:\n  ignore:\n  - { object: 'index:x', reason: r, until: 2027-02-30 }\n",
            "c.yaml:3: compare.ignore.0.until",
        ),
        ("log: {}\non: 1\n", "c.yaml:2: on: unknown key"),
        ("log: {}\n1: 1\n", "c.yaml:2: 1: unknown key"),
        ("log: {}\n_env_file: /etc/passwd\n", "c.yaml:2: unknown key"),
        ("log: {}\n? [a]\n: 1\n", "c.yaml:2: a key is one word"),
        ("log:\n  level: !!bool x\n", "c.yaml:2: this is not YAML"),
        ("log:\n  level: 0x_\n", "c.yaml:2: this is not YAML"),
        ("log: {}\nenvironments: &a { x: *a }\n", "c.yaml:2: nested too deeply"),
        ("environments: " + "[" * 5000, "c.yaml: nested too deeply"),
        ("log: {}\nstore: " + "[" * 50 + "]" * 50, "c.yaml:2: nested too deeply"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "aliases make this configuration too large",
        ),
        (
            'environments:\n  a: { dsn_file: "/run/\\0" }\n',
            "c.yaml:2: a value holds a character that is none",
        ),
        (
            'environments:\n  a: { dsn_file: "/run/\\ud800" }\n',
            "c.yaml:2: a value holds a character that is none",
        ),
        (
            "alerts:\n  channels:\n    m: { type: email, host: h, to: ['a@\\;'] }\n",
            "c.yaml:3: alerts.channels.m.to.0: must be one address",
        ),
        ("log: {}\nstore: \0\n", "c.yaml:2: this is not YAML"),
        (b"log: {}\nstore: \xff\xfe\n", "c.yaml:2: the configuration is not text"),
        ("defaults: { interval: 99999999999d }\n", "at most 3650d"),
        (f"defaults: {{ interval: {'9' * 400}d }}\n", "at most 3650d"),
        ("store: { keep: 1000000d }\n", "c.yaml:1: store.keep: a duration is at"),
        ("defaults: { interval: 0s }\n", "c.yaml:1: defaults.interval: a duration is at"),
        ("defaults: { timeout: 30d }\n", "c.yaml:1: defaults.timeout: a timeout is at most 1d"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    said = refusal(tmp_path / "c.yaml", text)
    assert words in said
    assert "hint: " in said


@pytest.mark.parametrize(
    "text",
    [
        f"environments: {{ a: {{ dsn:postgresql://u:{SECRET}@h/db }} }}",
        f"environments: {{ a: {{ dsn, {SECRET} }} }}",
        f"environments: {{ a: {{ dsn: !{SECRET} x }} }}",
        f"environments: {{ a: {{ dsn: *{SECRET} }} }}",
        f"environments: {{ a: {{ dsn: x, follows: 'postgresql://u:{SECRET}@h/db' }} }}",
        f"alerts: {{ channels: {{ a: {{ type: slack, token: {SECRET}, colour: {SECRET} }} }} }}",
        f"alerts: {{ channels: {{ a: {{ type: slack, token:{SECRET}, channel: x }} }} }}",
        f"alerts: {{ channels: {{ a: {{ type: {SECRET} }} }} }}",
    ],
)
def test_no_refusal_repeats_a_secret(tmp_path: Path, text: str) -> None:
    assert SECRET not in refusal(tmp_path / "c.yaml", text)


def test_a_key_is_the_word_that_stands_there(tmp_path: Path) -> None:
    taken = taken_or_refused(
        tmp_path / "c.yaml", "environments: { no: { dsn: x }, 2024: { dsn: y, follows: 'no' } }"
    )
    assert taken
    assert list(taken.environments) == ["no", "2024"]


def test_a_merge_is_taken(tmp_path: Path) -> None:
    taken = taken_or_refused(
        tmp_path / "c.yaml",
        "environments:\n  a: &a { dsn: x, interval: 5m }\n  b: { <<: *a, interval: 7m }\n",
    )
    assert taken
    assert [taken.interval(n) for n in "ab"] == [timedelta(minutes=5), timedelta(minutes=7)]


def test_a_section_in_a_variable_that_is_no_json_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value in (f'{{"{SECRET}', "[" * 100_000):
        monkeypatch.setenv("PGDRIFT_ALERTS", value)
        with pytest.raises(ConfigError, match=r"PGDRIFT_ALERTS .*JSON") as caught:
            load(None)
        assert SECRET not in str(caught.value)


def test_a_variable_of_a_section_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDRIFT_STOER__URL", f"sqlite:////{SECRET}")
    with pytest.raises(ConfigError, match=r"PGDRIFT_STOER__URL .* 'PGDRIFT_STORE'") as caught:
        load(None)
    assert SECRET not in str(caught.value)


def test_variables_that_kubernetes_sets_for_a_service_are_let_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SERVICE_HOST", "PORT", "PORT_8080_TCP_ADDR", "WEB_SERVICE_PORT_HTTP"):
        monkeypatch.setenv(f"PGDRIFT_{name}", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("PGDRIFT_STORE__URL", "sqlite:///other.db")
    assert load(None).store.url == "sqlite:///other.db"


ENVIRONMENT = "environments:\n  a: {{ {} }}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ENVIRONMENT.format("protected: true"), "c.yaml:2: environments.a: neither is given"),
        (ENVIRONMENT.format("dsn: x, dsn_file: y"), "two sources for one secret"),
        (ENVIRONMENT.format("dsn: x, snapshot: y.json"), "dsn and snapshot are given"),
        (ENVIRONMENT.format("snapshot: y.sql"), "ends in .json"),
        (ENVIRONMENT.format("snapshot: y.json, notify: x"), "notify: a snapshot file has none"),
        (ENVIRONMENT.format("snapshot: y.json, ledger: pggit"), "ledger: a snapshot file has none"),
        (ENVIRONMENT.format("snapshot: y.json, histories: []"), "histories: a snapshot file has"),
        (
            ENVIRONMENT.format("snapshot: y.json, sync_points: [{migration: x}]"),
            "sync_points: a snapshot file has none",
        ),
        (
            ENVIRONMENT.format("dsn: x, histories: [flyway, livuibase]"),
            "a.histories: no migration tool is called 'livuibase'; did you mean 'liquibase'?",
        ),
        (
            ENVIRONMENT.format("dsn: x, sync_points: [{migration: x, tool: Flyway}]"),
            "c.yaml:2: environments.a.sync_points.0.tool: no migration tool is called 'Flyway'",
        ),
        (ENVIRONMENT.format("dsn: x, sync_points: [{}]"), "every migration would declare"),
        (ENVIRONMENT.format("dsn: x, sync_points: [{migration: '*'}]"), "every migration would"),
        (ENVIRONMENT.format("dsn: x, follows: migrations"), "(with a slash in it)"),
        (ENVIRONMENT.format("dsn: x, follows: schema.sq"), "neither an environment nor the path"),
        (
            ENVIRONMENT.format("dsn: x, follows: schema.sql") + "scratch: { embedded: never }\n",
            "a.follows: SQL is loaded into a scratch server, and there is none",
        ),
        ("scratch: { dsn: x, dsn_file: y }\n", "c.yaml:1: scratch: two sources for one secret"),
        ("scratch: { embedded: maybe }\n", "c.yaml:1: scratch.embedded"),
    ],
)
def test_files_that_cannot_stand_for_a_server_are_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    said = refusal(tmp_path / "c.yaml", text)
    assert words in said
    assert "hint: " in said


@pytest.mark.parametrize("follows", ["schema.sql", "./migrations", "/srv/migrations", "x.json"])
def test_a_file_or_a_folder_can_be_followed(tmp_path: Path, follows: str) -> None:
    text = ENVIRONMENT.format(f"snapshot: y.json, follows: {follows}")
    taken = taken_or_refused(tmp_path / "c.yaml", text)
    assert taken
    assert taken.environments["a"].follows == follows
    with pytest.raises(ConfigError, match=r"the snapshot file y\.json stands for a server"):
        taken.environments["a"].read_dsn()


def test_a_named_scratch_server_is_enough(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"postgresql://u:{SECRET}@h/db\n")
    text = ENVIRONMENT.format("dsn: x, follows: schema.sql")
    text += f"scratch: {{ dsn_file: {tmp_path / 'dsn'}, embedded: never }}\n"
    taken = taken_or_refused(tmp_path / "c.yaml", text)
    assert taken
    assert taken.scratch.read_dsn() == f"postgresql://u:{SECRET}@h/db"
    (tmp_path / "dsn").unlink()
    with pytest.raises(ConfigError, match="cannot read dsn_file"):
        taken.scratch.read_dsn()


ONE = "environments:\n  a:\n    dsn: postgresql://h/d\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"{ONE}    roles: {{ x: app, y: app }}\n", 4, "roles: two are called 'app'"),
        (f"{ONE}    schemas: {{ x: t, y: t }}\n", 4, "schemas: two are called 't'"),
        ("compare:\n  severity:\n  - severity: none\n", 3, "compare.severity.0.severity"),
        ("compare:\n  severity:\n  - object: x\n", 3, "compare.severity.0.severity"),
        ("compare:\n  partitions: some\n", 2, "compare.partitions"),
        ("compare:\n  leave_out: [everything]\n", 2, "compare.leave_out"),
        ("compare:\n  ignore:\n  - { object: x, reason: '' }\n", 3, "compare.ignore.0.reason"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    said = refusal(tmp_path / "c.yaml", text)
    assert f"c.yaml:{line}: " in said
    assert words in said


def test_rules_of_a_file_stand_behind_those_of_the_configuration(tmp_path: Path) -> None:
    rules = tmp_path / "ignore.yaml"
    (tmp_path / "c.yaml").write_text(
        f"compare:\n  ignore: [{{object: a, reason: r}}]\n  ignore_file: {rules}\n", "utf-8"
    )
    assert [r.object for r in load(tmp_path / "c.yaml").compare.ignore] == ["a"]
    rules.write_text("ignore:\n- {object: b, reason: r, until: 2027-01-31}\n", "utf-8")
    found = load(tmp_path / "c.yaml").compare.ignore
    assert [(r.object, r.until) for r in found] == [("a", None), ("b", date(2027, 1, 31))]
    rules.write_bytes(b"\xff")
    assert "cannot read compare.ignore_file" in refusal(
        tmp_path / "c.yaml", (tmp_path / "c.yaml").read_text("utf-8")
    )


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("defaults: { listen: off, interval: 1h 30m, timeout: 2.5 s }", True),
        ("defaults: { interval: 30 }", False),
        ("defaults: { interval: soon }", False),
        ("environments: { a: { dsn_file: /x, histories: flyway } }", True),
        ("environments: { a: { dsn_file: /x, histories: [flyway, rails] } }", True),
        ("alerts: { routes: [{ to: [], quiet: { from: '22:00', to: '07:00' } }] }", False),
        (
            """
alerts:
  channels: { t: { type: slack, channel: c, token_file: /x } }
  routes: [{ to: [t], quiet: { from: "22:00", to: "07:00" } }]
""",
            True,
        ),
    ],
)
def test_the_schema_for_editors_takes_what_is_taken(tmp_path: Path, text: str, good: bool) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    schema = Draft202012Validator(Settings.model_json_schema(by_alias=True))
    assert schema.is_valid(parse(text, "c.yaml")[0]) is good
    if good:
        load(tmp_path / "c.yaml")
    else:
        assert refusal(tmp_path / "c.yaml", text)
