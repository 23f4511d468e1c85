"""Which files of a folder are loaded, and in which order: as the migration tools have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdrift.errors import ConfigError
from pgdrift.sources.sqlfolder import read_files, way_forth


def names(folder: Path, *files: str) -> list[str]:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"select '{name}';")
    return [str(Path(f.name).relative_to(folder)) for f in read_files(folder).files]


@pytest.mark.parametrize(
    "files",
    [
        ["1_a.sql", "2_b.sql", "10_c.sql"],
        ["20240101000000_a.sql", "20240102000000_b.sql"],
        ["V1__a.sql", "V1.1__b.sql", "V1_2__c.sql", "V2__d.sql", "V10__e.sql", "R__z.sql"],
        ["V2__a.sql", "V2.0.1__b.sql", "R__a.sql", "R__b.sql"],
        ["0001/migration.sql", "0002/migration.sql", "0010/migration.sql"],
        ["schema/10_tables.sql", "schema/20_views.sql", "seed/1.sql"],
        ["0001_a.up.sql", "0002_b.up.sql"],
    ],
    ids=lambda files: files[0],
)
def test_files_are_loaded_in_the_order_of_their_tool(tmp_path: Path, files: list[str]) -> None:
    assert names(tmp_path, *reversed(files)) == files


@pytest.mark.parametrize(
    "back",
    [
        "1_a.down.sql", "1_a/down.sql", "U1__a.sql", "1_a.undo.sql", "1-a-down.sql",
        "1_a_down.sql", "1_a.rollback.sql", "1_a.DOWN.sql", ".hidden.sql", ".git/x.sql",
    ],
)  # fmt: skip
def test_the_way_back_is_left_out(tmp_path: Path, back: str) -> None:
    assert names(tmp_path, "1_a.sql", back) == ["1_a.sql"]
    assert read_files(tmp_path).left_out == ([] if back.startswith(".") else [back])


@pytest.mark.parametrize(
    "name", ["1_add_down.payments.sql", "1_markdown.sql", "1_rollback_segments.sql", "Users.sql"]
)
def test_a_name_that_only_resembles_a_way_back_is_loaded(tmp_path: Path, name: str) -> None:
    assert names(tmp_path, name) == [name]


def test_a_baseline_stands_for_what_came_before_it(tmp_path: Path) -> None:
    files = ["V1__a.sql", "B2__b.sql", "V2__c.sql", "V3__d.sql", "afterMigrate.sql", "R__e.sql"]
    assert names(tmp_path, *files) == ["B2__b.sql", "V3__d.sql", "R__e.sql"]
    assert read_files(tmp_path).left_out == ["V1__a.sql", "V2__c.sql", "afterMigrate.sql"]


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("-- migrate:up transaction:false", "-- migrate:down"),
        ("-- +goose Up", "-- +goose Down"),
        ("-- +migrate Up", "-- +migrate Down"),
        ("-- Up Migration", "-- Down Migration"),
    ],
)
def test_of_two_ways_in_one_file_the_way_forth_is_taken_and_lines_stay(up: str, down: str) -> None:
    text = f"-- note\n{up}\ncreate table t ();\n{down}\ndrop table t;\n"
    assert way_forth(text) == "\n" + f"{up}\ncreate table t ();" + "\n\n\n"
    assert way_forth(f"{down}\ndrop table t;\n{up}\nselect 1") == f"\n\n{up}\nselect 1"


def test_text_without_sections_stays_as_it_is() -> None:
    text = "select 1; -- up\n-- update all\n-- downward\n"
    assert way_forth(text) == text


def test_a_file_is_read_as_people_save_it(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes("\ufeffselect 'ä';\r\nselect 2;".encode())
    (file,) = read_files(tmp_path / "a.sql").files
    assert file.text == "select 'ä';\nselect 2;"


def test_the_digest_moves_with_names_texts_and_what_is_left_out_not(tmp_path: Path) -> None:
    names(tmp_path, "1.sql", "2.sql")
    first = read_files(tmp_path).digest
    assert read_files(tmp_path).digest == first
    names(tmp_path, "2.down.sql")
    assert read_files(tmp_path).digest == first
    (tmp_path / "2.sql").write_text("select 3;")
    second = read_files(tmp_path).digest
    (tmp_path / "2.sql").rename(tmp_path / "3.sql")
    assert len({first, second, read_files(tmp_path).digest}) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"select 1;\n\xff\n", r"a\.sql:2: this is not text in UTF-8"),
        (b"PGDMP\x01\x0e\x00", "pg_dump's own format"),
        (b"select\0", "a zero byte"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.sql").write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_files(tmp_path / "a.sql")


def test_a_folder_without_sql_is_refused_and_so_is_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(ConfigError, match="no SQL file in the folder"):
        read_files(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot read .*none\.sql: No such file"):
        read_files(tmp_path / "none.sql")
